# shellcheck shell=bash
#
# ./dev run, stop, psql, redis-cli: a private PostgreSQL, a private Redis and
# nginx, all of it in one directory var/run-PID that "stop" takes away.
#
# var/run-PID/env holds what the other verbs need: ADDRESS, REDIS, POSTGRES.


# PostgreSQL's user must reach its data, and a socket's path must fit in 107
# bytes.  Where the checkout allows neither, var/run-PID is a link to /tmp.
make_stack_dir() {
    local dir=$VAR/run-$$ real

    mkdir -p "$VAR"
    mkdir "$dir"
    chmod 755 "$VAR" "$dir"

    if (( ${#dir} > 70 )) || ! "${AS_POSTGRES[@]}" test -x "$dir" 2>/dev/null; then
        rmdir "$dir"
        real=$(mktemp -d /tmp/boxoffice-XXXXXXXX)
        chmod 755 "$real"
        ln -s "$real" "$dir"
        dir=$real
    fi

    STACK_LINK=$VAR/run-$$
    STACK=$dir
}


# A password, even here: on a machine with other users "trust" on a socket
# that nginx's workers can reach would hand them a superuser.
start_postgres() {
    local dir=$STACK/postgres password port

    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    port=$(next_free_port 5433)
    mkdir "$dir"
    (umask 077; echo "$password" >"$STACK/postgres.password")

    if (( EUID == 0 )); then
        chown postgres "$dir" "$STACK/postgres.password"
    fi

    quietly "$STACK/initdb.log" "${AS_POSTGRES[@]}" "$PG_BIN/initdb" \
        -D "$dir/data" -U boxoffice --pwfile="$STACK/postgres.password" \
        -A scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions

    "${AS_POSTGRES[@]}" setsid "$PG_BIN/postgres" -D "$dir/data" \
        -c listen_addresses=127.0.0.1 -c port="$port" \
        -c unix_socket_directories="$dir" -c cluster_name=boxoffice-dev \
        </dev/null >"$STACK/postgres.log" 2>&1 &
    echo $! >"$STACK/postgres.pid"

    POSTGRES="host=$dir port=$port user=boxoffice password=$password"
    wait_for 30 psql -X "$POSTGRES dbname=postgres" -c 'select 1' \
        || die "PostgreSQL did not start, see $STACK/postgres.log"
    quietly "$STACK/createdb.log" psql -X "$POSTGRES dbname=postgres" \
        -c 'create database boxoffice'
    POSTGRES+=" dbname=boxoffice"
}


# noeviction: a lock that is evicted is a seat held by two.  Nothing is saved:
# what Redis knows can be rebuilt.
start_redis() {
    local port

    port=$(next_free_port 6380)
    setsid redis-server --bind 127.0.0.1 --port "$port" --save '' \
        --appendonly no --maxmemory-policy noeviction --dir "$STACK" \
        </dev/null >"$STACK/redis.log" 2>&1 &
    echo $! >"$STACK/redis.pid"

    wait_for 10 redis-cli -p "$port" ping \
        || die "Redis did not start, see $STACK/redis.log"
    REDIS=redis://127.0.0.1:$port
}


migrate() {
    quietly "$STACK/migrate.log" "$ROOT/sql/migrate.sh" "$POSTGRES"
    quietly "$STACK/sample.log" psql -X -q -v ON_ERROR_STOP=1 "$POSTGRES" \
        -f "$ROOT/sql/sample.sql"
}


# render TEMPLATE NAME=VALUE...: @NAME@ in the template becomes VALUE.
render() {
    local text pair

    text=$(<"$1")
    shift

    for pair; do
        text=${text//"@${pair%%=*}@"/"${pair#*=}"}
    done

    printf '%s\n' "$text"
}


start_nginx() {
    local dir=$STACK/nginx port

    port=$(next_free_port "${BOXOFFICE_PORT:-8080}")
    mkdir -p "$dir/logs" "$dir/temp"

    # the PostgreSQL password is in it
    (
        umask 077
        render "$ROOT/conf/dev.conf.in" "USER=$(worker_user)" \
            "MODULE=$BUILD/release/$MODULE" "ROOT=$ROOT" "PORT=$port" \
            "REDIS=$REDIS" "POSTGRES=$POSTGRES" >"$dir/nginx.conf"
    )

    if (( EUID != 0 )); then
        sed -i '/^user /d' "$dir/nginx.conf"
    fi

    setsid /usr/sbin/nginx -p "$dir/" -c "$dir/nginx.conf" \
        -e "$dir/logs/error.log" </dev/null >"$STACK/nginx.log" 2>&1 &
    echo $! >"$STACK/nginx.pid"

    if ! wait_for 10 port_is_taken_by_nginx "$port"; then
        tail -n 20 "$STACK/nginx.log" "$dir/logs/error.log" >&2
        die "nginx did not start"
    fi

    ADDRESS=http://127.0.0.1:$port/
}


port_is_taken_by_nginx() {
    kill -0 "$(<"$STACK/nginx.pid")" && ! port_is_free "$1"
}


# A process whose parent has not yet asked for its status is gone all the same.
process_is_gone() {
    [[ ! -e /proc/$1 ]] || grep -q '^State:[[:blank:]]Z' "/proc/$1/status"
}


# stop_process FILE SIGNAL: the process whose id is in FILE, if it is still
# ours: ids are used again, so its directory or command line must name us.
stop_process() {
    local file=$1 signal=$2 pid dir=${1%/*}

    [[ -e $file ]] || return 0
    pid=$(<"$file")

    if process_is_gone "$pid" ||
        [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != *"$dir"* &&
            $(readlink "/proc/$pid/cwd") != "$dir" ]]
    then
        return 0
    fi

    kill -s "$signal" "$pid" 2>/dev/null || return 0

    if ! wait_for 10 process_is_gone "$pid"; then
        kill -s KILL "$pid" 2>/dev/null || true
    fi
}


# stop_stack LINK: everything of one stack, in the order of dependence.
stop_stack() {
    local link=$1 dir

    dir=$(readlink -f "$link")
    stop_process "$dir/nginx.pid" TERM
    stop_process "$dir/redis.pid" TERM
    stop_process "$dir/postgres.pid" INT
    rm -rf -- "$dir" "$link"
}


stop_stacks() {
    local link

    for link in "$VAR"/run-*; do
        if [[ -e $link || -L $link ]]; then
            stop_stack "$link"
        fi
    done
}


# run_stack [-d]
run_stack() {
    local background=0

    if [[ ${1-} == -d ]]; then
        background=1
    elif (( $# )); then
        die "run: unknown argument $1"
    fi

    install_packages run build
    build_release
    make_stack_dir
    trap 'stop_stack "$STACK_LINK"' EXIT
    trap 'exit 130' INT TERM

    REDIS=${BOXOFFICE_REDIS-}
    POSTGRES=${BOXOFFICE_POSTGRES-}
    [[ -n $REDIS ]] || start_redis
    [[ -n $POSTGRES ]] || start_postgres
    migrate
    start_nginx

    (
        umask 077
        printf '%s=%q\n' ADDRESS "$ADDRESS" REDIS "$REDIS" \
            POSTGRES "$POSTGRES" >"$STACK/env"
    )

    say "logs: $STACK/nginx/logs"

    if (( background )); then
        trap - EXIT
        echo "$ADDRESS"
        return
    fi

    say "Ctrl-C stops it"
    echo "$ADDRESS"

    # wait returns at once on a signal, a foreground sleep would not
    while kill -0 "$(<"$STACK/nginx.pid")" 2>/dev/null; do
        sleep 1 &
        wait $!
    done

    tail -n 20 "$STACK/nginx/logs/error.log" >&2
    die "nginx has ended"
}


# The newest running stack.
load_stack() {
    local newest

    # shellcheck disable=SC2012
    newest=$(ls -t "$VAR"/run-*/env 2>/dev/null | head -n 1)
    [[ -n $newest ]] || die "nothing is running: ./dev run"

    # shellcheck source=/dev/null
    . "$newest"
}


stack_psql() {
    load_stack
    PGOPTIONS="-c search_path=boxoffice,public" exec psql "$POSTGRES" "$@"
}


stack_redis_cli() {
    load_stack
    exec redis-cli -u "$REDIS" "$@"
}
