#!/bin/sh
# Files that programs which know nothing of networks turned, mirrored, resized and cropped.
. "$(dirname "$0")/tool.sh"

"$scene" wide.png 640 480 || exit 1
from="--from prophoto"
does encode wide.png a.jpg $from --iterations 200 --json
og=$(value psnr_og)
blob=$(value blob_bytes)
is "the budget is kept" [ "$blob" -le 4096 ]
does decode a.jpg a_wide.png --json
is "decode: no edit" [ "$(value edit) $(value belongs)" = "null true" ]
is "decode: what the encoder measured" awk "BEGIN { d = $(value encoded_psnr_og) - $og; exit !(d * d < 1e-4) }"
does inspect a.jpg
is "inspect: what the encoder measured" grep -q "measured  *by the encoder: [0-9.]* dB over all pixels, [0-9.]* dB out of gamut" out
does inspect a.jpg --json
is "inspect: JSON" valid_json
is "inspect: no edit" [ "$(value edit)" = null ]

# finds FILE TEXT WIDTH HEIGHT: decode and inspect say so, and the picture comes back
finds() {
    says 0 "note: $1: $2 by another program; the colours come back" decode "$1" back.png --json
    is "$1: JSON" valid_json
    is "$1: JSON has the text" [ "$(value width) $(value height) $(sed -n 's/.*"edit": "\(.*\)".*/\1/p' out)" = "$3 $4 $2" ]
    is "$1: where pixels were" has_keys column column_step row row_step transposed
    is "$1: landmarks" [ "$(value landmarks_found)" -ge 6 ]
    does inspect "$1"
    is "$1: inspect" grep -q "pixels  *$2 by another program; the colours come back" out
}
# close FILE WANTED LIMIT: the decoded file is WANTED, but for LIMIT dB out of gamut against the encoder's
close() {
    "$tool" compare "$2" back.png $from --json >out 2>err
    is "$1: as the edited original ($(value psnr_og) dB)" above "$(value psnr_og)" "$og - $3"
}

# jpegtran: lossless, the network comes along in a comment and more.
if have jpegtran && have convert; then
    jpegtran -copy all -rotate 90 a.jpg >turned.jpg
    finds turned.jpg "turned right" 480 640
    convert wide.png -rotate 90 want.png
    close turned.jpg want.png 0.5
    jpegtran -copy all -flip horizontal a.jpg >mirrored.jpg
    finds mirrored.jpg "mirrored" 640 480
    convert wide.png -flop want.png
    close mirrored.jpg want.png 0.5
    says 0 "mirrored by another program" decode mirrored.jpg part.png --crop 8,8,99,50
    convert back.png -crop 99x50+8+8 +repage -depth 16 want.png
    is "--crop of an edited file" [ "$(convert want.png rgb:- | cksum)" = "$(convert part.png -depth 16 rgb:- | cksum)" ]
    jpegtran -copy all -transverse a.jpg >t.jpg
    finds t.jpg "mirrored and turned right" 480 640
    jpegtran -copy all -transpose a.jpg >t.jpg
    finds t.jpg "mirrored and turned left" 480 640
    jpegtran -copy all -rotate 180 a.jpg >t.jpg
    finds t.jpg "turned by 180 degrees" 640 480
    jpegtran -copy all -crop 448x336+96+64 a.jpg >part.jpg
    finds part.jpg "cropped to 448 x 336 at 96,64" 448 336
    convert wide.png -crop 448x336+96+64 +repage want.png
    close part.jpg want.png 1.5
    jpegtran -copy all -wipe 320x240+64+64 a.jpg >wiped.jpg
    says 1 "does not belong to these pixels" decode wiped.jpg x.png
    jpegtran -copy all -crop 48x48+320+96 a.jpg >part.jpg
    says 1 "is 48 x 48, but its network is for 640 x 480; what was done" decode part.jpg x.png
    "$tool" inspect part.jpg --json >out 2>err; status=$?
    is "inspect of what cannot be found" [ $status -eq 1 -a "$(value belongs) $(value edit)" = "false null" ]
fi

# ImageMagick: a PNG's text comes along.
if have convert; then
    does encode wide.png a.png $from --iterations 200 --json
    png_og=$(value psnr_og)
    convert a.png -resize 50% half.png
    finds half.png "resized to 50 %" 320 240
    convert wide.png -resize 50% want.png
    "$tool" compare want.png back.png $from --json >out 2>err
    is "half.png: as the resized original ($(value psnr_og) dB)" above "$(value psnr_og)" "$png_og - 2.5"
    says 0 "resized to 50 %" decode half.png alone.png --threads 1
    is "half.png: the same with one thread" cmp -s alone.png back.png
    says 0 "resized to 50 %" decode half.png part.png --crop 40,50,99,130
    convert back.png -crop 99x130+40+50 +repage -depth 16 want.png
    is "half.png: a part has the same values" [ "$(convert want.png rgb:- | cksum)" = "$(convert part.png -depth 16 rgb:- | cksum)" ]
    convert a.png -resize 150% large.png
    finds large.png "resized to 150 %" 960 720
    convert wide.png -resize 150% want.png
    "$tool" compare want.png back.png $from --json >out 2>err
    is "large.png: as the resized original ($(value psnr_og) dB)" above "$(value psnr_og)" "$png_og - 2.5"
    convert a.png -rotate 270 -resize '360x480!' t.png
    finds t.png "resized to 75 % and turned left" 360 480
    convert a.png -resize '320x480!' t.png
    finds t.png "resized to 50 x 100 %" 320 480
    convert a.png -crop 500x400+100+30 +repage -resize 50% t.png
    finds t.png "cropped to 500 x 400 at 100,30 and resized to 50 %" 250 200
    convert a.png -flip t.png
    finds t.png "flipped upside down" 640 480
    "$tool" decode a.png whole.png >out 2>err
    convert whole.png -flip -depth 16 want.png
    is "a mirrored PNG gives the same values" [ "$(convert want.png rgb:- | cksum)" = "$(convert back.png -depth 16 rgb:- | cksum)" ]
    convert a.png -modulate 80 t.png
    says 1 "does not belong to these pixels" decode t.png x.png
    says 0 "warning: .* does not belong to these pixels" decode t.png y.png --force
    convert a.png -modulate 80 -resize 50% t.png
    says 1 "is 320 x 240, but its network is for 640 x 480" decode t.png x.png
fi

# HDR.
if have convert; then
    does encode wide.png sdr.png --from srgb --iterations 1
    does strip sdr.png plain.png
    does hdr-encode plain.png wide.png hdr.png --from-hdr rec2020pq --iterations 20
    does hdr-decode hdr.png whole.png --json
    is "hdr-decode: what the encoder measured" above "$(value encoded_psnr)" 10
    is "hdr-decode: no OG" [ "$(value encoded_psnr_og)" = null ]
    convert hdr.png -rotate 180 t.png
    says 0 "note: t.png: turned by 180 degrees by another program" hdr-decode t.png back.png
    says 0 "note: t.png: turned by 180 degrees by another program" hdr-decode t.png phone.jpg
    convert whole.png -rotate 180 -depth 16 want.png
    is "HDR, turned, gives the same values" [ "$(convert want.png rgb:- | cksum)" = "$(convert back.png -depth 16 rgb:- | cksum)" ]
fi
is "no file after a failure" [ ! -e x.png ]
finish
