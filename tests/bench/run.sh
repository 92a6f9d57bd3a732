#!/bin/sh
# The benchmark of gyre against libuv, libev, libevent and the bare system calls, and of its futures
# against asyncio and uvloop.
#
#     sh tests/bench/run.sh                 everything, five rounds, about ten minutes
#     sh tests/bench/run.sh 'timer|queue'   the cells whose name matches this pattern
#     sh tests/bench/run.sh future          futures alone, three minutes
#     ROUNDS=9 MS=500 sh tests/bench/run.sh more rounds, and longer ones
#     QUICK=1 sh tests/bench/run.sh         a minute, to see that it works; the numbers are worth little
#
# Each round runs each cell for each library in turn, every time in a new process, and begins with
# another library. Raw numbers go to build-bench/results.txt. SPDX-License-Identifier: MIT
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$top/build-bench
programs=$build/tests/bench
results=$build/results.txt
pattern=${1:-.}
quick=${QUICK:-}
rounds=${ROUNDS:-${quick:+1}}
rounds=${rounds:-5}
ms=${MS:-${quick:+20}}
ms=${ms:-200}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_missing() {
    missing=
    command -v cmake >/dev/null || missing="$missing cmake"
    command -v make >/dev/null || missing="$missing make"
    command -v cc >/dev/null || missing="$missing gcc libc6-dev"
    for pair in uv.h:libuv1-dev ev.h:libev-dev event2/event.h:libevent-dev; do
        [ -e "/usr/include/${pair%%:*}" ] || missing="$missing ${pair#*:}"
    done
    # shellcheck disable=SC2086 # a list of packages
    install $missing

    # Older systems have none, and another Python does not see it.
    python=/usr/bin/python3
    [ -x "$python" ] || install python3 || :
    "$python" -c 'import uvloop' 2>/dev/null || install python3-uvloop ||
        echo "python3-uvloop is left out" >&2
}

install() {
    [ $# -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "not installed, and no apt-get here: $* (libraries are left out)" >&2
        return 0
    fi
    as_root apt-get update -q >&2 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >&2
}

# gyre gets the flags Debian builds the peers with, not more.
build_programs() {
    cmake -S "$top" -B "$build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
        -DGYRE_BENCH=ON -DGYRE_TESTS=OFF -DGYRE_EXAMPLES=OFF \
        "-DCMAKE_C_FLAGS_RELEASE=-O2 -DNDEBUG -fstack-protector-strong -D_FORTIFY_SOURCE=2" >&2
    cmake --build "$build" -j "$(nproc)" >&2
}

libraries() {
    for library in gyre libuv libev libevent bare asyncio uvloop; do
        [ ! -x "$programs/bench_$library" ] || echo "$library"
    done
}

# The libraries, beginning with number $1.
rotated() {
    libraries | awk -v first="$1" '{ line[NR] = $0 }
        END { for (i = 0; i < NR; i++) print line[(first + i) % NR + 1] }'
}

# Ask each library once which cells it has.
list_cells() {
    for library in $(libraries); do
        "$programs/bench_$library" --list >"$build/cells_$library.txt"
    done
}

cells() {
    for library in $(libraries); do
        cat "$build/cells_$library.txt"
    done | sed 's/@.*//' | awk '!seen[$0]++' | grep -E -e "$pattern" |
        if [ -n "$quick" ]; then grep -v 000000; else cat; fi
}

# "round library variant cell.metric value unit" for every number of one cell and library.
run_cell() {
    round=$1 library=$2 cell=$3
    for name in $(awk -F@ -v cell="$cell" '$1 == cell' "$build/cells_$library.txt"); do
        variant=${name#"$cell"}
        variant=${variant#@}
        if ! "$programs/bench_$library" "$name" "$ms" >"$build/cell.txt"; then
            echo "FAILED: bench_$library $name $ms" >&2
            failed=1
            continue
        fi
        sed "s/^/$round $library ${variant:--} /" "$build/cell.txt" >>"$results"
    done
}

run_rounds() {
    failed=0
    : >"$results"
    for round in $(seq "$rounds"); do
        for cell in $(cells); do
            [ ! -t 2 ] || printf '\rround %s/%s  %-40s' "$round" "$rounds" "$cell" >&2
            for library in $(rotated "$round"); do
                run_cell "$round" "$library" "$cell"
            done
        done
    done
    [ ! -t 2 ] || printf '\r%60s\r' '' >&2
}

# Code and data of what one links; libuv and libevent also do other things with it.
measure_sizes() {
    echo library_size | grep -q -E -e "$pattern" || return 0
    while read -r library files; do
        # shellcheck disable=SC2086 # a list of files
        size $files | awk -v library="$library" '$1 ~ /^[0-9]+$/ { sum += $1 + $2 }
            END { printf "1 %s - library_size.total %d bytes\n", library, sum }'
    done <"$programs/archives.txt" >>"$results"
}

describe_machine() {
    echo "processor  $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) usable," \
        "load $(cut -d ' ' -f 1-3 /proc/loadavg)"
    echo "kernel     $(uname -sr), huge pages" \
        "$(sed 's/.*\[\(.*\)\].*/\1/' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null || echo no)"
    echo "compiler   $(cc --version | head -n 1)"
    echo "libraries  $(for library in $(libraries); do "$programs/bench_$library" --version; done |
        paste -s -d , | sed 's/,/, /g')"
    echo "rounds     $rounds, $ms ms each"
}

install_missing
build_programs
describe_machine
list_cells
run_rounds
measure_sizes
awk -v libraries="$(libraries | paste -s -d ' ')" -f "$here/table.awk" "$results"
exit "$failed"
