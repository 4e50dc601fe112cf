#!/bin/sh
# What programs show of a JPEG whose base is sYCC: a Markdown table. A picture is encoded with either base; each reader
# makes RGB of both files. "sRGB" and "sYCC" are its PSNR against the clipped picture, in dB of 8-bit codes: they should
# be about the same. "differs" is how far some code of the sYCC file is from libjpeg-turbo's at most. Readers that are not
# installed are left out, with a note.
#
#    tests/readers.sh TOOL HELPER PICTURE [QUALITY]      HELPER is tests/readers.c, built; PICTURE is read as ProPhoto
set -u
usage="usage: readers.sh TOOL HELPER PICTURE [QUALITY]"
tool=${1:?"$usage"}
helper=${2:?"$usage"}
picture=${3:?"$usage"}
quality=${4:-95}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

have() { command -v "$1" >/dev/null 2>&1; }
have djpeg || { echo "readers.sh needs libjpeg-turbo's djpeg, with which it compares" >&2; exit 1; }

# The clipped picture, and the files. What the network holds does not matter here.
encode() { "$tool" encode "$picture" "$@" --from prophoto --preset fast --iterations 1 >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }; }
encode "$dir/clipped.png"
for chroma in 444 420; do
    for base in srgb sycc; do encode "$dir/$base$chroma.jpg" --base $base --quality "$quality" --subsample $chroma; done
done
size=$("$helper" size "$dir/clipped.png") || exit 1
width=${size% *}
height=${size#* }

pillow='from PIL import Image'
gdk='import gi; gi.require_version("GdkPixbuf", "2.0"); from gi.repository import GdkPixbuf'
qt='from PyQt5.QtGui import QImage'
python() { # IMPORTS CODE ARGS...: by the first python3 that has these modules
    imports=$1; code=$2; shift 2
    for p in python3 /usr/bin/python3; do "$p" -c "$imports" 2>/dev/null && { "$p" -c "import sys; $imports; $code" "$@"; return; }; done
    return 1
}
page() { # FILE: with the picture and nothing else
    printf '<!DOCTYPE html><body style="margin:0"><img src="%s" style="display:block">' "$1" >"$dir/page.html"
    echo "file://$dir/page.html"
}

# installed READER
installed() {
    case $1 in
    stb_image) ;;
    libjpeg-turbo) have djpeg ;;
    ImageMagick) have convert && ! convert --version 2>&1 | grep -q GraphicsMagick ;;
    GraphicsMagick) have gm ;;
    libvips) have vips ;;
    FFmpeg) have ffmpeg ;;
    netpbm) have jpegtopnm ;;
    Pillow) python "$pillow" pass ;;
    gdk-pixbuf) python "$gdk" pass ;;
    Qt) python "$qt" pass ;;
    Chromium) have chromium ;;
    Firefox) have firefox ;;
    esac
}

# read_by READER IN.jpg OUT: 8-bit RGB, PNG or PPM
read_by() {
    case $1 in
    stb_image) "$helper" stb "$2" "$3" ;;
    libjpeg-turbo) djpeg -ppm -outfile "$3" "$2" ;;
    ImageMagick) convert "$2" -depth 8 "ppm:$3" ;;
    GraphicsMagick) gm convert "$2" -depth 8 "ppm:$3" ;;
    libvips) vips copy "$2" "$3" ;;
    FFmpeg) ffmpeg -loglevel error -y -i "$2" -pix_fmt rgb24 "$3" ;;
    netpbm) jpegtopnm "$2" >"$3" ;;
    Pillow) python "$pillow" 'Image.open(sys.argv[1]).convert("RGB").save(sys.argv[2])' "$2" "$3" ;;
    gdk-pixbuf) python "$gdk" 'GdkPixbuf.Pixbuf.new_from_file(sys.argv[1]).savev(sys.argv[2], "png", [], [])' "$2" "$3" ;;
    Qt) python "$qt" 'sys.exit(not QImage(sys.argv[1]).save(sys.argv[2]))' "$2" "$3" ;;
    Chromium) chromium --headless --no-sandbox --disable-gpu --user-data-dir="$dir/chromium" --hide-scrollbars \
            --force-color-profile=srgb --force-device-scale-factor=1 --window-size="$width,$height" --screenshot="$3" "$(page "$2")" ;;
    Firefox) firefox --headless --no-remote --profile "$dir/firefox" --window-size="$width,$height" --screenshot "$3" "$(page "$2")" ;;
    esac >"$dir/log" 2>&1
}

mkdir "$dir/firefox" # a monitor's profile would change what it shows
echo 'user_pref("gfx.color_management.force_srgb", true);' >"$dir/firefox/user.js"

# row READER: against the clipped picture and libjpeg-turbo
row() {
    printf '| %s |' "$1"
    for chroma in 444 420; do
        most=-
        for base in srgb sycc; do
            out=$dir/out.png
            rm -f "$out"
            if read_by "$1" "$dir/$base$chroma.jpg" "$out" && shown=$("$helper" compare "$dir/clipped.png" "$out" 2>"$dir/log"); then
                printf ' %s |' "${shown% *}"
                [ $base = srgb ] || most=$("$helper" compare "$dir/turbo$chroma" "$out" | sed 's/.* //')
            else
                printf ' failed |'
                sed "s/^/readers.sh: $1: /" "$dir/log" >&2
            fi
        done
        printf ' %s |' "$most"
    done
    echo
}

for chroma in 444 420; do read_by libjpeg-turbo "$dir/sycc$chroma.jpg" "$dir/turbo$chroma" || exit 1; done
echo "| reader | 4:4:4: sRGB | sYCC | differs | 4:2:0: sRGB | sYCC | differs |"
echo "|---|---|---|---|---|---|---|"
for reader in libjpeg-turbo stb_image ImageMagick GraphicsMagick libvips FFmpeg netpbm Pillow gdk-pixbuf Qt Chromium Firefox; do
    if installed $reader; then row $reader
    else echo "readers.sh: $reader is not installed, no line for it" >&2
    fi
done
