#!/bin/bash
#
# Migrates the database of BOXOFFICE_POSTGRES; with BOXOFFICE_SAMPLE=1 it loads
# the sample data too.

set -euo pipefail

sql=/usr/share/boxoffice/sql

# from the environment: others can read a command line
: "${BOXOFFICE_POSTGRES:?is not set}"
"$sql/migrate.sh"

if [[ ${BOXOFFICE_SAMPLE-} == 1 ]]; then
    # shellcheck source=sql/conninfo.sh
    . "$sql/conninfo.sh"
    split_conninfo "$BOXOFFICE_POSTGRES"
    PGPASSWORD=$PASSWORD psql -X -q -v ON_ERROR_STOP=1 "$CONNINFO" \
        -f "$sql/sample.sql"
fi
