# Prints the names that a C file of src/ has to itself, each with the file: static functions and
# variables, macros, enum constants, and struct and enum tags. Relies on the layout of clang-format:
# a definition begins in the first column. Include guards are left out.
#
# SPDX-License-Identifier: MIT

function found(name)
{
    if (!((name, FILENAME) in known))
        print name, FILENAME
    known[name, FILENAME]
}

FNR == 1 {
    kind = ""
}

# A comment that is longer than its line.
/^\/\*/ && !/\*\// {
    kind = "comment"
}
kind == "comment" {
    if (/\*\//)
        kind = ""
    next
}

/^#define / {
    split($2, part, "(")
    if (NF > 2 || part[2] != "")
        found(part[1])
    next
}

# Enum constants, one or more in a line.
/^enum ([a-z_]+ )?{/ {
    kind = "enum"
    sub(/^enum /, "")
    if (/^[a-z]/)
        found("enum_" $1)
    sub(/^[^{]*{/, "")
}
kind == "enum" {
    text = $0
    gsub(/\/\*.*/, "", text)
    count = split(text, part, ",")
    for (i = 1; i <= count; i++)
        if (match(part[i], /[A-Z][A-Z_0-9]*/))
            found(substr(part[i], RSTART, RLENGTH))
    if (/}/)
        kind = ""
    next
}

# The tag, and the variable that may follow a definition.
/^(static |extern )?struct [a-z_]+ {/ {
    match($0, /struct [a-z_]+/)
    found("struct_" substr($0, RSTART + 7, RLENGTH - 7))
    kind = /^static/ ? "static" : ""
    next
}
kind == "static" && /^} [a-z_]/ {
    match($2, /^[a-z_0-9]+/)
    found(substr($2, 1, RLENGTH))
    kind = ""
    next
}

# The last word before the parameters, the bounds or the value.
/^static / {
    text = $0
    sub(/ *(\(|\[|=|;).*/, "", text)
    if (match(text, /[a-z_0-9]+$/))
        found(substr(text, RSTART))
}
