# shellcheck shell=bash
#
# ./dev test, asan, fuzz, bench, postman.  Everything that is tested speaks TAP, and
# run-tests.pl runs it and counts.


# The suites, or the files that were named.  Browsers and faults last: they take
# longest and tell least about what is simply wrong; then what judges all.
list_tests() {
    local file

    if (( $# )); then
        for file; do
            [[ -e $file ]] || die "no such test: $file"
            test_command "$(realpath "$file")"
        done
        return
    fi

    echo "$ROOT/dev.d/lint-tap.sh"

    for file in "$BUILD"/unit/test_*; do
        if [[ -x $file && -f $file ]]; then
            echo "$file"
        fi
    done

    for file in "$ROOT"/t/*.t "$ROOT"/t/sql/*.t; do
        test_command "$file"
    done

    # a browser keeps a core busy, a fault mostly waits: in turns
    paste -d '\n' <(printf '%s\n' "$ROOT"/t/browser/*.test.mjs) \
        <(printf '%s\n' "$ROOT"/t/fault/*.t) | while read -r file
    do
        if [[ -n $file ]]; then
            test_command "$file"
        fi
    done

    for file in "$ROOT"/t/last/*.t; do
        test_command "$file"
    done
}


# Browser tests get a server of their own.
test_command() {
    case $1 in
        *.test.mjs)
            echo "perl -I$ROOT/t/lib $ROOT/t/lib/with-server.pl" \
                "node --test --test-reporter=$ROOT/t/lib/tap-reporter.mjs $1"
            ;;
        *)
            echo "$1"
            ;;
    esac
}


build_unit_tests() {
    if [[ -e $ROOT/t/unit/Makefile ]]; then
        mkdir -p "$BUILD/unit"
        quietly "$BUILD/unit/make.log" make -C "$ROOT/t/unit" \
            -j "$(nproc)" OUT="$BUILD/unit" "$@"
    fi
}


run_suites() {
    local tests

    list_tests "$@" >"$BUILD/tests"
    mapfile -t tests <"$BUILD/tests"

    # browser tests leave their screenshots there
    export ARTIFACTS=$BUILD/test-logs/screenshots
    rm -rf "$BUILD/test-logs"
    mkdir -p "$ARTIFACTS"

    if (( $# == 0 )); then
        export BOXOFFICE_TEST_WHOLE=1
    fi

    CMOCKA_MESSAGE_OUTPUT=TAP \
        perl "$ROOT/dev.d/run-tests.pl" "$BUILD/test-logs" "${tests[@]}" \
        </dev/null
}


# Where a browser cannot be installed its tests fail, and the others still run.
install_for() {
    if (( $# == 0 )) || [[ " $* " == *.test.mjs\ * ]]; then
        (install_packages browser) || say "the browser tests cannot be set up"
    fi
}


# run_tests [FILE...]
run_tests() {
    install_packages build run test
    install_for "$@"
    build_release
    build_unit_tests
    export BOXOFFICE_MODULE=$BUILD/release/$MODULE
    run_suites "$@" || exit 1
}


# run_asan [FILE...]: a report of a sanitizer fails the test that it belongs
# to, since t/lib looks for them.
run_asan() {
    install_packages build run test asan
    install_for "$@"
    build_asan
    BUILD=$BUILD/asan build_unit_tests SAN=1
    export BOXOFFICE_NGINX=$BUILD/asan/nginx
    export BOXOFFICE_MODULE=$BUILD/asan/$MODULE
    BUILD=$BUILD/asan run_suites "$@" || exit 1
}


run_fuzz() {
    install_packages build fuzz
    exec "$ROOT/t/fuzz/run.sh" "${@:-100000}"
}


write_postman() {
    local file=${1:-$BUILD/boxoffice.postman.json}

    install_packages postman
    mkdir -p "$BUILD"
    node "$ROOT/t/postman/collection.mjs" "$ROOT/docs/openapi.yaml" \
        >"$file.new"
    mv "$file.new" "$file"
    say "written: $file"
}


run_flashsale() {
    install_packages build run test
    build_release
    export BOXOFFICE_BUILD=$BUILD
    export BOXOFFICE_MODULE=$BUILD/release/$MODULE
    exec "$ROOT/bench/flashsale/run" "$@"
}


run_bench() {
    install_packages build run test bench
    build_release
    export BOXOFFICE_BUILD=$BUILD
    export BOXOFFICE_MODULE=$BUILD/release/$MODULE
    exec "$ROOT/bench/run" "$@"
}
