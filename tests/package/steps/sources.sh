# Rules of the sources that the build relies on.
#
# A step of run.sh, the last: it breaks the copy.
#
# SPDX-License-Identifier: MIT

# gyre.c is all sources in one file, so they must not have a name twice.
find "$root/src" -name '*.[ch]' -exec awk -f "$here/names.awk" {} + >"$work/names"
[ "$(wc -l <"$work/names")" -gt 100 ] || fail "names.awk finds no names"
awk '{ seen[$1] = seen[$1] " " $2 } ++count[$1] == 2 { twice[$1] }
    END { for (name in twice) print name ":" seen[name] }' "$work/names" | sort >"$work/twice"
if [ -s "$work/twice" ]; then
    cat "$work/twice" >&2
    fail "names that two files of src/ have"
fi
ok "no name is used by two files of src/ for things of their own"

# An include of a room above does not compile.
if grep -rn '#include "\.' "$root/src" >"$log"; then
    fail "an include that goes around the rooms: $(cat "$log")"
fi
echo '#include "os/sys.h"' >>"$copy/src/loop/call.c"
try "an include of a room below" "$cmake" --build "$build" --target gyre_loop
for upwards in base/version.c:os/sys.h base/version.c:loop/core.h os/poller.c:loop/core.h; do
    file=$copy/src/${upwards%:*}
    above=${upwards#*:}
    cp "$file" "$work/saved.c"
    echo "#include \"$above\"" >>"$file"
    refuse "$above included by src/${upwards%:*}" "$above: No such file\|'$above' file not found" \
        "$cmake" --build "$build" --target "gyre_${upwards%%/*}"
    cp "$work/saved.c" "$file"
done
ok "an include of a room above does not compile"
