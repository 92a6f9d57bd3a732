# Builds and installs the library under a staging directory and moves the result: $prefix.
#
# A step of run.sh.
#
# SPDX-License-Identifier: MIT

if command -v ninja >/dev/null; then
    generator=Ninja
else
    generator="Unix Makefiles"
fi

try "configuring" "$cmake" -S "$copy" -B "$build" -G "$generator" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/opt/gyre \
    -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_INSTALL_INCLUDEDIR=include/there \
    -DGYRE_TESTS=OFF -DGYRE_EXAMPLES=OFF -DGYRE_WERROR=ON
try "building" "$cmake" --build "$build" --parallel 2
DESTDIR="$work/stage" try "installing" "$cmake" --build "$build" --target install
[ ! -e /opt/gyre/lib/libgyre.a ] || fail "install looked past DESTDIR"
mv "$work/stage/opt/gyre" "$work/moved"
prefix=$work/moved
lib=$prefix/lib

(cd "$prefix" && find . ! -type d | sed 's/\.[0-9.]*$//' | sort -u) >"$work/installed"
cat >"$work/should_be" <<'END'
./include/there/gyre.h
./include/there/gyre/base.h
./include/there/gyre/file.h
./include/there/gyre/future.h
./include/there/gyre/loop.h
./include/there/gyre/pool.h
./include/there/gyre/resolve.h
./include/there/gyre/scope.h
./include/there/gyre/test.h
./lib/cmake/gyre/gyreConfig.cmake
./lib/cmake/gyre/gyreConfigVersion.cmake
./lib/cmake/gyre/gyreShared-release.cmake
./lib/cmake/gyre/gyreShared.cmake
./lib/cmake/gyre/gyreStatic-release.cmake
./lib/cmake/gyre/gyreStatic.cmake
./lib/libgyre.a
./lib/libgyre.so
./lib/pkgconfig/gyre.pc
END
same "what was installed" "$work/should_be" "$work/installed"

if grep -r -l -F "$work" "$prefix/lib/cmake" "$prefix/lib/pkgconfig" >"$log"; then
    fail "installed files name the build machine: $(cat "$log")"
fi
ok "installs headers, both libraries and package files with $generator, under DESTDIR"
