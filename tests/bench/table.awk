# The table: for each number of each cell the median of the rounds and its spread, per library, and
# how gyre compares. Input lines: "round library variant cell.metric value unit".
# SPDX-License-Identifier: MIT

function more_is_better(unit) {
    return unit ~ /\/s$/
}

# Sort list[1..count] in place.
function sort(list, count,    i, j, value) {
    for (i = 2; i <= count; i++) {
        value = list[i]
        for (j = i - 1; j > 0 && list[j] > value; j--)
            list[j + 1] = list[j]
        list[j + 1] = value
    }
}

# The median of one variant, and half the distance of its extremes in per cent: results in globals.
function summarize(key,    list, count, i) {
    count = split(values[key], list, " ")
    for (i = 1; i <= count; i++)
        list[i] += 0
    sort(list, count)
    middle = count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
    spread = middle ? (list[count] - list[1]) / middle * 50 : 0
}

# The best variant's median for this row and library, "" if there is none.
function best(row, library,    list, count, i, found) {
    count = split(variants[row, library], list, " ")
    for (i = 1; i <= count; i++) {
        summarize(row SUBSEP library SUBSEP list[i])
        if (found && (more_is_better(unit[row]) ? middle <= best_middle : middle >= best_middle))
            continue
        found = 1
        best_middle = middle
        best_spread = spread
        best_variant = list[i]
    }
    return found
}

function number(value) {
    if (value >= 1000)
        return sprintf("%.0f", value)
    return sprintf(value >= 100 ? "%.1f" : value >= 10 ? "%.2f" : "%.3f", value)
}

# How many times better gyre is.
function ratio(row, library,    a, b) {
    a = median[row, "gyre"]
    b = median[row, library]
    if (!a || !b)
        return "-"
    return sprintf("%.2fx", more_is_better(unit[row]) ? a / b : b / a)
}

function short_name(row) {
    sub(/000000\./, "M.", row)
    gsub(/000-/, "k-", row)
    sub(/000\./, "k.", row)
    sub(/16384/, "16KiB", row)
    return row
}

{
    row = $4
    if (!(row in unit)) {
        rows[++row_count] = row
        unit[row] = $6
    }
    if (!((row, $2, $3) in values))
        variants[row, $2] = variants[row, $2] " " $3
    values[row, $2, $3] = values[row, $2, $3] " " $5
}

function has_number(row, library) {
    return (row, library) in variants
}

# Which rows the next table has, and which libraries have a number in any of them.
function choose(futures,    r, i) {
    shown_count = column_count = 0
    for (r = 1; r <= row_count; r++)
        if ((rows[r] ~ /^future_/) == futures)
            shown[++shown_count] = rows[r]
    for (i = 1; i <= library_count; i++) {
        for (r = 1; r <= shown_count && !has_number(shown[r], library[i]); r++)
            continue
        if (r <= shown_count)
            column[++column_count] = library[i]
    }
}

function print_row(row,    i, workload) {
    printf "%-32s", short_name(row) " " unit[row]
    for (i = 1; i <= column_count; i++) {
        if (!best(row, column[i])) {
            printf "%16s", "-"
            continue
        }
        median[row, column[i]] = best_middle
        printf "%9s %5s%%", number(best_middle), sprintf("+-%.0f", best_spread)
        workload = row
        sub(/-.*/, "", workload)
        if (best_variant != "-" && !named[workload, column[i], best_variant]++)
            chosen[column[i]] = chosen[column[i]] " " workload "@" best_variant
    }
    for (i = 1; i <= peer_count; i++)
        printf "%12s", ratio(row, peer[i])
    print ""
}

# One table: of futures or of all else, with a ratio to each of `peers`.
function print_table(futures, peers,    r, i) {
    choose(futures)
    if (!shown_count)
        return
    peer_count = split(peers, peer, " ")
    printf "\n%-32s", "cell, unit"
    for (i = 1; i <= column_count; i++)
        printf "%16s", column[i]
    for (i = 1; i <= peer_count; i++)
        printf "%12s", "to " peer[i]
    print ""
    for (r = 1; r <= shown_count; r++)
        print_row(shown[r])
}

END {
    library_count = split(libraries, library, " ")
    print_table(0, "libuv bare")
    print_table(1, "asyncio uvloop")

    print "\nEach number is the median of the rounds; +- is half the distance between the extremes."
    print "\"to libuv\" and so on: how many times better gyre is; below 1 it is worse."
    print "Where a library can do a thing in several ways, each number is that of its best:"
    for (i = 1; i <= library_count; i++)
        if (chosen[library[i]])
            print "  " library[i] ":" chosen[library[i]]
}
