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

END {
    library_count = split(libraries, library, " ")
    printf "\n%-32s", "cell, unit"
    for (i = 1; i <= library_count; i++)
        printf "%16s", library[i]
    printf "%10s%9s\n", "to libuv", "to bare"

    for (r = 1; r <= row_count; r++) {
        row = rows[r]
        printf "%-32s", short_name(row) " " unit[row]
        for (i = 1; i <= library_count; i++) {
            if (!best(row, library[i])) {
                printf "%16s", "-"
                continue
            }
            median[row, library[i]] = best_middle
            printf "%9s %5s%%", number(best_middle), sprintf("+-%.0f", best_spread)
            workload = row
            sub(/-.*/, "", workload)
            if (best_variant != "-" && !named[workload, library[i], best_variant]++)
                chosen[library[i]] = chosen[library[i]] " " workload "@" best_variant
        }
        printf "%10s%9s\n", ratio(row, "libuv"), ratio(row, "bare")
    }

    print "\nEach number is the median of the rounds; +- is half the distance between the extremes."
    print "\"to libuv\", \"to bare\": how many times better gyre is; below 1 it is worse."
    print "Where a library can do a thing in several ways, each number is that of its best:"
    for (i = 1; i <= library_count; i++)
        if (chosen[library[i]])
            print "  " library[i] ":" chosen[library[i]]
}
