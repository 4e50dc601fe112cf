#!/bin/sh
# What no compiler says: lines of the sources and the examples of at most 120 columns, but for long texts; no
# tabs, no blanks at their ends.
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C
export LC_ALL
failed=0
for file in gamutmlp.h gamutmlp_cuda.cu $(find examples -name '*.[ch]' -o -name '*.cpp' -o -name '*.cu'); do
    # characters: bytes that do not go on with one
    text=$(awk '{ line = $0; width = gsub(/[^\200-\277]/, "x", line) }
                (width > 120 && !/^ *"/) || /\t/ || / $/ { print "# " FILENAME ":" FNR ": " $0 }' "$file")
    [ -z "$text" ] || { echo "not ok $file"; echo "$text" | cut -c1-160; failed=1; }
done
[ $failed = 1 ] || echo "ok lines"
exit $failed
