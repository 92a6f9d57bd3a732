# What the libraries show to the linker: the functions of the headers, and nothing else.
#
# A step of run.sh.
#
# SPDX-License-Identifier: MIT

sed -n 's/^GYRE_API .*[ *]\(gyre_[a-z0-9_]*\)(.*/\1/p' "$copy"/include/gyre/*.h |
    sort >"$work/declared"
[ "$(grep -c '^GYRE_API' "$copy"/include/gyre/*.h | awk -F: '{ n += $2 } END { print n }')" -eq \
    "$(wc -l <"$work/declared")" ] || fail "a GYRE_API declaration that this script cannot read"

# same_exports LIBRARY: what it defines for others, each with the version of the library.
same_exports() {
    readelf -W --dyn-syms "$1" |
        awk '$5 == "GLOBAL" && $7 != "UND" && $7 != "ABS" { print $8 }' | sort >"$work/exported"
    sed "s/\$/@@GYRE_${version%.*}/" "$work/declared" >"$work/versioned"
    same "exports of $1" "$work/versioned" "$work/exported"
}

same_exports "$lib/libgyre.so"
same_exports "$inside_shared"
ok "the shared library exports the $(wc -l <"$work/declared" | tr -d ' ') declared functions alone"

# The static library defines the same and no more, so a program may use every private name for
# itself: here it defines all of them.
only_own_names "$lib/libgyre.a"
find "$build" -name '*.c.o' -exec nm -g {} + |
    awk 'NF == 3 && $2 ~ /[A-Z]/ && $2 != "U" && $3 !~ /^gyre_/ { print $3 }' |
    sort -u >"$work/private_names"
grep -q '^poller_find$' "$work/private_names" || fail "no private names found in $build"
awk '{ print $1 == "sys" ? "int sys = 1;" : "void " $1 "(void) { }" }' "$work/private_names" \
    >"$work/clash.c"
try "a program that defines the library's private names" "$cc" -std=c99 \
    -I"$prefix/include/there" -o "$work/clash" "$here/program.c" "$work/clash.c" "$lib/libgyre.a" \
    -lpthread
run_program "$work/clash"
try "the same with gyre.c" "$cc" -std=c99 -I"$dropped" -o "$work/clash" "$here/program.c" \
    "$work/clash.c" "$dropped/gyre.o" -lpthread
run_program "$work/clash"
ok "a program may define all $(wc -l <"$work/private_names" | tr -d ' ') private names for itself"

# What a program carries that uses the reactor alone, were the upper rooms left out.
text=$(find "$build" -name '*.c.o' -path '*/gyre_*.dir/*' ! -path '*/gyre_future.dir/*' \
    ! -path '*/gyre_pool.dir/*' -exec size -A {} + |
    awk '$1 ~ /^\.(text|rodata)/ { n += $2 } END { print n + 0 }')
[ "$text" -gt 1000 ] || fail "no code found in $build"
[ "$text" -le 65536 ] || fail "code and constants of the reactor are $text bytes, more than 64 KiB"
ok "code and constants of the release build: $text bytes in the reactor"
