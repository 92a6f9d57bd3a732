#!/bin/sh
# Build gyre with its examples and run the echo server under a load of 1000 connections.
#
#     sh examples/run.sh
#
# Installs a C compiler and CMake first if they are missing, with the package manager there is (and
# sudo, unless you are root). GYRE_POLLER=poll sh examples/run.sh runs it on another poller.
#
# SPDX-License-Identifier: MIT
set -eu

fail()
{
    echo "examples/run.sh: $*" >&2
    exit 1
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "not root, and there is no sudo" >&2
        return 1
    fi
}

has_tools()
{
    command -v cmake >/dev/null 2>&1 &&
        { command -v make >/dev/null 2>&1 || command -v ninja >/dev/null 2>&1; } &&
        { command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 ||
            command -v clang >/dev/null 2>&1; }
}

install_tools()
{
    echo "installing a C compiler, make and cmake"
    if command -v apt-get >/dev/null 2>&1; then
        as_root apt-get update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
            gcc libc6-dev make cmake
    elif command -v dnf >/dev/null 2>&1; then
        as_root dnf install -y gcc make cmake
    elif command -v apk >/dev/null 2>&1; then
        as_root apk add gcc musl-dev linux-headers make cmake
    elif command -v pacman >/dev/null 2>&1; then
        as_root pacman -Sy --needed --noconfirm gcc make cmake
    elif command -v brew >/dev/null 2>&1; then
        brew install cmake
    fi
    has_tools
}

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$top/build
log=$build/run.log

has_tools || install_tools || fail "please install a C compiler, make and cmake, and run this again"
mkdir -p "$build"
echo "building gyre and its examples in $build"
{
    cmake -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release -DGYRE_EXAMPLES=ON \
        -DGYRE_TESTS=OFF -DGYRE_BENCH=OFF &&
        cmake --build "$build" --parallel 2
} >"$log" 2>&1 || {
    cat "$log" >&2
    fail "the build failed"
}

echo "running $build/examples/echo_server --load 1000"
"$build/examples/echo_server" --load 1000 || fail "the echo server FAILED"
echo "examples/run.sh: ok, 1000 connections were served right"
