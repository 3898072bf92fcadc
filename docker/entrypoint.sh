#!/bin/bash
#
# Fills the environment into nginx.conf and becomes nginx.
#
#   BOXOFFICE_REDIS     redis://host:port
#   BOXOFFICE_POSTGRES  conninfo: "host=... dbname=... user=... password=..."
#   BOXOFFICE_AUTH      arguments of boxoffice_auth (keys house: those who have
#                       logged in here, and services)
#   BOXOFFICE_GATEWAY   arguments of boxoffice_gateway, but for its files, such
#                       as "stripe publishable_key=pk_live_x".  "mock": payments
#                       are only played, as they are where users name themselves
#                       (BOXOFFICE_AUTH=development) and nothing is said
#
# What a gateway other than the mock needs, each as a file or in the environment;
# without the second there are no webhooks.
#
#   BOXOFFICE_GATEWAY_KEY_FILE, BOXOFFICE_GATEWAY_KEY
#   BOXOFFICE_GATEWAY_WEBHOOKS_FILE, BOXOFFICE_GATEWAY_WEBHOOKS
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

# given NAME FILE: a file of nginx's own, for mounted ones may be readable for
# others, which it refuses.  Fails when there is nothing.
given() {
    local file=$1_FILE

    if [[ -n ${!file-} ]]; then
        cat -- "${!file}" >"$run/$2"
    elif [[ -n ${!1-} ]]; then
        printf '%s' "${!1}" >"$run/$2"
    else
        return 1
    fi

    unset "$1"
}

# secret NAME FILE: the same, made when it was not given before.
secret() {
    if ! given "$1" "$2" && [[ ! -s $run/$2 ]]; then
        echo "neither $1_FILE nor $1 is set: one for this container is made" >&2
        od -An -N48 -tx1 /dev/urandom | tr -d ' \n' >"$run/$2"
    fi
}

# Arguments of boxoffice_gateway.
gateway() {
    case "${BOXOFFICE_GATEWAY-} ${BOXOFFICE_AUTH-} " in
    ' '*' development '* | ' development '*)
        echo mock ;;
    ' '*)
        echo "BOXOFFICE_GATEWAY is not set: \"mock\" plays payments" >&2
        return 1 ;;
    mock*)
        echo "$BOXOFFICE_GATEWAY" ;;
    *)
        given BOXOFFICE_GATEWAY_KEY gateway.key || {
            echo "BOXOFFICE_GATEWAY_KEY_FILE is not set" >&2
            return 1
        }

        ! given BOXOFFICE_GATEWAY_WEBHOOKS gateway.secrets \
            || set -- "webhook_secret_file=$run/gateway.secrets"

        echo "$BOXOFFICE_GATEWAY key_file=$run/gateway.key $*" ;;
    esac
}

: "${BOXOFFICE_REDIS:?is not set}" "${BOXOFFICE_POSTGRES:?is not set}"

# What comes from outside stays one argument of one directive.
for name in BOXOFFICE_{REDIS,POSTGRES,AUTH,GATEWAY}; do
    if [[ ${!name-} == *[\"\\\;{}$]* || ${!name-} == *$'\n'* ]]; then
        echo "$name has a character that nginx.conf gives a meaning" >&2
        exit 1
    fi
done

secret BOXOFFICE_ACCOUNTS_KEY accounts.key
secret BOXOFFICE_SECRET secret
gateway=$(gateway)
unset BOXOFFICE_GATEWAY_KEY BOXOFFICE_GATEWAY_WEBHOOKS

# Quoted: bash would put the name in place of each "&" of a value.
text=$(<"${BOXOFFICE_CONF:-/etc/nginx/boxoffice/nginx.conf.in}")
text=${text//@REDIS@/"$BOXOFFICE_REDIS"}
text=${text//@POSTGRES@/"$BOXOFFICE_POSTGRES"}
text=${text//@AUTH@/"${BOXOFFICE_AUTH:-keys house}"}
text=${text//@GATEWAY@/"$gateway"}

printf '%s\n' "$text" >"$run/nginx.conf"

exec nginx -c "$run/nginx.conf" -g 'daemon off;'
