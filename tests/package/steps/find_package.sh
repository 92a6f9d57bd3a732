# find_package(gyre), static and shared, in the installed tree that was moved.
#
# A step of run.sh.
#
# SPDX-License-Identifier: MIT

# use_package BUILD OPTION...
use_package() {
    user=$work/$1
    shift
    try "find_package $*" "$cmake" -S "$here/find_package" -B "$user" \
        -DCMAKE_PREFIX_PATH="$prefix" -DGYRE_VERSION="$version" "$@"
    try "building with find_package $*" "$cmake" --build "$user" --parallel 2
    run_program "$user/program_gyre"
    run_program "$user/program_static"
    run_program "$user/program_shared"
    run_cxx_program "$user/program_cxx"
}

links_shared() {
    ldd "$1" | grep -q "libgyre\.so\.${version%.*} => $lib/"
}

use_package user
links_shared "$user/program_gyre" && fail "gyre::gyre is shared without BUILD_SHARED_LIBS"
links_shared "$user/program_static" && fail "gyre::static is shared"
links_shared "$user/program_shared" || fail "gyre::shared is not the shared library"

use_package user_shared -DBUILD_SHARED_LIBS=ON
links_shared "$user/program_gyre" || fail "gyre::gyre is not shared with BUILD_SHARED_LIBS=ON"

mkdir "$work/away"
mv "$lib/libgyre.a" "$lib/cmake/gyre/gyreStatic.cmake" "$work/away"
cat >"$work/away/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(only_shared LANGUAGES C)
find_package(gyre REQUIRED)
if(TARGET gyre::static OR NOT TARGET gyre::gyre)
  message(FATAL_ERROR "gyre::gyre should be the shared library, the only one there is")
endif()
END
try "find_package without the static library" "$cmake" -S "$work/away" -B "$work/away/build" \
    -DCMAKE_PREFIX_PATH="$prefix"
mv "$work/away/libgyre.a" "$lib"
mv "$work/away/gyreStatic.cmake" "$lib/cmake/gyre"
ok "find_package(gyre): gyre::gyre, gyre::static and gyre::shared, from C99 and C++17"
