#!/bin/bash
#
# Brings a database to the newest schema.
#
#   sql/migrate.sh [CONNINFO]
#
# CONNINFO is what libpq takes: "dbname=boxoffice host=/run/postgresql" or a
# postgresql:// address; without it, BOXOFFICE_POSTGRES is.  A password is
# best there or in PGPASSWORD: others can read a command line.  Applies every sql/NNN_*.sql that is not in
# boxoffice.schema_migrations yet, in order, each in its own transaction.
# A session lock makes a second run wait for the first.  An applied file
# that was edited afterwards is an error.

set -euo pipefail

if [ $# -gt 1 ] || [ -z "${1:-${BOXOFFICE_POSTGRES-}}" ]; then
    echo "usage: $0 CONNINFO, or set BOXOFFICE_POSTGRES" >&2
    exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)

# shellcheck source=sql/conninfo.sh
. "$here/conninfo.sh"
split_conninfo "${1:-$BOXOFFICE_POSTGRES}"

script() {
    local file name sum

    cat <<SQL
\\set ON_ERROR_STOP on
set client_min_messages = warning;
set lock_timeout = 0;
select pg_advisory_lock(hashtext('boxoffice.migrate')) \\g /dev/null
create schema if not exists boxoffice;
create table if not exists boxoffice.schema_migrations (
    name       text not null,
    checksum   text not null,
    applied_at timestamptz not null default now(),
    constraint schema_migrations_pkey primary key (name)
);
SQL

    for file in "$here"/[0-9][0-9][0-9]_*.sql; do
        name=$(basename "$file")
        sum=$(md5sum < "$file" | cut -d' ' -f1)

        cat <<SQL
select count(*) = 1 as applied, coalesce(bool_or(checksum <> '$sum'), false)
       as edited
from boxoffice.schema_migrations where name = '$name' \\gset
\\if :edited
do \$\$ begin raise '$name was edited after it was applied'; end \$\$;
\\endif
\\if :applied
\\else
\\echo applying $name
begin;
SQL
        cat "$file"
        cat <<SQL

insert into boxoffice.schema_migrations (name, checksum)
values ('$name', '$sum');
commit;
\\endif
SQL
    done
}

script | PGPASSWORD=$PASSWORD psql -X -q -d "$CONNINFO" -f -
