# The two files of the target `amalgamation`, dropped into a project.
#
# A step of run.sh.
#
# SPDX-License-Identifier: MIT

try "the target amalgamation" "$cmake" --build "$build" --target amalgamation
dropped=$work/dropped
mkdir "$dropped"
cp "$build/amalgamation/gyre.h" "$build/amalgamation/gyre.c" "$dropped"

# only_own_names OBJECT: no global name but those that begin with gyre_.
only_own_names() {
    nm -g "$1" | awk 'NF >= 3 && $3 !~ /^_?gyre_/ { print $3 }' >"$work/foreign_names"
    [ ! -s "$work/foreign_names" ] && return
    fail "$1 has global names that a program may have: $(paste -s -d ' ' "$work/foreign_names")"
}

warnings="-Wall -Wextra -Wpedantic -Werror"
for compiler in "$cc" gcc clang; do
    command -v "$compiler" >/dev/null || continue
    for options in "-std=c11 -O0" "-std=c11 -O2" "-std=gnu17 -O2 -fPIC"; do
        # shellcheck disable=SC2086
        try "gyre.c with $compiler $options" "$compiler" $options $warnings -c \
            -o "$dropped/gyre.o" "$dropped/gyre.c"
        only_own_names "$dropped/gyre.o"
    done
    try "$compiler program.c gyre.o" "$compiler" -std=c99 -I"$dropped" -o "$dropped/program" \
        "$here/program.c" "$dropped/gyre.o" -lpthread
    run_program "$dropped/program"
done

try "gyre.h in C++17" "$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$dropped" \
    -o "$dropped/program_cxx" "$here/program.cpp" "$dropped/gyre.o" -lpthread
run_cxx_program "$dropped/program_cxx"
ok "gyre.c and gyre.h, dropped into a C and a C++ project"

# The parts for other systems. With poll(2) alone it runs here as anywhere; kqueue is only compiled,
# with declarations that stand in for those of a BSD.
try "gyre.c for a system with poll alone" "$cc" -std=gnu11 -U__linux__ $warnings -c \
    -o "$dropped/gyre_poll.o" "$dropped/gyre.c"
only_own_names "$dropped/gyre_poll.o"
try "program.c for a system with poll alone" "$cc" -std=c99 -I"$dropped" \
    -o "$dropped/program_poll" "$here/program.c" "$dropped/gyre_poll.o" -lpthread
run_program "$dropped/program_poll"
try "gyre.c for a BSD" "$cc" -std=gnu11 -U__linux__ -D__DragonFly__ $warnings \
    -I"$root/tests/support/kqueue" -include "$here/kqueue.h" -c \
    -o "$dropped/gyre_bsd.o" "$dropped/gyre.c"
only_own_names "$dropped/gyre_bsd.o"
ok "gyre.c compiled as for a BSD, compiled and run as for a system with poll alone"
