# pkg-config and a plain compiler command, in the installed tree that was moved.
#
# A step of run.sh.
#
# SPDX-License-Identifier: MIT

if command -v pkg-config >/dev/null; then
    export PKG_CONFIG_PATH="$lib/pkgconfig"
    [ "$(pkg-config --modversion gyre)" = "$version" ] || fail "pkg-config --modversion gyre"

    # pkg-config quotes for the shell.
    eval try "'pkg-config, shared'" "$cc" -std=c99 -o '"$work/pc_shared"' '"$here/program.c"' \
        "$(pkg-config --cflags --libs gyre)" '"-Wl,-rpath,$lib"'
    run_program "$work/pc_shared"
    links_shared "$work/pc_shared" || fail "-lgyre did not take the shared library"

    eval try "'pkg-config, static'" "$cc" -std=c99 -static -o '"$work/pc_static"' \
        '"$here/program.c"' "$(pkg-config --static --cflags --libs gyre)"
    run_program "$work/pc_static"
    ok "pkg-config gyre and a plain compiler, shared and static"
else
    echo "skipped: pkg-config is not installed"
fi

# The way from gyre.pc up to the prefix depends on the library directory; absolute directories stay
# what they are.
try "a library directory of two levels" "$cmake" -DCMAKE_INSTALL_LIBDIR=lib/here "$build"
grep -q '^prefix=${pcfiledir}/../../..$' "$build/package/gyre.pc" || fail "gyre.pc: prefix"
try "absolute directories" "$cmake" -DCMAKE_INSTALL_LIBDIR=/else/lib \
    -DCMAKE_INSTALL_INCLUDEDIR=/else/include "$build"
grep -q '^libdir=/else/lib$' "$build/package/gyre.pc" || fail "gyre.pc: library directory"
grep -q '^includedir=/else/include$' "$build/package/gyre.pc" || fail "gyre.pc: include directory"
ok "gyre.pc with a library directory of two levels and with absolute directories"
