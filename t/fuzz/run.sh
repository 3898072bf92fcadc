#!/bin/sh
#
# Runs every fuzz target for a number of inputs, starting from the kept corpus.
#
#   t/fuzz/run.sh [inputs [target ...]]        default 100000, all targets
#
# OUT says where to build and to keep what makes a target fail.  The corpus is
# only read: what is found on the way goes with a temporary directory.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${1:-100000}
[ $# -gt 0 ] && shift

OUT=${OUT:-${TMPDIR:-/tmp}/boxoffice-fuzz}
export OUT

targets=${*:-$(make -s --no-print-directory -C "$here" list)}

# shellcheck disable=SC2086
make -s -C "$here" $targets

work=$(mktemp -d "$OUT/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

failed=

for target in $targets; do
    set -- "$work/$target"
    mkdir "$work/$target"

    [ -d "$here/corpus/$target" ] && set -- "$@" "$here/corpus/$target"
    [ -f "$here/$target.dict" ] && set -- "-dict=$here/$target.dict" "$@"

    if "$OUT/$target" -runs="$runs" -max_len=4096 -timeout=10 \
            -rss_limit_mb=1024 -print_final_stats=1 \
            -artifact_prefix="$OUT/$target-" "$@" >"$OUT/$target.log" 2>&1
    then
        inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' \
                 "$OUT/$target.log")
        echo "$target: ok, $inputs inputs"
    else
        echo "$target: FAILED, see $OUT/$target.log"
        tail -n 30 "$OUT/$target.log"
        failed="$failed $target"
    fi
done

[ -z "$failed" ]
