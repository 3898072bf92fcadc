#!/bin/bash
#
# Fills the environment into nginx.conf and becomes nginx.
#
#   BOXOFFICE_REDIS     redis://host:port
#   BOXOFFICE_POSTGRES  conninfo: "host=... dbname=... user=... password=..."
#   BOXOFFICE_AUTH      arguments of boxoffice_auth (keys house: those who have
#                       logged in here, and services)
#
# Two secrets, each as a file or in the environment, the same on all nodes; 32
# bytes at least.  One that is missing is made, and goes with the container: then
# who is logged in has to do so again.
#
#   BOXOFFICE_ACCOUNTS_KEY_FILE, BOXOFFICE_ACCOUNTS_KEY
#                       signs the tokens of those who log in
#   BOXOFFICE_SECRET_FILE, BOXOFFICE_SECRET
#                       signs tickets and passes of waiting rooms
#
# Where files are, for a test of this script:
#   BOXOFFICE_RUN       what is written (/run/boxoffice)
#   BOXOFFICE_CONF      (/etc/nginx/boxoffice/nginx.conf.in)

set -euo pipefail
umask 077

run=${BOXOFFICE_RUN:-/run/boxoffice}

# secret NAME FILE: a file of nginx's own, for mounted ones may be readable for
# others, which it refuses.
secret() {
    local file=$1_FILE

    if [[ -n ${!file-} ]]; then
        cat -- "${!file}" >"$run/$2"
    elif [[ -n ${!1-} ]]; then
        printf '%s' "${!1}" >"$run/$2"
    elif [[ ! -s $run/$2 ]]; then
        echo "neither $file nor $1 is set: one for this container is made" >&2
        od -An -N48 -tx1 /dev/urandom | tr -d ' \n' >"$run/$2"
    fi

    unset "$1"
}

: "${BOXOFFICE_REDIS:?is not set}" "${BOXOFFICE_POSTGRES:?is not set}"

# What comes from outside stays one argument of one directive.
for name in BOXOFFICE_REDIS BOXOFFICE_POSTGRES BOXOFFICE_AUTH; do
    if [[ ${!name-} == *[\"\\\;{}$]* || ${!name-} == *$'\n'* ]]; then
        echo "$name has a character that nginx.conf gives a meaning" >&2
        exit 1
    fi
done

secret BOXOFFICE_ACCOUNTS_KEY accounts.key
secret BOXOFFICE_SECRET secret

text=$(<"${BOXOFFICE_CONF:-/etc/nginx/boxoffice/nginx.conf.in}")
text=${text//@REDIS@/$BOXOFFICE_REDIS}
text=${text//@POSTGRES@/$BOXOFFICE_POSTGRES}
text=${text//@AUTH@/${BOXOFFICE_AUTH:-keys house}}

printf '%s\n' "$text" >"$run/nginx.conf"

exec nginx -c "$run/nginx.conf" -g 'daemon off;'
