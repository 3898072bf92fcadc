#!/bin/bash
#
# Migrates the database of BOXOFFICE_POSTGRES; with BOXOFFICE_SAMPLE=1 it loads
# the sample data too.

set -euo pipefail

sql=/usr/share/boxoffice/sql

"$sql/migrate.sh" "${BOXOFFICE_POSTGRES:?is not set}"

if [[ ${BOXOFFICE_SAMPLE-} == 1 ]]; then
    psql -X -q -v ON_ERROR_STOP=1 "$BOXOFFICE_POSTGRES" -f "$sql/sample.sql"
fi
