#!/bin/sh
# Build gyre and run its tests, on every poller.
#
#     sh tests/run.sh              as you get it: gcc, or whatever cc is
#     sh tests/run.sh asan         with AddressSanitizer and UndefinedBehaviorSanitizer
#     sh tests/run.sh tsan         with ThreadSanitizer
#     sh tests/run.sh valgrind     under valgrind
#     sh tests/run.sh clang        built by clang
#     sh tests/run.sh macos        only compiled, for macOS, by a cross compiler from npm if there is npm
#     sh tests/run.sh all          all of these, one after the other; so can several be named
#
# Warnings are errors in all but the first. GYRE_POLLER=poll sh tests/run.sh runs those tests that need
# no poller or run on this one. Each way has a directory of its own: build, build-asan and so on.
#
# Installs what is missing first, with the package manager there is (and sudo, unless you are root).
# The last lines say whether everything held.
#
# SPDX-License-Identifier: MIT
set -eu

fail()
{
    echo "tests/run.sh: FAILED: $*" >&2
    exit 1
}

# ---- tools

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

has()
{
    command -v "$1" >/dev/null 2>&1
}

has_cmocka()
{
    printf '#include <setjmp.h>\n#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n%s\n' \
        '#include <cmocka.h>' | cc -E - >/dev/null 2>&1 || [ -e /opt/homebrew/include/cmocka.h ]
}

# What the way `$1` needs.
has_tools()
{
    has cmake && { has make || has ninja; } && has cc && has c++ && has python3 && has curl &&
        has pkg-config && has_cmocka || return 1
    case $1 in
    valgrind) has valgrind ;;
    clang) has clang ;;
    esac
}

# The package that the way `$1` needs besides the common ones.
extra_package()
{
    case $1 in
    valgrind | clang) echo "$1" ;;
    esac
}

install_tools()
{
    extra=$(extra_package "$1")
    echo "installing what is missing of: a C and a C++ compiler, make, cmake, pkg-config, cmocka," \
        "python3, curl${extra:+, $extra}"
    if has apt-get; then
        as_root apt-get update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
            gcc g++ libc6-dev make cmake pkg-config libcmocka-dev python3 curl $extra
    elif has dnf; then
        as_root dnf install -y gcc gcc-c++ make cmake pkgconf-pkg-config libcmocka-devel python3 curl \
            libasan libubsan libtsan $extra
    elif has apk; then
        as_root apk add gcc g++ musl-dev linux-headers make cmake pkgconf cmocka-dev python3 curl $extra
    elif has pacman; then
        as_root pacman -Sy --needed --noconfirm gcc make cmake pkgconf cmocka python curl $extra
    elif has brew; then
        brew install cmake pkg-config cmocka python3 curl
    fi
    has_tools "$1"
}

count_cpus()
{
    nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2
}

# ---- one way of testing

# ThreadSanitizer needs the addresses it knows, which a large randomisation takes from it.
without_randomisation()
{
    if setarch -R true 2>/dev/null; then
        setarch -R "$@"
    elif setarch "$(uname -m)" -R true 2>/dev/null; then
        setarch "$(uname -m)" -R "$@"
    else
        "$@"
    fi
}

# other_pollers NAME: an expression for the tests that run on another one.
other_pollers()
{
    others=
    for poller in epoll epoll_wait kqueue poll script; do
        [ "$poller" = "$1" ] || others="$others${others:+|}$poller"
    done
    echo "/($others)\$"
}

# build DIRECTORY OPTION...
build()
{
    dir=$1
    shift
    mkdir -p "$dir"
    echo "building in $dir"
    {
        cmake -S "$top" -B "$dir" -DGYRE_TESTS=ON -DGYRE_EXAMPLES=ON -DGYRE_BENCH=OFF "$@" &&
            cmake --build "$dir" --parallel "$cpus"
    } >"$dir/build.log" 2>&1 || {
        tail -n 100 "$dir/build.log" >&2
        fail "the build in $dir"
    }
}

# run DIRECTORY CTEST-OPTION...
run()
{
    dir=$1
    shift
    [ -z "${GYRE_POLLER:-}" ] || set -- "$@" -E "$(other_pollers "$GYRE_POLLER")"
    echo "running the tests in $dir"
    (cd "$dir" && without_randomisation ctest --output-on-failure -j "$cpus" "$@") \
        >"$dir/test.log" 2>&1 || true
    failed=$(sed -n 's/.*passed, \([0-9]*\) tests failed out of .*/\1/p' "$dir/test.log")
    count=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$dir/test.log")
    [ "${count:-0}" -gt 0 ] || fail "no tests were run in $dir"
    total=$((total + count - failed))
    [ "$failed" -gt 0 ] || return 0
    grep -v -e ' Passed ' -e '^ *Start ' -e '^\[ RUN ' -e '^\[ *OK \]' "$dir/test.log" >&2 || true
    echo "tests/run.sh: FAILED: tests in $dir, all of it in $dir/test.log" >&2
    echo "$total passed, $failed failed"
    exit 1
}

test_default()
{
    build "$top/build" -DCMAKE_BUILD_TYPE=Release
    run "$top/build"
}

test_asan()
{
    build "$top/build-asan" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGYRE_WERROR=ON \
        -DGYRE_SANITIZE=address,undefined -DGYRE_TEST_TIMEOUT=300
    run "$top/build-asan" -LE package
}

test_tsan()
{
    build "$top/build-tsan" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGYRE_WERROR=ON \
        -DGYRE_SANITIZE=thread -DGYRE_TEST_TIMEOUT=600
    run "$top/build-tsan" -LE 'package|model'
}

# Slow, so without what is there for its numbers; and without what asks for facts about the kernel, in
# whose place valgrind answers.
test_valgrind()
{
    build "$top/build-valgrind" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DGYRE_WERROR=ON \
        -DGYRE_TEST_TIMEOUT=600 \
        "-DGYRE_TEST_WRAPPER=valgrind;-q;--error-exitcode=99;--leak-check=full;\
--show-leak-kinds=definite;--errors-for-leak-kinds=definite"
    run "$top/build-valgrind" -LE 'package|model|stress|examples|kernel'
}

test_clang()
{
    build "$top/build-clang" -DCMAKE_BUILD_TYPE=Release -DGYRE_WERROR=ON -DCMAKE_C_COMPILER=clang
    run "$top/build-clang" -LE package
}

test_macos()
{
    sh "$top/tests/package/macos.sh" || fail "the build for macOS"
}

# ---- all that was asked for

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cpus=$(count_cpus)
total=0
ways=
for way in "$@"; do
    case $way in
    default | asan | tsan | valgrind | clang | macos) ways="$ways $way" ;;
    all) ways="$ways default asan tsan valgrind clang macos" ;;
    *) fail "unknown argument $way; known are default, asan, tsan, valgrind, clang, macos and all" ;;
    esac
done
case ${GYRE_POLLER:-} in
'' | epoll | epoll_wait | kqueue | poll | script) ;;
*) fail "there is no poller $GYRE_POLLER" ;;
esac

for way in ${ways:-default}; do
    has_tools "$way" || install_tools "$way" || fail "please install the missing tools, and run this again"
    "test_$way"
done
echo "tests/run.sh: ok${ways:+, in these ways:$ways}"
echo "$total passed, 0 failed"
