# shellcheck shell=bash
#
# Keeps passwords off command lines, which everybody on a machine can read.


# split_conninfo CONNINFO: sets CONNINFO to it without its password, and
# PASSWORD to that; without one, to PGPASSWORD as it is.  For
#
#   PGPASSWORD=$PASSWORD psql "$CONNINFO"
# shellcheck disable=SC2034,SC2001
split_conninfo() {
    local text=$1 encoded=
    local quoted="^((.*[[:space:]])?)password[[:space:]]*=[[:space:]]*'(([^'\\\\]|\\\\.)*)'(.*)$"
    local plain="^((.*[[:space:]])?)password[[:space:]]*=[[:space:]]*(([^[:space:]'\\\\]|\\\\.)+)(.*)$"
    local before_host='^(postgres(ql)?://[^:@/?]*):([^@/?]*)(@.*)$'
    local parameter='^([^?]*[?]([^&]*&)*)password=([^&]*)&?(.*)$'

    CONNINFO=$text
    PASSWORD=${PGPASSWORD-}

    if [[ $text == postgres://* || $text == postgresql://* ]]; then
        if [[ $CONNINFO =~ $before_host ]]; then
            encoded=${BASH_REMATCH[3]}
            CONNINFO=${BASH_REMATCH[1]}${BASH_REMATCH[4]}
        fi

        if [[ $CONNINFO =~ $parameter ]]; then
            encoded=${BASH_REMATCH[3]}
            CONNINFO=${BASH_REMATCH[1]}${BASH_REMATCH[4]}
            CONNINFO=${CONNINFO%[?&]}
        fi

        if [[ -n $encoded ]]; then
            encoded=${encoded//\\/\\\\}
            printf -v PASSWORD '%b' "${encoded//%/\\x}"
        fi

    elif [[ $text =~ $quoted || $text =~ $plain ]]; then
        CONNINFO=${BASH_REMATCH[1]}${BASH_REMATCH[5]}
        encoded=${BASH_REMATCH[3]}
        PASSWORD=$(sed 's/\\\(.\)/\1/g' <<<"$encoded")
    fi
}
