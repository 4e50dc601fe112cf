#!/bin/sh
# Which carriers survive which tools: a Markdown table. Each carrier is put alone into a file, the
# tool rewrites the file, and the cell says whether the blob came through unharmed with 4 KB, with
# 23 KB ("small" when only the first did). Tools that are not installed are left out, with a note.
#
#    tests/survival.sh HELPER        HELPER is tests/survival.c, built
set -u
helper=${1:?"usage: survival.sh HELPER"}
small=4096
large=23552
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

have() { command -v "$1" >/dev/null 2>&1; }
have convert || { echo "survival.sh needs ImageMagick's convert to make its pictures" >&2; exit 1; }
convert -size 160x120 plasma:teal-orange -depth 8 -quality 92 -strip "$dir/base.jpg" &&
    convert "$dir/base.jpg" -strip "$dir/base.png" || exit 1

# run TOOL IN OUT: one rewrite
run() {
    case $1 in
    "jpegtran") jpegtran -rotate 90 -outfile "$3" "$2" ;;
    "jpegtran -copy all") jpegtran -copy all -rotate 90 -outfile "$3" "$2" ;;
    "convert") convert "$2" -quality 90 "$3" ;;
    "mogrify -resize") cp "$2" "$3" && mogrify -resize 50% "$3" ;;
    "vips copy") vips copy "$2" "$3" ;;
    "exiftool -Artist=") cp "$2" "$3" && exiftool -q -overwrite_original -Artist=test "$3" ;;
    "exiftool -XMP:Title=") cp "$2" "$3" && exiftool -q -overwrite_original -XMP:Title=test "$3" ;;
    "optipng") optipng -quiet -o1 "$2" -out "$3" ;;
    "pngcrush") pngcrush -q "$2" "$3" ;;
    esac >"$dir/log" 2>&1
}

# cell TOOL EXTENSION CARRIER
cell() {
    passed=
    for bytes in $small $large; do
        rm -f "$dir/in.$2" "$dir/out.$2"
        "$helper" embed "$dir/base.$2" "$dir/in.$2" "$3" $bytes || { echo "failed"; return; }
        run "$1" "$dir/in.$2" "$dir/out.$2" || { echo "failed"; return; }
        "$helper" present "$dir/out.$2" | grep -qx "$3" && passed="$passed $bytes"
    done
    case $passed in
    " $small $large") echo yes ;;
    " $small") echo small ;;
    " $large") echo large ;;
    *) echo no ;;
    esac
}

# table EXTENSION HEADINGS CARRIERS TOOLS (separated by newlines)
table() {
    printf '| %s | %s |\n|---|' "$1" "$(echo "$3" | sed 's/ / | /g')"
    for c in $2; do printf -- '---|'; done
    echo
    echo "$4" | while IFS= read -r tool; do
        if have "${tool%% *}"; then
            printf '| %s |' "$tool"
            for c in $2; do printf ' %s |' "$(cell "$tool" "$1" "$c")"; done
            echo
        else
            echo "survival.sh: ${tool%% *} is not installed, no line for \"$tool\"" >&2
        fi
    done
}

table jpg "app com xmp" "APP11 COM XMP" "jpegtran
jpegtran -copy all
convert
mogrify -resize
vips copy
exiftool -Artist=
exiftool -XMP:Title="
echo
table png "chunk text xmp" "gmLP tEXt XMP" "convert
mogrify -resize
vips copy
exiftool -Artist=
exiftool -XMP:Title=
optipng
pngcrush"
