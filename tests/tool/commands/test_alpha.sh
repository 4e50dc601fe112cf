#!/bin/sh
# Alpha as other programs write and read it.
. "$(dirname "$0")/tool.sh"

have convert || { finish; exit; }
few="--from prophoto --iterations 20"
"$scene" wide.png 160 120 || exit 1
convert -size 160x120 radial-gradient:white-black -level 25%,60% -depth 16 soft.png
convert wide.png soft.png -alpha off -compose CopyOpacity -composite -depth 16 PNG64:rgba.png
codes() { convert "$1" -channel A -separate -depth 16 gray:"$2" 2>/dev/null; } # 16 bits, of which 8 are in a base
same() { cmp -s "$1" "$2"; }

does encode rgba.png base.png $few
codes base.png of_base
convert base.png -alpha extract base_alpha.png; convert rgba.png -alpha extract source_alpha.png
is "ImageMagick: within a code" [ "$(compare -metric PAE base_alpha.png source_alpha.png null: 2>&1 | sed 's/ .*//' | cut -d. -f1)" -le 257 ]
for out in wide_out.png wide_out.tif; do
    does decode base.png $out
    codes $out of_out
    is "ImageMagick: $out has the base's alpha" same of_base of_out
done
is "ImageMagick: straight alpha in a TIFF" [ "$(identify -format '%[tiff:alpha]' wide_out.tif)" = unassociated ]

# Forms that other programs make of a base: the network and the colours are still there.
for form in PNG64:deep.png PNG32:again.png; do
    convert base.png $form
    does decode ${form#*:} back.png
    codes back.png of_back
    is "$form: alpha" same of_base of_back
done
convert base.png -background black -alpha background black.png
says 0 "note: black.png: given other colours where it is transparent by another program" decode black.png back.png
"$scene" large.png 640 480
convert -size 640x480 radial-gradient:white-black -level 25%,35% -threshold 40% -blur 0x1 mask.png
convert large.png mask.png -alpha off -compose CopyOpacity -composite -background white -alpha background PNG64:cut.png
does encode cut.png cut_base.png --from prophoto --iterations 20
convert cut_base.png -resize 60% small.png
says 0 "note: small.png: .*resized to .* by another program; the colours come back" decode small.png back.png
is "its size" [ "$(identify -format %wx%h back.png)" = 384x288 ]

# Our own edits.
does transcode base.png turned.png --crop 10,20,100,80 --rotate 90
convert base.png -crop 100x80+10+20 +repage -rotate 90 want.png
codes want.png of_want; codes turned.png of_turned
is "cut and turned: alpha" same of_want of_turned
does transcode cut_base.png small.png --resize 30%
convert cut_base.png -filter Mitchell -resize 192x144! -alpha extract want.png; convert small.png -alpha extract small_alpha.png
off=$(compare -metric PAE want.png small_alpha.png null: 2>&1 | sed 's/ .*//' | cut -d. -f1)
is "resized: alpha as ImageMagick has it ($off)" [ "$off" -le 514 ]
does decode small.png back.png
codes small.png of_small; codes back.png of_back
is "and it comes through" same of_small of_back
says 0 "note: base.png: alpha is left out" transcode base.png out.jpg --resize 50%

# Sources of other kinds.
convert rgba.png -compress none -define tiff:alpha=associated multiplied.tif
does encode multiplied.tif from_tiff.png $few
codes from_tiff.png of_tiff
is "a TIFF's premultiplied alpha" same of_base of_tiff
convert wide.png -colorspace gray soft.png -alpha off -compose CopyOpacity -composite -depth 8 -define png:color-type=4 grey.png
does encode grey.png from_grey.png $few
codes grey.png of_grey; codes from_grey.png of_base_of_grey
is "grey with alpha" same of_grey of_base_of_grey

if has "JPEG XL" && have djxl; then
    does decode base.png out.jxl
    djxl out.jxl djxl.png >out 2>&1
    codes djxl.png of_djxl
    is "djxl: alpha" same of_base of_djxl
fi
if has "AVIF" && have avifdec; then
    does decode base.png out.avif
    avifdec -d 8 out.avif avifdec.png >out 2>&1
    codes avifdec.png of_avif
    is "avifdec: alpha" same of_base of_avif
fi
if [ $exr = exr ] && have exrheader; then
    does decode base.png out.exr
    exrheader out.exr >out 2>&1
    is "exrheader: a channel A" grep -q "^ *A, 16-bit" out
fi
says 0 "note: rgba.png: alpha is left out" encode rgba.png out.jpg $few
finish
