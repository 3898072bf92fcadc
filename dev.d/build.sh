# shellcheck shell=bash
#
# ./dev build and ./dev asan-build.
#
# The module is built as Debian builds modules: configure from nginx-dev with
# Debian's own flags, so that the signature fits Debian's nginx.

WARNINGS="-Wall -Wextra -Wno-unused-parameter"

RELEASE_CC="-g -O2 -fPIC -fstack-protector-strong -D_FORTIFY_SOURCE=2"
RELEASE_LD="-Wl,-z,relro -Wl,-z,now -fPIC"

# nginx's own code trips over the three checks that are taken out.
SANITIZE="-fsanitize=address,undefined
    -fno-sanitize=nonnull-attribute,alignment,pointer-overflow
    -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

# NGX_DEBUG_PALLOC turns every pool allocation into a malloc of its own:
# without it an overrun inside a pool is invisible to ASan.
ASAN_CC="-g -O1 -fPIC -DNGX_DEBUG_PALLOC=1 $SANITIZE"
ASAN_LD="$SANITIZE -Wl,-E"


# build_lock DIRECTORY: one build at a time; held until this process ends.
build_lock() {
    mkdir -p "$1"
    exec {lock_fd}>"$1/.lock"
    flock "$lock_fd"
}


# What makes a new configure necessary: the config script, the scripts that it
# embeds, the list of sources, the headers of nginx and our flags.
configure_stamp() {
    {
        echo "$ROOT" "$@"
        dpkg-query -W -f='${Package} ${Version}\n' nginx-dev
        find "$ROOT/src" "$ROOT/lua" -type f | sort
        find "$ROOT/config" "$ROOT/lua" -type f -print0 | sort -z | xargs -0 cat
    } | sha256sum
}


# configure_module OUT TREE CC_OPT LD_OPT: leaves OUT/objs/Makefile, when
# something changed since the last time.
configure_module() {
    local out=$1 tree=$2 cc_opt=$3 ld_opt=$4 stamp

    stamp=$(configure_stamp "$@")

    if [[ -e $out/objs/Makefile && $(cat "$out/stamp" 2>/dev/null) == "$stamp" ]]
    then
        return 0
    fi

    rm -rf "$out/tree" "$out/objs" "$out/stamp"
    cp -a "$tree" "$out/tree"

    # shellcheck source=/dev/null
    . /usr/share/nginx/src/conf_flags

    (
        cd "$out/tree"
        quietly "$out/configure.log" ./configure "${NGX_CONF_FLAGS[@]}" \
            --with-cc-opt="${cc_opt//$'\n'/ } $WARNINGS" \
            --with-ld-opt="${ld_opt//$'\n'/ }" \
            --builddir="$out/objs" --add-dynamic-module="$ROOT"
    )

    echo "$stamp" >"$out/stamp"
}


# make_module OUT: OUT/ngx_http_boxoffice_module.so.  The new file replaces the
# old one in one step: a running nginx has the old one mapped.
make_module() {
    local out=$1

    (
        cd "$out/tree"
        quietly "$out/make.log" make -s -j "$(nproc)" -f "$out/objs/Makefile" \
            modules
    )

    if ! cmp -s "$out/objs/$MODULE" "$out/$MODULE"; then
        cp "$out/objs/$MODULE" "$out/$MODULE.new"
        mv "$out/$MODULE.new" "$out/$MODULE"
    fi
}


check_root_path() {
    if [[ $ROOT$BUILD =~ [[:space:]] ]]; then
        die "nginx's configure cannot work below a path with blanks: $ROOT"
    fi
}


build_release() {
    local out=$BUILD/release

    check_root_path
    build_lock "$out"
    configure_module "$out" /usr/share/nginx/src "$RELEASE_CC" "$RELEASE_LD"
    make_module "$out"
    exec {lock_fd}>&-
    say "built $out/$MODULE"
}


# The archives that this machine uses already, as sources of source packages.
source_archives() {
    # shellcheck disable=SC2016
    apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' \
    | sort -u
}


# download_nginx_source VERSION LOG APT..: into this directory.  An archive may
# have a package and not its source any more: then the source of another
# revision of the same nginx will do, and that is said.
download_nginx_source() {
    local version=$1 log=$2 other

    shift 2
    "$@" update >"$log" 2>&1 || return 1
    "$@" --download-only source "nginx=$version" >>"$log" 2>&1 && return 0

    while read -r other; do
        rm -f ./nginx_*
        if "$@" --download-only source "nginx=$other" >>"$log" 2>&1; then
            say "no source of nginx $version: taking that of $other"
            return 0
        fi
    done < <(apt-cache "${@:3}" showsrc nginx \
        | sed -n "s/^Version: \(${version%-*}-.*\)/\1/p" | sort -rVu)

    return 1
}


# fetch_nginx_source OUT: Debian's patched source, of the version of nginx-dev,
# as OUT/source.  The machine's lists of sources stay as they are.
fetch_nginx_source() {
    local out=$1 version apt

    version=$(dpkg-query -W -f='${Version}' nginx-dev)

    if [[ $(cat "$out/source.version" 2>/dev/null) == "$version" ]]; then
        return 0
    fi

    rm -rf "$out/apt" "$out/source"
    mkdir -p "$out/apt/lists/partial"
    source_archives >"$out/apt/sources.list"
    apt=(apt-get -q -o Dir::Etc::SourceList="$out/apt/sources.list"
        -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$out/apt/lists"
        -o APT::Sandbox::User=root -o Acquire::Retries=3)

    say "fetching the source of nginx $version"
    (
        cd "$out/apt"

        if ! download_nginx_source "$version" "$out/source.log" "${apt[@]}"
        then
            tail -n 20 "$out/source.log" >&2
            die "no source of nginx $version to be had from the archives of" \
                "this machine: without it there is no sanitizer build"
        fi

        quietly "$out/unpack.log" dpkg-source --no-check -x ./nginx_*.dsc \
            "$out/source"
    )

    echo "$version" >"$out/source.version"
    rm -rf "$out/apt" "$out/nginx"
}


# Kept until Debian's version or our flags change.
build_asan_nginx() {
    local out=$1 stamp

    stamp=$(cat "$out/source.version"; echo "$ASAN_CC $ASAN_LD")

    if [[ -x $out/nginx && $(cat "$out/nginx.stamp" 2>/dev/null) == "$stamp" ]]
    then
        return 0
    fi

    say "building nginx with sanitizers"
    rm -rf "$out/nginx-tree"
    cp -a "$out/source" "$out/nginx-tree"

    # shellcheck source=/dev/null
    . /usr/share/nginx/src/conf_flags

    (
        cd "$out/nginx-tree"
        quietly "$out/nginx-configure.log" ./configure \
            "${NGX_CONF_FLAGS[@]}" --with-cc-opt="${ASAN_CC//$'\n'/ }" \
            --with-ld-opt="${ASAN_LD//$'\n'/ }"
        quietly "$out/nginx-make.log" make -s -j "$(nproc)" -f objs/Makefile \
            binary
    )

    mv "$out/nginx-tree/objs/nginx" "$out/nginx"
    rm -rf "$out/nginx-tree"
    echo "$stamp" >"$out/nginx.stamp"
}


build_asan() {
    local out=$BUILD/asan

    check_root_path
    build_lock "$out"
    fetch_nginx_source "$out"
    build_asan_nginx "$out"
    configure_module "$out" "$out/source" "$ASAN_CC" "$ASAN_LD"
    make_module "$out"
    exec {lock_fd}>&-
    say "built $out/nginx and $out/$MODULE"
}
