# shellcheck shell=bash
#
# ./dev install: Debian packages and the npm packages of the browser tests.
# Asking dpkg first makes it instant when nothing is missing.

PACKAGES_build="gcc make libc6-dev nginx-dev libpcre2-dev zlib1g-dev
    libssl-dev libhiredis-dev libpq-dev libjansson-dev libwslay-dev
    librdkafka-dev libcurl4-openssl-dev libqrencode-dev
    libsodium-dev"

PACKAGES_run="nginx libhiredis0.14 libpq5 libjansson4 libwslay1 librdkafka1
    libcurl4 libqrencode4 libsodium23 openssl ca-certificates postgresql-15
    postgresql-client-15 redis-server redis-tools"

PACKAGES_test="perl libmojolicious-perl libev-perl libtest2-suite-perl
    libio-socket-ssl-perl libcrypt-jwt-perl libredis-perl libdbd-pg-perl
    libcmocka-dev openssl shellcheck lua5.1 curl zbar-tools python3-aiosmtpd
    libjson-validator-perl libyaml-libyaml-perl"

PACKAGES_browser="chromium-headless-shell fonts-liberation"

PACKAGES_asan="dpkg-dev xz-utils patch"
PACKAGES_fuzz="clang-14 libclang-rt-14-dev llvm-14"
PACKAGES_tidy="clang-tidy-14"
PACKAGES_postman=""
PACKAGES_bench="wrk libnginx-mod-http-lua lua-cjson"


missing_packages() {
    local package

    for package; do
        # "not-installed" is a status, too
        [[ " $(dpkg-query -W -f='${db:Status-Status} ' "$package" 2>/dev/null)" \
            == *\ installed\ * ]] || echo "$package"
    done
}


# Debian starts a service when its package is configured, and creates a
# PostgreSQL cluster.  Both stay off while we install: nothing of this machine
# shall start because somebody wanted to try Boxoffice.
#
# The files of this machine that are in the way are put back by the trap of
# apt_install, which runs in a subshell of its own.
hold_services() {
    policy=/usr/sbin/policy-rc.d
    cluster=/etc/postgresql-common/createcluster.d/boxoffice.conf

    if [[ -e $policy ]]; then
        as_root mv "$policy" "$policy.boxoffice"
    fi

    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"

    if [[ -n $(missing_packages postgresql-common) ]]; then
        as_root mkdir -p "${cluster%/*}"
        echo 'create_main_cluster = false' | as_root tee "$cluster" >/dev/null
    fi
}


release_services() {
    as_root rm -f "$policy" "$cluster"

    if [[ -e $policy.boxoffice ]]; then
        as_root mv "$policy.boxoffice" "$policy"
    fi
}


apt_install() (
    trap release_services EXIT
    trap 'exit 130' INT TERM
    hold_services

    export DEBIAN_FRONTEND=noninteractive

    as_root apt-get -q -o Acquire::Retries=3 update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
        --no-install-recommends install "$@"
)


# install_packages GROUP...
install_packages() {
    local group list packages=() missing

    for group; do
        list=PACKAGES_$group
        [[ -n ${!list+set} ]] || die "unknown group of packages: $group"
        read -r -d '' -a list <<<"${!list}" || true
        packages+=("${list[@]}")

        # lint needs node, the others npm, too; any version will do
        if [[ " test browser bench postman " == *" $group "* ]]; then
            command -v node >/dev/null || packages+=(nodejs)
            command -v npm >/dev/null || packages+=(npm)
        fi
    done

    mapfile -t missing < <(missing_packages "${packages[@]}")

    if (( ${#missing[@]} )); then
        say "installing ${missing[*]}"
        mkdir -p "$BUILD"
        quietly "$BUILD/apt.log" apt_install "${missing[@]}"
    fi

    for group; do
        if [[ $group == test ]]; then
            install_npm "$ROOT/t/auth"
            install_npm "$ROOT/t/aws"
            install_npm "$ROOT/t/postman"
        elif [[ $group == postman ]]; then
            install_npm "$ROOT/t/postman"
        elif [[ $group == browser ]]; then
            install_npm "$ROOT/t/browser"
        elif [[ $group == bench ]]; then
            install_npm "$ROOT/bench/peers/node"
        fi
    done
}


# install_npm DIRECTORY: what its package-lock.json names, exactly.
install_npm() {
    local dir=$1

    [[ -e $dir/package-lock.json ]] || return 0

    if [[ $dir/node_modules/.package-lock.json -nt $dir/package-lock.json ]]
    then
        return 0
    fi

    say "installing the npm packages of ${dir#"$ROOT"/}"
    mkdir -p "$BUILD"
    quietly "$BUILD/npm.log" npm --prefix "$dir" ci \
        --ignore-scripts --omit=dev --no-audit --no-fund
    touch "$dir/node_modules/.package-lock.json"
}


install_groups() {
    if (( $# == 0 )); then
        set -- build run test browser
    fi

    install_packages "$@"
}
