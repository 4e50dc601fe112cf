# Lines and branches of lcov files by section of gamutmlp.h (its implementation, which this reads first) or by file.
BEGIN {
    split("blob edits shaders jpeg png ktx2 letnet", names)
    for (i in names) wanted[names[i]] = 1
}
FNR == NR { # ...:   >>name: text
    if (/^#define GAMUTMLP_IMPLEMENTED/) inside = 1
    if (inside && match($0, /^   >>[a-z0-9]+:/)) { section = substr($0, 6, RLENGTH - 6); begins() }
    if (section == "letnet" && /^#ifndef GMLP_DECODE_ONLY/) { section = "training"; begins() }
    next
}
function begins() { starts[++sections] = FNR; called[sections] = section }
function place(file, line,   i) {
    if (file !~ /gamutmlp\.h$/) return file ~ /examples\/tool\// ? substr(file, match(file, /examples\/tool\//) + 14) : ""
    for (i = sections; i && starts[i] > line; i--) {}
    return i && (called[i] in wanted) ? ">>" called[i] : ""
}
/^SF:/ { file = substr($0, 4); next }
/^DA:/ {
    split(substr($0, 4), v, ",")
    p = place(file, v[1])
    if (p == "") next
    key = p SUBSEP v[1]
    if (!(key in lines)) { lines[key] = 0; total[p]++ }
    if (v[2] > 0 && !lines[key]) { lines[key] = 1; reached[p]++ }
    next
}
/^BRDA:/ {
    split(substr($0, 6), v, ",")
    p = place(file, v[1])
    if (p == "") next
    key = p SUBSEP v[1] SUBSEP v[2] SUBSEP v[3]
    if (!(key in branches)) { branches[key] = 0; branches_total[p]++ }
    if (v[4] != "-" && v[4] > 0 && !branches[key]) { branches[key] = 1; branches_reached[p]++ }
}
END {
    for (key in lines)
        if (!lines[key]) { split(key, v, SUBSEP); print v[1] ":" v[2] | "sort -t: -k1,1 -k2,2n >" missed }
    for (key in branches)
        if (!branches[key]) { split(key, v, SUBSEP); print v[1] ":" v[2] ": branch " v[3] "." v[4] | "sort -t: -k1,1 -k2,2n >" missed ".branches" }
    printf "%-28s %16s %16s\n", "", "lines", "branches"
    fflush()
    for (p in total) {
        if (reached[p] < 0.95 * total[p] || branches_reached[p] < 0.85 * branches_total[p]) low = 1
        printf "%-28s %5d/%5d %3.0f%% %5d/%5d %3.0f%%\n", p, reached[p], total[p], 100 * reached[p] / total[p],
               branches_reached[p], branches_total[p], branches_total[p] ? 100 * branches_reached[p] / branches_total[p] : 100 | "sort"
    }
    close("sort")
    if (low) print "below 95 % of lines or 85 % of branches"
    exit low
}
