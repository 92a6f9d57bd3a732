# add_subdirectory: the library alone, and nothing of it in the project around it.
#
# A step of run.sh.
#
# SPDX-License-Identifier: MIT

# use_subdirectory BUILD OPTION...
use_subdirectory() {
    user=$work/$1
    shift
    try "add_subdirectory $*" "$cmake" -S "$here/subdirectory" -B "$user" -G "Unix Makefiles" \
        -DGYRE_ROOT="$copy" "$@"
    try "building with add_subdirectory $*" "$cmake" --build "$user" --parallel 2
    run_program "$user/program"
    run_cxx_program "$user/program_cxx"
}

use_subdirectory inside
[ ! -e "$user/gyre/libgyre.so" ] || fail "add_subdirectory built the other kind of library too"
DESTDIR="$work/inside_stage" try "installing the project around it" \
    "$cmake" --build "$user" --target install
[ "$(cd "$work/inside_stage" && find . -type f)" = ./usr/local/bin/program ] ||
    fail "the library installed something together with the project around it"
ok "add_subdirectory: strict C99 and C++17 around it, no flags, targets or files leak"

use_subdirectory inside_shared -DBUILD_SHARED_LIBS=ON
[ -e "$user/gyre/libgyre.so" ] || fail "add_subdirectory ignored BUILD_SHARED_LIBS=ON"
inside_shared=$user/gyre/libgyre.so
ok "add_subdirectory with BUILD_SHARED_LIBS=ON"

use_subdirectory inside_sanitized -DGYRE_SANITIZE=address,undefined
nm "$user/program" | grep -q __asan_init || fail "GYRE_SANITIZE did not reach the program"
ok "add_subdirectory with GYRE_SANITIZE=address,undefined"
