#!/bin/sh
# Writes the Lua scripts as C strings: embed.sh <lua directory> <header>.
# Comment lines stay out of the string; every byte of a script is hashed and
# kept by Redis.
set -eu

dir=$1
out=$2
tmp=$out.tmp

{
    printf '\n/* Made by lua/embed.sh from lua/. */\n\n'
    for f in "$dir"/*.lua; do
        name=$(basename "$f" .lua)
        printf 'static const char  ngx_bo_lua_%s[] =\n' "$name"
        grep -v '^ *--' "$f" | grep -v '^ *$' \
            | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n"/'
        printf ';\n\n'
    done
} > "$tmp"

if cmp -s "$tmp" "$out"; then
    rm "$tmp"
else
    mv "$tmp" "$out"
fi
