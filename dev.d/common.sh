# shellcheck shell=bash
#
# What every verb uses: messages, privileges, ports, waiting.

BUILD=$(realpath -m -- "${BOXOFFICE_BUILD:-$ROOT/build}")
VAR=$ROOT/var
PG_BIN=/usr/lib/postgresql/15/bin
MODULE=ngx_http_boxoffice_module.so


say() {
    printf '%s\n' "$*" >&2
}


die() {
    say "dev: $*"
    exit 1
}


as_root() {
    if (( EUID == 0 )); then
        "$@"
    else
        command -v sudo >/dev/null || die "run this as root: $*"
        sudo "$@"
    fi
}


# PostgreSQL refuses to run as root; anybody else runs it himself.  An array and
# not a function: "${AS_POSTGRES[@]}" command & leaves the command's own id in $!.
AS_POSTGRES=()

if (( EUID == 0 )); then
    AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
fi


# The user of nginx's workers.  They read html/ themselves, so a checkout that
# others cannot enter (/root, a 0700 home) leaves only root.
worker_user() {
    if (( EUID != 0 )); then
        id -un
    elif setpriv --reuid=www-data --regid=www-data --clear-groups \
            -- test -r "$ROOT/html/." 2>/dev/null
    then
        echo www-data
    else
        echo root
    fi
}


port_is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}


# next_free_port FIRST: the first free port from FIRST on.
next_free_port() {
    local port=$1

    until port_is_free "$port"; do
        (( port++ < 65535 )) || die "no free port from $1 on"
    done

    echo "$port"
}


# wait_for SECONDS COMMAND...: until COMMAND succeeds.
wait_for() {
    local end=$(( SECONDS + $1 ))

    shift

    until "$@" >/dev/null 2>&1; do
        (( SECONDS < end )) || return 1
        sleep 0.05
    done
}


# quietly LOG COMMAND...: the output is shown only when COMMAND fails.
quietly() {
    local log=$1

    shift

    if ! "$@" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        die "failed: $* (log: $log)"
    fi
}
