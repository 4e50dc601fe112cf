#!/bin/sh
# What comes back after edits by programs that know nothing of networks: a Markdown table over the pictures of a folder,
# edited by ImageMagick and libvips. Of each picture there are a PNG, whose edits are PNG, and a JPEG, whose edits are
# saved at quality 90. Crops lie at random places, and every edit is turned or mirrored at random, too. The same program
# edits the original, in 16 bits, which is what has to come back: filters differ, and another program's reference takes 4
# to 12 dB at 150 %. In brackets is what was decoded before the edit, edited alike; of JPEGs this is the file saved anew at
# quality 90, as what lies outside sRGB is then lost without any edit. The last column is what a network of 4 KB gives that
# is trained on the resized PNG itself beside the resized original: about as much as its codes still tell.
#
#    tests/edits.sh TOOL FOLDER [encode's options, such as --from prophoto]
set -u
tool=${1:?"usage: edits.sh TOOL FOLDER"}
folder=${2:?"usage: edits.sh TOOL FOLDER"}
shift 2
case $tool in /*) ;; *) tool=$PWD/$tool ;; esac
command -v convert >/dev/null && command -v vips >/dev/null || { echo "edits.sh needs convert and vips" >&2; exit 1; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

value() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^,\"]*\).*/\1/p"; }
random() { seed=$(((seed * 1103515245 + 12345) & 2147483647)); drawn=$((seed / 65536 % $1)); }

# edit PROGRAM IN OUT X Y W H TO_W TO_H ORIENTATION
edit() {
    if [ "$1" = convert ]; then
        case ${10} in 0) t= ;; 1) t=-flip ;; 2) t=-flop ;; 3) t='-rotate 180' ;; 4) t=-transpose ;; 5) t='-rotate 90' ;;
        6) t='-rotate 270' ;; 7) t=-transverse ;; esac
        convert "$2" -crop "$6x$7+$4+$5" +repage -resize "$8x$9!" $t -quality 90 "$3"
        return
    fi
    vips crop "$2" "$dir/1.v" "$4" "$5" "$6" "$7" &&
        vips resize "$dir/1.v" "$dir/2.v" "$(awk "BEGIN { print $8 / $6 }")" --vscale "$(awk "BEGIN { print $9 / $7 }")" &&
        case ${10} in
        0) vips copy "$dir/2.v" "$dir/3.v" ;;
        1) vips flip "$dir/2.v" "$dir/3.v" vertical ;;
        2) vips flip "$dir/2.v" "$dir/3.v" horizontal ;;
        3) vips rot "$dir/2.v" "$dir/3.v" d180 ;;
        4) vips rot "$dir/2.v" "$dir/4.v" d90 && vips flip "$dir/4.v" "$dir/3.v" horizontal ;;
        5) vips rot "$dir/2.v" "$dir/3.v" d90 ;;
        6) vips rot "$dir/2.v" "$dir/3.v" d270 ;;
        7) vips rot "$dir/2.v" "$dir/4.v" d90 && vips flip "$dir/4.v" "$dir/3.v" vertical ;;
        esac
    case $3 in *.jpg) vips copy "$dir/3.v" "$3[Q=90]" ;; *) vips copy "$dir/3.v" "$3" ;; esac
}

# one ROW EXTENSION PROGRAM X Y W H TO_W TO_H ORIENTATION: a line of results
one() {
    row=$1 ext=$2 program=$3
    shift 3
    edit "$program" "$dir/base.$ext" "$dir/edited.$ext" "$@" 2>/dev/null
    edit "$program" "$dir/wide.png" "$dir/want.png" "$@"
    edit "$program" "$dir/$ext.png" "$dir/whole.png" "$@"
    if "$tool" decode "$dir/edited.$ext" "$dir/back.png" --json >"$dir/said" 2>/dev/null; then
        off=$(awk -v c="$(value column <"$dir/said")" -v cs="$(value column_step <"$dir/said")" \
            -v r="$(value row <"$dir/said")" -v rs="$(value row_step <"$dir/said")" -v e="$(value edit <"$dir/said")" \
            -v x="$1" -v y="$2" -v w="$3" -v h="$4" -v tw="$5" -v th="$6" -v g="$7" '
            function abs(v) { return v < 0 ? -v : v }
            function worse(v) { if (abs(v) > most) most = abs(v) }
            BEGIN {
                if (e == "null") { c = r = 0; cs = rs = 1 }
                u = g % 4 >= 2 ? x + w : x; us = (g % 4 >= 2 ? -w : w) / tw
                v = g % 2 ? y + h : y; vs = (g % 2 ? -h : h) / th
                c += 0.5 - cs / 2; r += 0.5 - rs / 2
                worse(c - u); worse(c + cs * tw - u - us * tw); worse(r - v); worse(r + rs * th - v - vs * th)
                print most <= 2 && abs(cs / us - 1) <= 0.001 && abs(rs / vs - 1) <= 0.001 ? 1 : 0
            }')
        got=$("$tool" compare "$dir/want.png" "$dir/back.png" $options --json | value psnr_og)
        best=$("$tool" compare "$dir/want.png" "$dir/whole.png" $options --json | value psnr_og)
        anew=
        case $ext$row in png*resized*)
            "$tool" encode "$dir/want.png" "$dir/anew.png" --base-picture "$dir/edited.png" $options >/dev/null 2>&1 &&
                "$tool" decode "$dir/anew.png" "$dir/back.png" >/dev/null 2>&1 &&
                anew=$("$tool" compare "$dir/want.png" "$dir/back.png" $options --json | value psnr_og) ;;
        esac
        echo "$row|$ext|1|$off|$got|$best|$anew"
    else echo "$row|$ext|0|0|||"; fi
}

options=$*
seed=1
for picture in "$folder"/*; do
    [ -f "$picture" ] || continue
    "$tool" encode "$picture" "$dir/base.png" $options >/dev/null 2>&1 || continue
    "$tool" encode "$picture" "$dir/base.jpg" $options >/dev/null 2>&1 || continue
    echo "$picture" >&2
    convert "$picture" -auto-orient -depth 16 -strip "$dir/wide.png"
    convert "$dir/base.jpg" -quality 90 "$dir/anew.jpg"
    "$tool" decode "$dir/base.png" "$dir/png.png" >/dev/null 2>&1
    "$tool" decode "$dir/anew.jpg" "$dir/jpg.png" >/dev/null 2>&1
    width=$(identify -format %w "$dir/wide.png")
    height=$(identify -format %h "$dir/wide.png")
    for area in 1 0.8 0.5 0.25; do
        for size in 1 0.75 0.5 0.33 1.5; do
            for ext in png jpg; do
                set -- $(awk "BEGIN { s = sqrt($area); w = int($width * s + 0.5); h = int($height * s + 0.5)
                                      print w, h, int(w * $size + 0.5), int(h * $size + 0.5) }")
                random 8; g=$drawn
                random 2; if [ "$drawn" = 0 ]; then program=convert; else program=vips; fi
                random $((width - $1 + 1)); x=$drawn
                random $((height - $2 + 1)); y=$drawn
                case $area$size in
                11) row="turned or mirrored" ;;
                1*) row="resized to $size" ;;
                *1) row="cropped to $area" ;;
                *) row="cropped to $area and resized" ;;
                esac
                one "$row" $ext "$program" "$x" "$y" "$@" "$g"
            done
        done
    done
done >"$dir/results"

awk -F'|' '
    function cell(k) {
        if (!n[k]) return " - | - | -"
        return sprintf(" %d of %d | %d | %.1f (%.1f)", found[k], n[k], near[k], told[k] ? got[k] / told[k] : 0,
                       told[k] ? best[k] / told[k] : 0)
    }
    !($1 in seen) { seen[$1] = 1; row[++rows] = $1 }
    function anew(k) { return trained[k] ? sprintf(" %.1f", net[k] / trained[k]) : " - " }
    {
        k = $1 FS $2; n[k]++; found[k] += $3; near[k] += $4
        if ($5 + 0 && $6 + 0) { told[k]++; got[k] += $5; best[k] += $6 } # there are parts with nothing out of gamut
        if ($7 + 0) { trained[k]++; net[k] += $7 }
    }
    END {
        print "dB: out of gamut, mean; in brackets: decoded, then edited alike, of JPEGs after saving anew at quality 90."
        print "Near: within 2 pixels and 0.1 %."
        print ""
        print "| edit, turned or mirrored at random | PNG: found | near | dB | JPEG, quality 90: found | near | dB | PNG, trained anew |"
        print "|---|---|---|---|---|---|---|---|"
        for (i = 1; i <= rows; i++)
            print "| " row[i] " |" cell(row[i] FS "png") " |" cell(row[i] FS "jpg") " |" anew(row[i] FS "png") " |"
    }' "$dir/results"
