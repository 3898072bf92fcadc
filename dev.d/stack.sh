# shellcheck shell=bash
#
# ./dev run, stop, psql, redis-cli: a private PostgreSQL, a private Redis and
# nginx, all of it in one directory var/run-* that "stop" takes away.
#
# env in there holds what the other verbs need: ADDRESS, REDIS, POSTGRES; build
# names the build that runs.


# PostgreSQL's user must reach its data, and a socket's path must fit in 107
# bytes.  Where the checkout allows neither, it is a link to /tmp.
make_stack_dir() {
    local dir real

    mkdir -p "$VAR"
    dir=$(mktemp -d "$VAR/run-XXXXXXXX")
    STACK_LINK=$dir
    chmod 755 "$VAR" "$dir"

    if (( ${#dir} > 70 )) || ! "${AS_POSTGRES[@]}" test -x "$dir" 2>/dev/null; then
        rmdir "$dir"
        real=$(mktemp -d /tmp/boxoffice-XXXXXXXX)
        chmod 755 "$real"
        ln -s "$real" "$dir"
        dir=$real
    fi

    STACK=$dir
    echo "$BUILD" >"$STACK/build"
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
    wait_for 30 postgres_psql "$POSTGRES dbname=postgres" -c 'select 1' \
        || die "PostgreSQL did not start, see $STACK/postgres.log"
    quietly "$STACK/createdb.log" postgres_psql "$POSTGRES dbname=postgres" \
        -c 'create database boxoffice'
    POSTGRES+=" dbname=boxoffice"
}


# postgres_psql CONNINFO [ARGUMENT...]
postgres_psql() {
    split_conninfo "$1"
    PGPASSWORD=$PASSWORD psql -X "$CONNINFO" "${@:2}"
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
    BOXOFFICE_POSTGRES=$POSTGRES \
        quietly "$STACK/migrate.log" "$ROOT/sql/migrate.sh"
    quietly "$STACK/sample.log" postgres_sample
}


postgres_sample() {
    postgres_psql "$POSTGRES" -q -v ON_ERROR_STOP=1 -f "$ROOT/sql/sample.sql"
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
    local dir=$STACK/nginx port=${BOXOFFICE_PORT-}

    [[ -n $port ]] || port=$(next_free_port 8080)
    mkdir -p "$dir/logs" "$dir/temp"

    # the PostgreSQL password is in it
    (
        umask 077
        render "$ROOT/conf/dev.conf.in" "USER=$(worker_user)" \
            "MODULE=$BUILD/release/$MODULE" "ROOT=$ROOT" "PORT=$port" \
            "LISTEN=${BOXOFFICE_LISTEN:-127.0.0.1}" \
            "REDIS=$REDIS" "POSTGRES=$POSTGRES" >"$dir/nginx.conf"
    )

    # signs the tickets of waiting rooms; it stays, so that they stay good
    if [[ ! -s $dir/secret ]]; then
        (umask 077; od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$dir/secret")
    fi

    # and the codes on tickets
    if [[ ! -s $dir/ticket.pem ]]; then
        (umask 077; openssl genpkey -algorithm ed25519 -out "$dir/ticket.pem")
    fi

    # and the tokens of who logs in
    if [[ ! -s $dir/accounts.key ]]; then
        (umask 077; od -An -N48 -tx1 /dev/urandom | tr -d ' \n' >"$dir/accounts.key")
    fi

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


# nginx writes its own file when it has the port.
port_is_taken_by_nginx() {
    kill -0 "$(<"$STACK/nginx.pid")" && [[ -s $STACK/nginx/nginx.pid ]] &&
        ! port_is_free "$1"
}


# nginx is asked on 127.0.0.1 by dev itself, so it is there in any case.
check_listen() {
    [[ ${BOXOFFICE_LISTEN:-127.0.0.1} =~ ^(127\.0\.0\.1|0\.0\.0\.0)$ ]] ||
        die "BOXOFFICE_LISTEN=$BOXOFFICE_LISTEN is neither 127.0.0.1 nor" \
            "0.0.0.0"
}


# A port that was asked for is not silently another one.
check_port() {
    local port=${BOXOFFICE_PORT-}

    [[ -n $port ]] || return 0

    if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || (( port > 65535 )); then
        die "BOXOFFICE_PORT=$port is not a port"
    fi

    port_is_free "$port" || die "port $port is taken: ./dev stop, or another" \
        "BOXOFFICE_PORT"
}


# A process whose parent has not yet asked for its status is gone all the same.
process_is_gone() {
    [[ ! -e /proc/$1 ]] || grep -q '^State:[[:blank:]]Z' "/proc/$1/status"
}


# process_is_ours FILE: the process whose id is in FILE runs and is still the
# one: ids are used again, so its directory or command line must name us.
process_is_ours() {
    local pid dir=${1%/*}

    [[ -s $1 ]] || return 1
    pid=$(<"$1")
    ! process_is_gone "$pid" || return 1

    [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"$dir"* ||
        $(readlink "/proc/$pid/cwd") == "$dir" ]]
}


# stop_process FILE SIGNAL
stop_process() {
    local file=$1 signal=$2 pid

    process_is_ours "$file" 2>/dev/null || return 0
    pid=$(<"$file")
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


all_stacks() {
    local link

    for link in "$VAR"/run-*; do
        if [[ -e $link || -L $link ]]; then
            echo "$link"
        fi
    done
}


# Those of this build, running or not.
own_stacks() {
    local link links

    mapfile -t links < <(all_stacks)

    for link in "${links[@]}"; do
        if [[ $(cat "$link/build" 2>/dev/null) == "$BUILD" ]]; then
            echo "$link"
        fi
    done
}


stack_is_running() {
    local dir name

    dir=$(readlink -f "$1")

    for name in nginx redis postgres; do
        if process_is_ours "$dir/$name.pid" 2>/dev/null; then
            return 0
        fi
    done

    return 1
}


# The running stack that is meant: of BOXOFFICE_PORT, else this build's newest.
# Prints nothing when there is none.
meant_stack() {
    local link links newest=

    if [[ -n ${BOXOFFICE_PORT-} ]]; then
        mapfile -t links < <(all_stacks)

        for link in "${links[@]}"; do
            if grep -qs "^ADDRESS=.*:$BOXOFFICE_PORT/\$" "$link/env" &&
                stack_is_running "$link"
            then
                echo "$link"
                return
            fi
        done

        return
    fi

    mapfile -t links < <(own_stacks)

    for link in "${links[@]}"; do
        if [[ -e $link/env && ( -z $newest ||
            $link/env -nt $newest/env ) ]] && stack_is_running "$link"
        then
            newest=$link
        fi
    done

    echo "$newest"
}


# stop_stacks FUNCTION: the stacks that FUNCTION lists.
stop_stacks() {
    local link links

    mapfile -t links < <("$1")

    for link in "${links[@]}"; do
        stop_stack "$link"
    done
}


nothing_runs() {
    echo "nothing is running${BOXOFFICE_PORT:+ on port $BOXOFFICE_PORT}"
}


# stop_verb [--all]
stop_verb() {
    if [[ $# == 1 && $1 == --all ]]; then
        stop_stacks all_stacks
    elif (( $# )); then
        die "stop: unknown argument $1"
    elif [[ -n $(meant_stack) ]]; then
        stop_stacks meant_stack
    else
        say "$(nothing_runs)"
    fi
}


# run_stack [-d]
run_stack() {
    local background=0

    if [[ ${1-} == -d ]]; then
        background=1
    elif (( $# )); then
        die "run: unknown argument $1"
    fi

    check_port
    check_listen
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


# Sets ADDRESS, REDIS and POSTGRES to those of the stack that is meant.
load_stack() {
    local link

    link=$(meant_stack)
    [[ -n $link ]] || die "$(nothing_runs): ./dev run"

    # shellcheck source=/dev/null
    . "$link/env"
}


stack_psql() {
    load_stack
    split_conninfo "$POSTGRES"
    PGPASSWORD=$PASSWORD PGOPTIONS="-c search_path=boxoffice,public" \
        exec psql "$CONNINFO" "$@"
}


# stack_admin EMAIL: who has registered with that address becomes an
# administrator.
stack_admin() {
    (( $# == 1 )) || die "admin: needs the address of who has registered"
    load_stack
    split_conninfo "$POSTGRES"
    PGPASSWORD=$PASSWORD psql -X -q -t -v ON_ERROR_STOP=1 -v email="$1" \
        "$CONNINFO" <<<"select boxoffice.set_person_role(:'email', 'ADMIN');" \
        >/dev/null
    say "$1 is an administrator from the next login on"
}


stack_redis_cli() {
    load_stack
    exec redis-cli -u "$REDIS" "$@"
}
