#!/bin/sh
# JPEG files whose base is sYCC: Y'CbCr of colours that viewers clip.
. "$(dirname "$0")/tool.sh"

"$scene" wide.png 320 240 || exit 1
from="--from prophoto"
steps="$from --iterations 100"
near() { awk "BEGIN { d = ($1) - ($2); exit !(d < $3 && -d < $3) }"; }
shown() { "$tool" compare clipped.png "$1" --json >out 2>err; value psnr; } # dB of what viewers show

"$tool" encode wide.png net.png $from --iterations 1 >out 2>err
does strip net.png clipped.png

# Both bases, at every subsampling: viewers lose nothing against libjpeg's file of the clipped picture, which preset paper
# has, and decoders win, at equal size.
for chroma in 444 422 420; do
    does encode wide.png usual.jpg $from --preset paper --iterations 1 --subsample $chroma --json
    bytes=$(($(value file_bytes) - $(value metadata_bytes)))
    usual_shown=$(shown usual.jpg)
    for base in srgb sycc; do
        does encode wide.png $base.jpg $steps --base $base --subsample $chroma --json
        is "$base $chroma: JSON" valid_json
        is "$base $chroma: keys" has_keys base base_because psnr_clip_og psnr_sycc psnr_sycc_og psnr_og
        is "$base $chroma: says its base" [ "$(value base) $(value base_because)" = "$base as --base says" ]
        is "$base $chroma: as large as libjpeg's file" near "$(value file_bytes) - $(value metadata_bytes)" $bytes "0.03 * $bytes"
        is "$base $chroma: the network helps" above "$(value psnr_og)" "$(value psnr_clip_og) + 3"
        said=$(value psnr_og)
        alone=$(value psnr_sycc_og)
        does inspect $base.jpg --json
        is "$base $chroma: inspect" [ "$(value base_space) $(value belongs)" = "$base true" ]
        does decode $base.jpg back.png --json
        is "$base $chroma: decode says that there was a network" [ "$(value network) $(value belongs)" = "true true" ]
        does compare wide.png back.png $from --json
        is "$base $chroma: decode gives what encode measured" near "$(value psnr_og)" "$said" 0.02
        eval "${base}_og=$said"
        eval "${base}_shown=$(shown $base.jpg)"
    done
    is "$chroma: viewers see more of sYCC than of libjpeg's file" above "$sycc_shown" "$usual_shown + 2"
    is "$chroma: and of sRGB" above "$srgb_shown" "$usual_shown + 2"
    is "$chroma: the network for sYCC is ahead" above "$sycc_og" "$srgb_og + 0.3"
done

# Without its network the file holds the colours all the same.
does encode wide.png sycc.jpg $steps --base sycc --json
alone=$(value psnr_sycc_og)
is "Y'CbCr holds more than clipped sRGB" above "$alone" "$(value psnr_clip_og) + 3"
is "a network gives more than Y'CbCr" above "$(value psnr_og)" "$alone"
does strip sycc.jpg bare.jpg
says 1 "bare.jpg: carries no network" decode bare.jpg x.png
says 0 "note: bare.jpg: carries no network; back.png has what its Y'CbCr alone holds" decode bare.jpg back.png --base sycc
does compare wide.png back.png $from --json
is "decode --base sycc: what encode measured" near "$(value psnr_og)" "$alone" 0.02
says 0 "what its Y'CbCr alone holds" decode bare.jpg part.png --base sycc --crop 16,8,100,50 --to acescg --json
is "decode --base: JSON" valid_json
is "decode --base: there was no network" [ "$(value network) $(value belongs)" = "false null" ]
says 0 "what its RGB alone holds" decode bare.jpg back.png --base srgb
does compare wide.png back.png $from --json
is "decode --base srgb: clipped" above "$alone - 3" "$(value psnr_og)"
says 1 "sycc.jpg: carries a network, which says what its base is" decode sycc.jpg x.png --base sycc
says 1 "clipped.png: holds no Y'CbCr" decode clipped.png x.png --base sycc

# Saved anew by a program that keeps the metadata, but of the colours only sRGB.
does decode sycc.jpg back.png --json
is "as it was made: not clipped" [ "$(value belongs) $(value clipped)" = "true false" ]
does inspect sycc.jpg --json
is "inspect of it as it was made" [ "$(value intact) $(value clipped)" = "true false" ]
if have convert; then
    for q in 60 75 90 100; do for chroma in 1x1 2x2; do
        convert sycc.jpg -quality $q -sampling-factor $chroma anew.jpg
        says 0 "warning: anew.jpg: was saved anew by a program that keeps only sRGB" decode anew.jpg back.png --json
        is "saved anew, $q $chroma: JSON" valid_json
        is "saved anew, $q $chroma: recognised" [ "$(value network) $(value belongs) $(value clipped)" = "true true true" ]
        does compare wide.png back.png $from --json
        what_is_left=$(value psnr_og)
        does strip anew.jpg bare.jpg
        "$tool" decode bare.jpg back.png --base sycc >out 2>err
        does compare wide.png back.png $from --json
        is "saved anew, $q $chroma: the network gives more" above "$what_is_left" "$(value psnr_og) + 0.3"
        "$tool" inspect anew.jpg --json >out 2>err; status=$?
        is "saved anew, $q $chroma: inspect" [ "$status $(value intact) $(value belongs) $(value clipped)" = "1 false true true" ]
    done; done
    "$tool" inspect anew.jpg >out 2>err
    is "inspect says that it was clipped" grep -q "pixels  *are those it was trained on, but clipped to sRGB" out
    is "inspect says what to do" grep -q "anew.jpg: was saved anew by .*; decode gives what is left" err
    convert sycc.jpg -negate changed.jpg
    says 1 "the network does not belong to these pixels" decode changed.jpg y.png
fi

# The choice.
does encode wide.png auto.jpg $steps --json
is "auto: vivid colours take sYCC" [ "$(value base)" = sycc ]
is "auto: says why" grep -q "\"base_because\": \"whose Y'CbCr holds [0-9.]* dB more" out
does encode wide.png auto.jpg $steps
is "auto: the summary says why" grep -q "base  *sYCC, whose Y'CbCr holds [0-9.]* dB more of the colours out of gamut" out
is "auto: the summary has Y'CbCr's own PSNR" grep -q "its Y'CbCr  .* dB" out
does encode wide.png again.jpg $steps --base sycc --threads 3
is "auto: the file is the one of --base sycc, on any number of threads" cmp -s auto.jpg again.jpg
does inspect auto.jpg
is "inspect says sYCC" grep -q "base  *sYCC: " out
printf 'P6 2 1 255\n\377\010\010\010\377\010' >inside.ppm
does encode inside.ppm x.jpg --from srgb --json
is "auto: nothing out of gamut" [ "$(value base) $(value base_because)" = "srgb nothing is out of gamut" ]
does encode inside.ppm x.jpg --from srgb --base sycc
does decode x.jpg x.png
does inspect x.jpg
does encode wide.png x.jpg --from p3 --iterations 10 --quality 50 --json
is "auto: barely vivid colours drown in strong compression" [ "$(value base)" = srgb ]
is "auto: says that, too" grep -q '"base_because": ".* dB more of the colours out of gamut' out
is "auto: and what Y'CbCr would have held" above "$(value psnr_clip_og) + 0.5" "$(value psnr_sycc_og)"
does inspect x.jpg --json
is "auto: the network is for sRGB" [ "$(value base_space) $(value belongs)" = "srgb true" ]
{ printf 'P6 1024 1024 255\n'; head -c 245760 /dev/zero; printf '\010\377\010'; head -c 2899965 /dev/zero; } >rare.ppm
does encode rare.ppm x.jpg --from prophoto --iterations 5 --json
is "auto: where the bands that are tried hold nothing out of gamut, sYCC" [ "$(value base)" = sycc ]
is "auto: says that" grep -q '"base_because": "whose .* here they are rare"' out
does decode x.jpg x.png
does encode wide.png x.png $steps --json
is "PNG: sRGB" [ "$(value base) $(value base_because)" = "srgb a PNG holds RGB" ]
does encode wide.png x.jpg $from --preset paper --iterations 1 --json
is "preset paper: sRGB" [ "$(value base)" = srgb ]
does encode wide.png x.jpg $steps --start auto.jpg --json
is "--start: as the start has it" [ "$(value base) $(value base_because)" = "sycc as the start has it" ]
does encode wide.png x.jpg $steps --start net.png --json
is "--start of sRGB: sRGB" [ "$(value base) $(value base_because)" = "srgb as the start has it" ]
does encode wide.png x.jpg $steps --floor --json
is "--floor: sRGB" [ "$(value base)" = srgb ]

# Wrong uses.
says 2 "\-\-base sycc: a PNG holds RGB" encode wide.png y.png $from --base sycc
says 2 "\-\-base sycc: preset paper clips" encode wide.png y.jpg $from --preset paper --base sycc
says 2 "\-\-base sycc: --floor rounds" encode wide.png y.jpg $from --floor --base sycc
says 2 "\-\-subsample is for JPEG" encode wide.png y.png $from --subsample 420
says 2 "unknown subsample '411'" encode wide.png y.jpg --subsample 411
says 2 "unknown base 'p3'; known are auto|srgb|sycc" encode wide.png y.jpg --base p3
says 2 "unknown colour space 'sycc'" encode wide.png y.jpg --from sycc
says 2 "unknown colour space 'sycc'" decode sycc.jpg y.png --to sycc
if have convert; then # keeps the comment
    convert sycc.jpg -colorspace Gray grey.jpg
    "$tool" inspect grey.jpg --json >out 2>err; status=$?
    is "inspect of what became grey: exit 1" [ $status -eq 1 ]
    is "inspect of what became grey: why" grep -q "grey.jpg: JPEG: stored as grey, not as Y'CbCr" err
    says 1 "grey.jpg: JPEG: stored as grey, not as Y'CbCr" decode grey.jpg y.png
fi
is "no file after a failure" [ ! -e y.png -a ! -e y.jpg ]
finish
