# shellcheck shell=bash
#
# ./dev lint: what a compiler does not check.  Each check prints what is wrong
# and is one line of TAP.

# Functions that may be longer than 80 lines, as "file:name".
LONG_FUNCTIONS=$ROOT/dev.d/long-functions.txt


run_lint() {
    local checks=(lint_layers lint_lines lint_functions lint_shell lint_perl
        lint_javascript lint_lua)

    if [[ ${1-} == full ]]; then
        install_packages build test tidy
        checks+=(lint_tidy)
    elif (( $# )); then
        die "lint: unknown argument $1"
    fi

    cd "$ROOT"
    run_checks "${checks[@]}"
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


# files PATTERN...: those of the repository, committed or not.
files() {
    git -c safe.directory='*' ls-files --cached --others --exclude-standard \
        -- "$@" 2>/dev/null | sort -u | while read -r file; do
            if [[ -e $file ]]; then
                echo "$file"
            fi
        done
}


# Includes run downward only: http -> booking, store; jobs -> booking, store,
# net; store -> booking, net; net and booking -> nothing of ours, and booking
# knows neither nginx nor a client library.
lint_layers() {
    perl dev.d/lint-layers.pl $(files 'src/*.c' 'src/*.h')
}


# The limit of nginx's style, for C; tabs nowhere but in Makefiles.
lint_lines() {
    local list

    mapfile -t list < <(files '*.c' '*.h')
    (( ${#list[@]} )) || return 0

    awk 'length($0) > 80 { print FILENAME ":" FNR ": longer than 80" }
         /\t/ { print FILENAME ":" FNR ": tab" }
         /[ \t]$/ { print FILENAME ":" FNR ": blank at the end" }' "${list[@]}"
}


lint_functions() {
    perl dev.d/lint-functions.pl "$LONG_FUNCTIONS" $(files 'src/*.c')
}


lint_shell() {
    local list

    mapfile -t list < <(files '*.sh' | grep -v '^dev\.d/')
    shellcheck -x dev dev.d/lint-tap.sh .ci/run
    (( ${#list[@]} == 0 )) || shellcheck -x "${list[@]}"
}


lint_perl() {
    local file

    for file in $(files '*.pl' '*.pm' '*.t'); do
        perl -It/lib -c "$file" 2>&1 | grep -v ' syntax OK$' || true
    done
}


lint_javascript() {
    local file

    for file in $(files '*.js' '*.mjs'); do
        # the modules of a page end in .js, and node goes by the name
        if [[ $file == html/*.js ]]; then
            node --input-type=module --check <"$file" || echo "$file"
        else
            node --check "$file"
        fi
    done
}


lint_lua() {
    local list

    mapfile -t list < <(files '*.lua')
    (( ${#list[@]} == 0 )) || luac5.1 -p "${list[@]}"
}


lint_tidy() {
    local includes

    build_release
    includes=$(sed -n 's/^ALL_INCS = //p' "$BUILD/release/objs/Makefile")

    # shellcheck disable=SC2046,SC2086
    (
        cd "$BUILD/release/tree"
        clang-tidy-14 --quiet --warnings-as-errors='*' \
            --checks='-*,bugprone-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-assignment-in-if-condition,-clang-analyzer-security.insecureAPI.*' \
            $(cd "$ROOT" && files 'src/*.c' | sed "s|^|$ROOT/|") \
            -- -I"$ROOT/src" $includes 2>/dev/null
    )
}
