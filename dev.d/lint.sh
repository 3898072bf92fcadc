# shellcheck shell=bash
#
# ./dev lint: what a compiler does not check.  Each check prints what is wrong
# and is one line of TAP.

# Functions that may be longer than 80 lines, as "file:name".
LONG_FUNCTIONS=$ROOT/dev.d/long-functions.txt

TIDY_CHECKS="-*,bugprone-*,clang-analyzer-*,\
-bugprone-easily-swappable-parameters,\
-bugprone-reserved-identifier,\
-bugprone-assignment-in-if-condition,\
-clang-analyzer-security.insecureAPI.*"


run_lint() {
    local checks=(lint_layers lint_lines lint_functions lint_compare lint_shell
        lint_perl lint_javascript lint_lua)

    if [[ ${1-} == full ]]; then
        install_packages build test tidy
        build_release
        checks+=(lint_tidy)
    elif (( $# )); then
        die "lint: unknown argument $1"
    fi

    cd "$ROOT"
    run_checks "${checks[@]}" || exit 1
}


# run_checks FUNCTION...: as TAP; fails when one of them did.
run_checks() {
    local check output n=0 failed=0

    for check; do
        (( ++n ))

        if output=$("$check" 2>&1) && [[ -z $output ]]; then
            echo "ok $n - ${check#lint_}"
        else
            (( ++failed ))
            echo "not ok $n - ${check#lint_}"
            printf '%s\n' "$output" | sed 's/^/#   /'
        fi
    done

    echo "1..$n"
    return $(( failed > 0 ))
}


# files DIRECTORY NAME...: the files below a directory with such names, without
# what is built or installed.  By find: a bare machine has no git.
files() {
    local dir=$1 names=() name

    shift

    for name; do
        names+=(-o -name "$name")
    done

    find "$dir" \( -path ./build -o -path ./var -o -name .git \
        -o -name node_modules \) -prune -o -type f \
        \( "${names[@]:1}" \) -print | sed 's|^\./||' | sort
}


# Includes run downward only: http -> booking, store; jobs -> booking, store,
# net; store -> booking, net; net and booking -> nothing of ours, and booking
# knows neither nginx nor a client library.
lint_layers() {
    local list

    mapfile -t list < <(files src '*.c' '*.h')
    perl dev.d/lint-layers.pl "${list[@]}"
}


# The limit of nginx's style, for C; tabs nowhere but in Makefiles.
lint_lines() {
    local list

    mapfile -t list < <(files . '*.c' '*.h')
    awk 'length($0) > 80 { print FILENAME ":" FNR ": longer than 80" }
         /\t/ { print FILENAME ":" FNR ": tab" }
         /[ \t]$/ { print FILENAME ":" FNR ": blank at the end" }' "${list[@]}"
}


lint_functions() {
    local list

    mapfile -t list < <(files src '*.c')
    perl dev.d/lint-functions.pl "$LONG_FUNCTIONS" "${list[@]}"
}


# What proves something is compared in constant time.
lint_compare() {
    local list

    mapfile -t list < <(files src '*.c')
    perl dev.d/lint-compare.pl "${list[@]}"
}


lint_shell() {
    local list

    # the parts of dev share variables: they are checked as one, with dev
    mapfile -t list < <(files . '*.sh' | grep -v '^dev\.d/')
    shellcheck -x dev dev.d/lint-tap.sh .ci/run "${list[@]}"
}


lint_perl() {
    local list

    mapfile -t list < <(files . '*.pl' '*.pm' '*.t')
    perl -It/lib -Ibench/lib dev.d/lint-perl.pl "${list[@]}"
}


lint_javascript() {
    local list

    mapfile -t list < <(files . '*.js' '*.mjs')
    node --experimental-vm-modules --no-warnings dev.d/lint-javascript.mjs \
        "${list[@]}"
}


lint_lua() {
    local list

    mapfile -t list < <(files lua '*.lua')
    luac5.1 -p "${list[@]}"
}


# With the includes of the build, from its Makefile.
lint_tidy() {
    local list includes

    mapfile -t list < <(files "$ROOT/src" '*.c')
    read -r -a includes < <(make -s -f - includes <<'END'
include $(BUILD)/release/objs/Makefile
includes:
	@echo $(ALL_INCS)
END
    )

    cd "$BUILD/release/tree"
    clang-tidy-14 --quiet --warnings-as-errors='*' --checks="$TIDY_CHECKS" \
        "${list[@]}" -- "${includes[@]}" 2>/dev/null
}
