#!/bin/sh
# The library as strangers get it: installed, through pkg-config, as a directory of their project,
# as two files. Builds and runs small programs of each kind and looks at what the library exports.
#
#     sh tests/package/run.sh DIRECTORY
#
# DIRECTORY is for temporary files; what it holds in `package` is replaced. CC, CXX and CMAKE name
# other tools than cc, c++ and cmake. Ends with a message at the first thing that does not hold.
# Needs the tools of an ELF system: readelf, nm, size, ldd.
#
# SPDX-License-Identifier: MIT
set -eu

[ $# -eq 1 ] || {
    echo "usage: sh $0 DIRECTORY" >&2
    exit 2
}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$1/package"
work=$(cd "$1/package" && pwd)
log=$work/log
cc=${CC:-cc}
cxx=${CXX:-c++}
cmake=${CMAKE:-cmake}
export CC="$cc" CXX="$cxx" LC_ALL=C

# The library must get by without these.
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS DESTDIR BUILD_SHARED_LIBS GYRE_POLLER

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

ok() {
    echo "ok: $1"
}

# try WHAT COMMAND...: it must succeed.
try() {
    what=$1
    shift
    "$@" >"$log" 2>&1 && return
    tail -n 40 "$log" >&2
    fail "$what"
}

# refuse WHAT WORD COMMAND...: it must fail and mention WORD.
refuse() {
    what=$1
    word=$2
    shift 2
    if "$@" >"$log" 2>&1; then
        fail "$what: was accepted"
    fi
    grep -q -- "$word" "$log" && return
    tail -n 40 "$log" >&2
    fail "$what: failed for another reason"
}

# same WHAT EXPECTED ACTUAL: two files with the same lines.
same() {
    diff "$2" "$3" >"$log" 2>&1 && return
    cat "$log" >&2
    fail "$1 (< expected, > found)"
}

# run_program COMMAND...: what program.c should print.
run_program() {
    "$@" >"$work/output" 2>&1 || fail "$*: exit status $?"
    same "output of $*" "$work/expected" "$work/output"
}

run_cxx_program() {
    "$@" >"$work/output" 2>&1 || fail "$*: exit status $?"
    same "output of $*" "$work/expected_cxx" "$work/output"
}

# Everything is built from a copy with nothing but what the library needs, in a path with a space.
copy=$work/a\ tree/gyre
build=$work/a\ tree/build
rm -rf "$work"
mkdir -p "$copy"
cp -R "$root/CMakeLists.txt" "$root/LICENSE" "$root/include" "$root/src" "$copy"

cat >"$work/expected" <<'END'
main: runs the loop
soon: first
timer: writes
io: hello
OK
END
cat >"$work/expected_cxx" <<'END'
soon
tick 1
tick 2
OK
END
version=$(sed -n 's/^#define GYRE_VERSION_[A-Z]* \([0-9]*\)$/\1/p' "$root/include/gyre/base.h" |
    paste -s -d . -)

for step in install find_package pkg_config subdirectory amalgamation symbols headers sources; do
    . "$here/steps/$step.sh"
done
echo "all of it holds"
