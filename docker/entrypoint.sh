#!/bin/bash
#
# Fills the environment into nginx.conf and becomes nginx.
#
#   BOXOFFICE_REDIS     redis://host:port
#   BOXOFFICE_POSTGRES  conninfo: "host=... dbname=... user=... password=..."
#   BOXOFFICE_AUTH      argument of boxoffice_auth (off)

set -euo pipefail

: "${BOXOFFICE_REDIS:?is not set}" "${BOXOFFICE_POSTGRES:?is not set}"

# What comes from outside stays one argument of one directive.
for name in BOXOFFICE_REDIS BOXOFFICE_POSTGRES BOXOFFICE_AUTH; do
    if [[ ${!name-} == *[\"\\\;{}$]* || ${!name-} == *$'\n'* ]]; then
        echo "$name has a character that nginx.conf gives a meaning" >&2
        exit 1
    fi
done

text=$(</etc/nginx/boxoffice/nginx.conf.in)
text=${text//@REDIS@/$BOXOFFICE_REDIS}
text=${text//@POSTGRES@/$BOXOFFICE_POSTGRES}
text=${text//@AUTH@/${BOXOFFICE_AUTH:-off}}

umask 077
printf '%s\n' "$text" >/run/boxoffice/nginx.conf

exec nginx -c /run/boxoffice/nginx.conf -g 'daemon off;'
