# Every public header compiles by itself, and the examples in their comments do what they say.
#
# A step of run.sh.
#
# SPDX-License-Identifier: MIT

# compile_header COMPILER LANGUAGE STANDARD HEADER
compile_header() {
    echo "#include <$4>" >"$work/header_user"
    try "$4 with $1 -std=$3" "$1" -x "$2" -std="$3" -fsyntax-only -Wall -Wextra -Wpedantic \
        -Wshadow -Wconversion -Wundef -Werror -I"$prefix/include/there" "$work/header_user"
}

for header in gyre.h gyre/base.h gyre/loop.h gyre/future.h gyre/scope.h gyre/pool.h gyre/file.h \
    gyre/resolve.h gyre/test.h; do
    for compiler in "$cc" gcc clang; do
        command -v "$compiler" >/dev/null || continue
        for standard in c99 c11 c17; do
            compile_header "$compiler" c "$standard" "$header"
        done
    done
    for compiler in "$cxx" g++ clang++; do
        command -v "$compiler" >/dev/null || continue
        for standard in c++11 c++17; do
            compile_header "$compiler" c++ "$standard" "$header"
        done
    done
done
ok "each public header compiles alone: C99, C11, C17, C++11, C++17"

# example HEADER: the indented lines of its first comment as a program. What follows the last
# function, or all if there is none, is put into main.
example() {
    awk '
        /^ \*     / || (count > 0 && /^ \*$/) {
            line[++count] = substr($0, 8)
            if (line[count] == "}")
                functions_end = count
            next
        }
        count > 0 { exit }
        END {
            for (i = 1; i <= count; i++) {
                if (i == functions_end + 1)
                    print "int main(void)\n{"
                print line[i]
            }
            print "    return 0;\n}"
        }' "$1"
}

# run_example HEADER: compile and run $work/example.c.
run_example() {
    try "the example in gyre/$1" "$cc" -std=c99 -Wall -Wextra -Werror \
        -I"$prefix/include/there" -I"$here" -o "$work/example" "$work/example.c" "$lib/libgyre.a" \
        -lpthread
    "$work/example" >"$work/output" 2>&1 ||
        fail "the example in gyre/$1: exit status $?, $(cat "$work/output")"
}

# prints HEADER LINE: the example in HEADER prints LINE.
prints() {
    {
        echo '#include <gyre.h>'
        echo '#include <stdio.h>'
        example "$copy/include/gyre/$1"
    } >"$work/example.c"
    run_example "$1"
    echo "$2" >"$work/should_be"
    same "output of the example in gyre/$1" "$work/should_be" "$work/output"
}

prints loop.h "half a second later"
prints future.h "slept"
prints scope.h "out of time"
prints pool.h "500500"
prints file.h "to be kept"
prints resolve.h "1"

{
    echo '#include "stand_in.h"'
    echo '#include <assert.h>'
    example "$copy/include/gyre/test.h"
} >"$work/example.c"
[ "$(grep -c assert "$work/example.c")" -gt 2 ] || fail "no example found in gyre/test.h"
run_example test.h
ok "the examples in the headers compile and run"
