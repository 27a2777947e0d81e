# shellcheck shell=bash
# lib.sh - what the quickstart and the test command share; sourced by bash.

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# log_end FILE LINES: what a log ends with, without its blank lines.
log_end() { grep -v '^[[:space:]]*$' "$1" | tail -n "$2" >&2 || true; }

# Debian's packages, by what they are for (packages_need looks them up by name).
# shellcheck disable=SC2034
PACKAGES_build="gcc libc6-dev make autoconf automake pkg-config libfcgi-dev
    libcurl4-openssl-dev zlib1g-dev libcjson-dev libhiredis-dev libsqlite3-dev
    libinih-dev libssl-dev"
# shellcheck disable=SC2034
PACKAGES_run="nginx redis-server python3 tzdata curl"
# shellcheck disable=SC2034
PACKAGES_aws="ceph-common ceph-mon ceph-osd radosgw"
# shellcheck disable=SC2034
PACKAGES_node="nodejs npm"
# shellcheck disable=SC2034
PACKAGES_test="clang libclang-rt-dev perl spin openssl python3-boto3"
# shellcheck disable=SC2034
PACKAGES_suite="debootstrap util-linux python3"

# packages_need GROUP...: installs what is missing of these groups; without root it
# says what to install and ends.
packages_need() {
    local group name missing=()
    command -v dpkg-query >/dev/null ||
        die "this is no Debian: install the like of $(for group; do
            name=PACKAGES_$group; printf '%s ' ${!name}; done)and build by hand (README.md)"
    for group; do
        name=PACKAGES_$group
        for name in ${!name}; do
            dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null |
                grep -qx installed || missing+=("$name")
        done
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] ||
        die "these packages are missing; as root: apt-get install --no-install-recommends ${missing[*]}"
    say "Installing ${missing[*]}"
    packages_install "${missing[@]}"
}

# services_enabled: the links by which something starts at the next boot, sorted.
services_enabled() {
    find /etc/systemd/system /etc/rc[S2345].d \( -name 'S*' -o -path '/etc/systemd/*' \) \
        -type l ! -lname /dev/null 2>/dev/null | sort
}

# services_as_before FILE: what is enabled and was not in FILE (of
# services_enabled) is not enabled any more, as an administrator would do it, so
# that an upgrade of the package leaves it so.
services_as_before() {
    local link name
    services_enabled | comm -13 "$1" - | while IFS= read -r link; do
        name=${link##*/}
        case $link in
        /etc/systemd/*)
            rm -f "$link"
            # systemctl, called by update-rc.d, may have been quicker.
            rmdir "${link%/*}" 2>/dev/null || true
            ;;
        *) update-rc.d "${name#S[0-9][0-9]}" disable >/dev/null 2>&1 || true ;; # judged below
        esac
    done
    services_enabled | comm -13 "$1" - | while IFS= read -r link; do
        say "This starts at the next boot, and did not before: $link" >&2
    done
}

# Only the programs of nginx, Redis and the others are wanted, not those services of
# this machine: a policy-rc.d keeps apt from starting them, unless the machine has
# one, and none is left enabled that was not.
packages_install() (
    policy=/usr/sbin/policy-rc.d
    log=$(mktemp)
    enabled=$(mktemp)
    ours=
    services_enabled >"$enabled"
    trap 'services_as_before "$enabled"
        rm -f "$log" "$enabled"; [ -z "$ours" ] || rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    if [ ! -e "$policy" ]; then
        ours=1
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -q &&
        apt-get install -q -y --no-remove --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
        log_end "$log" 30
        die "apt-get could not install $*"
    fi
)

# dynalite_need: npm's stand-in for DynamoDB, fetched once into $DYNALITE_HOME. A
# node that is not Debian's will do.
DYNALITE=dynalite@4.0.0
dynalite_need() {
    export DYNALITE_HOME
    command -v node >/dev/null || packages_need node
    mkdir -p "$DYNALITE_HOME"
    (
        flock 8
        [ ! -e "$DYNALITE_HOME/$DYNALITE" ] || exit 0
        command -v npm >/dev/null || packages_need node
        say "Fetching $DYNALITE from npm"
        npm install --prefix "$DYNALITE_HOME" --cache "$DYNALITE_HOME/cache" --ignore-scripts \
            --no-audit --no-fund --no-update-notifier "$DYNALITE" >"$DYNALITE_HOME/log" 2>&1 8>&- || {
            log_end "$DYNALITE_HOME/log" 20
            die "npm could not install $DYNALITE"
        }
        rm -rf "$DYNALITE_HOME/cache"
        : >"$DYNALITE_HOME/$DYNALITE" # it is whole
    ) 8>"$DYNALITE_HOME/lock"
}

# sources_copy TO: the sources as they are now, so that building leaves the
# checkout clean. Times are kept: an unchanged file is not compiled again.
sources_copy() {
    local to=$1 file parts=(configure.ac Makefile.am README.md)
    for file in .clang-format DESIGN.md HACKING.md NEWS.md doc core fcgi ctl nginx t packaging; do
        [ ! -e "$SRC/$file" ] || parts+=("$file")
    done
    mkdir -p "$to"
    tar -C "$SRC" --exclude=__pycache__ --exclude='*.o' --exclude='*.a' --exclude=.deps \
        --exclude=.dirstamp --exclude='.*.sw?' -cf - "${parts[@]}" | tar -C "$to" -xf -
    # What has gone from the checkout goes from the copy, too.
    (cd "$to" && find "${parts[@]}" -type f) | while IFS= read -r file; do
        [ -e "$SRC/$file" ] || rm -f "$to/$file"
    done
}

# build SOURCES FOLDER LOG [CONFIGURE-ARGUMENT...] : quiet; on failure the log's
# end. $TARGETS are made (default all), $CC is the compiler.
build() {
    local sources=$1 folder=$2 log=$3
    shift 3
    (build_steps "$sources" "$folder" "$@") >"$log" 2>&1 || {
        log_end "$log" 40
        die "the build failed; its whole log: $log"
    }
}

build_steps() {
    local sources=$1 folder=$2 target rc=0
    shift 2
    # Another compiler or other arguments start afresh, and so does a build that was
    # killed: its last object file may be half written.
    if [ -e "$folder/building" ] || [ "$(cat "$folder/configured" 2>/dev/null)" != "${CC:-} $*" ]; then
        rm -rf "$folder"
    fi
    mkdir -p "$folder" || return
    if [ ! -e "$sources/bootstrapped" ]; then
        (cd "$sources" && autoreconf -fi) && : >"$sources/bootstrapped" || return
    fi
    cd "$folder" || return
    if [ ! -e configured ]; then
        "$sources/configure" "$@" || return
        printf '%s\n' "${CC:-} $*" >configured
    fi
    : >building
    # One after the other: `all` is a make of its own, which would build the same
    # library at the same time.
    for target in ${TARGETS:-all}; do
        make -j"$(nproc)" "$target" || { rc=1; break; }
    done
    rm building
    return $rc
}
