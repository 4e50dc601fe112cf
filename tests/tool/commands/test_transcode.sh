#!/bin/sh
# transcode: cut, turned, resized, as JPEG or PNG, a file gives back what it gave before, edited alike.
. "$(dirname "$0")/tool.sh"

from="--from prophoto"
"$scene" wide.png 320 240 || exit 1
does encode wide.png a.png $from --iterations 200
does encode wide.png s.jpg $from --iterations 100 --base srgb
does encode wide.png y.jpg $from --iterations 100 --base sycc --json
og=$(value psnr_og)
for f in a.png s.jpg y.jpg; do does decode $f whole_${f%.*}.png; done
pixels() { convert "$1" -depth 16 rgb:- | cksum; }
# the same values, but for the outermost three pixels of a part, whose windows ended there
inside() { convert "$1" -shave 3x3 -depth 16 rgb:- | cksum; }

# Codes that stay: to the bit.
if have convert; then
    does transcode a.png t.png --crop 40,32,200,150 --rotate 90 --flip h --json
    is "JSON" valid_json
    is "JSON: its keys" has_keys width height picture because base_space clipped edit file_bytes blob_bytes metadata_bytes trained \
        iterations train_seconds total_seconds peak_rss_bytes psnr psnr_og
    is "JSON: what was done" [ "$(value width) $(value height) $(value picture) $(value trained)" = "150 200 the same codes false" ]
    does inspect t.png
    does decode t.png back.png
    convert whole_a.png -crop 200x150+40+32 +repage -rotate 90 -flop want.png
    is "cut, turned, mirrored: the same values" [ "$(inside want.png)" = "$(inside back.png)" ]
    does decode a.png part.png --crop 40,32,200,150
    for turn in 90 180 270; do
        does transcode a.png t.png --rotate $turn
        does decode t.png back.png
        convert whole_a.png -rotate $turn want.png
        is "turned by $turn: the same values" [ "$(pixels want.png)" = "$(pixels back.png)" ]
    done
    does transcode a.png t.png --flip v
    does decode t.png back.png --json
    convert whole_a.png -flip want.png
    is "upside down: the same values" [ "$(pixels want.png)" = "$(pixels back.png)" ]
    is "and what the encoder measured" above "$(value encoded_psnr_og)" 10
    does transcode s.jpg t.png --flip h
    does decode t.png back.png
    convert whole_s.png -flop want.png
    is "a PNG of a JPEG in sRGB: the same values" [ "$(pixels want.png)" = "$(pixels back.png)" ]
    # another program was here before
    convert a.png -rotate 90 t.png
    says 0 "note: t.png: turned right by another program; the network follows" transcode t.png u.png --rotate 270
    does decode u.png back.png
    is "after another program's edit: the same values" [ "$(pixels whole_a.png)" = "$(pixels back.png)" ]
    convert wide.png -resize 75% want.png
    convert a.png -resize 75% t.png
    says 0 "note: t.png: resized to 75 %" decode t.png back.png
    does compare want.png back.png $from --json
    was=$(value psnr_og)
    says 0 "note: t.png: resized to 75 % by another program; the network is asked at the size that it knows" \
        transcode t.png u.png --flip h
    convert want.png -flop flipped.png
    does decode u.png back.png
    does compare flipped.png back.png $from --json
    is "after another program's resizing: what the network learned ($(value psnr_og) dB, $was)" above "$(value psnr_og)" "$was - 1"
    convert a.png -modulate 80 t.png
    says 1 "t.png: its network does not belong to these pixels" transcode t.png x.png --flip h
fi

# A JPEG's blocks: turned and cut as jpegtran does it, not one coefficient changed.
lossless=1
"$tool" --version | grep -q "without.*libturbojpeg" && { echo "# no libturbojpeg: checks are left out"; lossless=; }
if [ $lossless ] && have jpegtran && have djpeg; then
    blocks() { # blocks FILE FILE: the same picture
        djpeg -ppm "$1" >1.ppm && djpeg -ppm "$2" >2.ppm && cmp -s 1.ppm 2.ppm
    }
    for way in "rotate 90" "rotate 180" "rotate 270" "flip h" "flip v"; do
        set -- $way
        does transcode y.jpg t.jpg --$1 $2 --json
        is "$way: blocks" [ "$(value picture)" = "all coefficients of the JPEG" ]
        case $2 in h) set -- flip horizontal ;; v) set -- flip vertical ;; esac
        jpegtran -copy none -perfect -$1 $2 y.jpg >want.jpg
        is "$way: every coefficient" blocks t.jpg want.jpg
        does decode t.jpg back.png
    done
    does transcode y.jpg t.jpg --crop 64,80,201,99 --json
    is "cut at blocks" [ "$(value width) $(value height) $(value picture)" = "201 99 all coefficients of the JPEG" ]
    jpegtran -copy none -crop 201x99+64+80 y.jpg >want.jpg
    is "cut: every coefficient" blocks t.jpg want.jpg
    does inspect t.jpg
    does transcode y.jpg t.jpg --crop 64,80,200,96 --rotate 90
    does transcode t.jpg u.jpg --rotate 270
    jpegtran -copy none -crop 200x96+64+80 y.jpg >want.jpg
    is "cut, turned and back: every coefficient" blocks u.jpg want.jpg
    does transcode y.jpg t.jpg --crop 65,80,201,99 --json
    is "cut within a block: made anew, and why" [ "$(value picture) $(value because)" = "made anew an edge or a corner lies within a block of the JPEG" ]
    does decode t.jpg back.png
    if have convert; then
        convert wide.png -rotate 90 want.png
        does transcode y.jpg t.jpg --rotate 90
        does decode t.jpg back.png
        does compare want.png back.png $from --json
        is "turned: as good as before ($(value psnr_og) dB, $og)" above "$(value psnr_og)" "$og - 0.2"
    fi
fi

# near WANTED FILE DB: what FILE gives back is as good out of gamut
near() {
    "$tool" decode "$2" back.png >out 2>err
    "$tool" compare "$1" back.png $from --json >out 2>err
    is "$2: $(value psnr_og) dB, $3" above "$(value psnr_og)" "$3"
}
does transcode a.png t.jpg --quality 90 --json
is "a JPEG of a PNG is trained" [ "$(value picture) $(value trained)" = "made anew true" ]
near wide.png t.jpg 30
does transcode y.jpg t.png --json
is "a PNG holds no Y'CbCr" [ "$(value base_space) $(value because)" = "srgb a PNG holds no Y'CbCr" ]
near wide.png t.png "$og - 1"
does transcode y.jpg t.jpg --subsample 420 --resize 50% --json
is "resized" [ "$(value width) $(value height) $(value base_space) $(value trained)" = "160 120 sycc true" ]
is "resized: near what it gave before ($(value psnr_og))" above "$(value psnr_og)" 30
does transcode a.png t.png --resize 123x77 --rotate 90 --json
is "resized, then turned" [ "$(value width) $(value height)" = "77 123" ]
is "resized: near what it gave ($(value psnr_og))" above "$(value psnr_og)" 30
does inspect t.png
does transcode a.png t.png --resize 33.4%
does transcode t.png u.png --resize 200% --json
is "and made larger" [ "$(value width) $(value height)" = "214 160" ]

# The network's size.
does transcode a.png t.png --budget 3000 --json
is "coarser steps" [ "$(value picture) $(value trained)" = "kept as it is false" -a "$(value blob_bytes)" -le 3000 ]
"$tool" compare whole_a.png wide.png $from --json >out 2>err
best=$(value psnr_og)
near wide.png t.png "$best - 0.7"
does transcode a.png t.png --budget 1500 --json
is "a narrower network" [ "$(value picture) $(value trained)" = "kept as it is true" -a "$(value blob_bytes)" -le 1500 ]
near wide.png t.png "$best - 6"
does transcode y.jpg t.jpg --budget 3000 --force
is "the picture stays, byte by byte" [ "$("$tool" strip t.jpg 1.jpg >/dev/null; "$tool" strip y.jpg 2.jpg >/dev/null; cmp 1.jpg 2.jpg && echo same)" = same ]

# HDR.
does encode wide.png sdr.png --from srgb --iterations 1
does strip sdr.png plain.png
does hdr-encode plain.png wide.png h.png --from-hdr rec2020pq --iterations 60 --budget 4000
does hdr-decode h.png whole.png
does transcode h.png t.png --rotate 90 --crop 32,16,200,160
does hdr-decode t.png back.png
if have convert; then
    convert whole.png -crop 200x160+32+16 +repage -rotate 90 -shave 5x5 want.png
    convert back.png -shave 5x5 shaved.png
    is "HDR, cut and turned: the same values" [ "$(pixels want.png)" = "$(pixels shaved.png)" ]
fi
does transcode h.png t.jpg --resize 50% --json
is "HDR, resized: near what it gave ($(value psnr))" above "$(value psnr)" 30
is "HDR has no dB out of gamut" [ "$(value psnr_og)" = null ]
does hdr-decode t.jpg back.png
says 0 "note: plain.png (srgb) becomes 8-bit sycc" hdr-encode plain.png wide.png h.jpg --from-hdr rec2020pq --iterations 60 --base sycc
does transcode h.jpg t.png --json
is "HDR: a PNG of Y'CbCr" [ "$(value base_space)" = srgb ]
does hdr-decode t.png back.png

# An orientation tag: the edit is of the picture as it is shown, and the result has none.
printf 'Exif\000\000MM\000*\000\000\000\010\000\001\001\022\000\003\000\000\000\001\000\006\000\000\000\000\000\000' >exif
tag() { od -An -tx1 -v "$1" | tr -d ' \n' | sed -n 's/.*01120003000000010*\([0-9]\)0000.*/\1/p'; }
if [ $lossless ]; then
    { head -c 2 y.jpg; printf '\377\341\000\042'; cat exif; tail -c +3 y.jpg; } >tagged.jpg
    does transcode tagged.jpg t.jpg --crop 16,32,96,64 --json
    is "shown upright" [ "$(value width) $(value height) $(value picture)" = "96 64 all coefficients of the JPEG" ]
    does decode t.jpg back.png
    if have convert; then
        convert whole_y.png -rotate 90 -crop 96x64+16+32 +repage want.png
        does compare want.png back.png $from --json
        is "the part that is shown ($(value psnr))" above "$(value psnr)" 35
    fi
    is "and its tag says so" [ "$(tag t.jpg)" = 1 ]
    # decode's part is of the picture as it is shown, too; and floats are right in the byte order of the EXIF
    does decode tagged.jpg part.png --crop 16,32,96,64
    if have convert; then
        does compare want.png part.png $from
        is "decode --crop: the part that is shown" grep -q "^PSNR *equal *equal" out
    fi
    says 2 "crop 0,0,320,240 reaches outside the picture, which is 240 x 320" decode tagged.jpg x.png --crop 0,0,320,240
    "$tool" decode tagged.jpg t.$exr --depth half >out 2>err
    for depth in half float; do
        does decode tagged.jpg t.tif --depth $depth --to prophoto-linear
        does compare t.$exr t.tif --json
        is "$depth in the EXIF's byte order" above "$(value psnr | sed 's/null/99/')" 60
    done
    does transcode tagged.jpg t.jpg --budget 3000
    is "kept: with its tag" [ "$(tag t.jpg)" = 6 ]
    does transcode tagged.jpg t.jpg --flip h --strip-metadata
    is "--strip-metadata" [ "$(LC_ALL=C grep -ac Exif t.jpg)" = 0 ]
fi

# Nothing was lost.
does encode wide.png p3.png --from srgb
does transcode p3.png t.png --rotate 90 --resize 50%
does inspect t.png

# What is wrong is said, and leaves nothing.
says 1 "plain.png: carries no network to keep" transcode plain.png x.png --flip h
says 2 "must end in .jpg or .png" transcode a.png x.tif
says 2 "crop 300,200,21,40 reaches outside the picture, which is 320 x 240" transcode a.png x.png --crop 300,200,21,40
says 2 "crop takes X,Y,W,H" transcode a.png x.png --crop 1,2,3
says 2 "resize takes WxH in pixels or P%, not '0%'" transcode a.png x.png --resize 0%
says 2 "resize takes WxH" transcode a.png x.png --resize 10x
says 2 "resize 99999% makes more than 65535" transcode a.png x.png --resize 99999%
says 2 "rotate" transcode a.png x.png --rotate 45
says 2 "quality and --subsample are for JPEG" transcode a.png x.png --quality 90
says 1 "a.png" transcode a.png a.png --flip h
is "no file after a failure" [ ! -e x.png -a ! -e x.tif ]
does transcode a.png a.png --flip h --force
finish
