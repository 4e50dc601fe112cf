#!/bin/sh
# The command-line tool from end to end: the main job, what it says, and every way to go wrong.
# Prints "ok" and "not ok" lines.
. "$(dirname "$0")/tool.sh"

"$scene" wide.png 160 120 || exit 1
"$scene" other.png 160 120 7 || exit 1
from="--from prophoto"

# The main job.
for kind in png jpg; do
    does encode wide.png base.$kind $from --iterations 300 --json
    is "encode $kind: JSON" valid_json
    is "encode $kind: keys" has_keys width height out_of_gamut saturated blob_bytes metadata_bytes iterations train_seconds \
        total_seconds peak_rss_bytes psnr_clip psnr_clip_og psnr psnr_og
    is "encode $kind: the network helps" above "$(value psnr_og)" "$(value psnr_clip_og) + 3"
    is "encode $kind: at most 4096 bytes" above 4097 "$(value blob_bytes)"
    is "encode $kind: shares are fractions" above 1 "$(value out_of_gamut)"
    is "encode $kind: iterations" [ "$(value iterations)" = 300 ]
    said=$(value psnr_og)
    does inspect base.$kind
    does inspect base.$kind --json
    is "inspect $kind: JSON" valid_json
    is "inspect $kind: belongs" [ "$(value belongs)" = true ]
    is "inspect $kind: space" [ "$(value space)" = prophoto ]
    for out in wide.tif $([ $exr = tif ] || echo wide.exr) wide_out.png; do
        does decode base.$kind $out --json
        is "decode $kind to $out: JSON" valid_json
        is "decode $kind to $out: keys" has_keys width height seconds megapixels_per_second peak_rss_bytes
        does compare wide.png $out --from-test prophoto$([ $out = wide.exr ] && echo -linear) $from --json
        is "compare: keys" has_keys psnr psnr_og rmse rmse_og ssim delta_e2000_mean delta_e2000_p95 delta_e_itp_mean out_of_gamut
        is "decode $kind to $out gives what encode measured" above 0.1 "sqrt(($(value psnr_og) - $said) ^ 2)"
    done
done
says 0 "srgb assumed" encode wide.png plain.png --iterations 1   # no --from: the picture says nothing, and a note says so
does encode wide.png video.png --from rec709
does encode wide.png base.png $from --iterations 300
is "the summary names the next step" grep -q "gamutmlp decode base.png" out
does decode base.png a.$exr --depth float --to acescg
does decode base.png b.tif --depth half --to p3
does compare a.$exr b.tif
does decode base.png whole.png
does compare wide.png whole.png $from --heatmap heat.png --chromaticity xy.png
does compare wide.png whole.png $from --heatmap heat.svg --chromaticity xy.svg
for plot in heat xy; do
    if have xmllint; then is "compare: $plot.svg is XML" xmllint --noout $plot.svg; fi
    mv $plot.png first_$plot.png; mv $plot.svg first_$plot.svg
done
does compare wide.png whole.png $from --heatmap heat.svg --chromaticity xy.svg
is "compare: the same plots again" [ "$(cat first_heat.svg first_xy.svg | cksum)" = "$(cat heat.svg xy.svg | cksum)" ]
does compare wide.png whole.png $from --heatmap heat.png --chromaticity xy.png
is "compare: the same as PNG" [ "$(cat first_heat.png first_xy.png | cksum)" = "$(cat heat.png xy.png | cksum)" ]
is "the maps are there" [ -s heat.png -a -s xy.png ]

# The same bytes each time, on any number of threads.
does encode wide.png a.jpg $from --iterations 50 --threads 1 --seed 5
does encode wide.png b.jpg $from --iterations 50 --threads 3 --seed 5
does encode wide.png c.jpg $from --iterations 50 --threads 3 --seed 6
is "encode: same seed, same file" cmp -s a.jpg b.jpg
is "encode: another seed, another file" [ "$(cmp -s a.jpg c.jpg; echo $?)" = 1 ]
does decode a.jpg a.png --threads 1
for threads in 2 3 5; do
    does decode a.jpg b.png --threads $threads
    is "decode: same file on $threads threads" cmp -s a.png b.png
done
does decode a.jpg b.png --crop 0,0,160,120
is "decode: a crop of everything is everything" cmp -s a.png b.png
does decode a.jpg b.png --crop 31,45,70,61
if have convert; then
    convert a.png -crop 70x61+31+45 +repage -depth 16 want.png
    convert b.png -depth 16 got.png
    is "decode: a crop is a part of the whole" [ "$(convert want.png rgb:- | cksum)" = "$(convert got.png rgb:- | cksum)" ]
fi
does decode a.jpg b.png --crop 159,119,1,1

# How large the network is to be.
does encode wide.png small.png $from --iterations 60 --budget 1500 --json
is "--budget: the blob keeps to it" above 1501 "$(value blob_bytes)"
is "--budget: says why" grep -q '"chosen_because": ".*1500 bytes"' out
width=$(value network_width)
does inspect small.png --json
is "--budget: inspect sees the same network" [ "$(value network_width)" = "$width" ]
does encode wide.png small.png $from --iterations 5 --width 24 --json
is "--width: the network's" [ "$(value network_width)" = 24 ]
is "--width: says why" grep -q '"chosen_because": "as --width says"' out
says 2 "multiple of 8" encode wide.png x.png $from --width 20
says 2 "there is no --width" encode wide.png x.png $from --width 24 --target-psnr 40
says 2 "no --width beside it" encode wide.png x.png $from --width 24 --start base.png
does encode wide.png target.png $from --iterations 60 --target-psnr 30 --json
is "--target-psnr: reached" above "$(value psnr_og)" 29.95
is "--target-psnr: says why" grep -q 'smallest tried that gives 30.00 dB' out
small=$(value blob_bytes)
does encode wide.png target.png $from --iterations 60 --target-psnr 33 --json
is "--target-psnr: more takes more" above "$(value blob_bytes)" "$small - 1"
says 1 "x.png: 119.00 dB is out of reach\|119.00 dB is out of reach.*x.png is not written" encode wide.png x.png $from --iterations 5 --target-psnr 119
is "--target-psnr out of reach: no file" [ ! -e x.png ]
does encode wide.png jpeg.jpg $from --iterations 20 --quality 90 --base srgb --json
is "a JPEG has a margin" above "$(value margin)" 0
margin=$(value margin)
does encode wide.png jpeg.jpg $from --iterations 20 --quality 90 --base srgb
is "encode says which codes" grep -q "codes 0-$margin and $((255 - margin))-255" out
does encode wide.png lossless.png $from --iterations 20 --json
is "a PNG has none" [ "$(value margin)" = 0 ]

# A start of one's own.
printf 'P6 1 1 65535\n\377\377\000\000\000\000' >one.ppm
does meta-train wide.png other.png -o two.start $from --inner 20 --rounds 2 --json
is "meta-train: JSON" valid_json
is "meta-train: keys" has_keys pictures rounds inner_iterations network_width weights file_bytes total_seconds
does meta-train wide.png other.png -o again.start $from --inner 20 --rounds 2 --threads 3
is "meta-train: the same start on any number of threads" cmp -s two.start again.start
does encode wide.png x.png $from --iterations 5 --json
random=$(value psnr_og)
does encode wide.png x.png $from --iterations 5 --start two.start --json
is "--start: five steps bring more" above "$(value psnr_og)" "$random"
says 1 "two.start: not a start for this preset and budget" encode wide.png x.png $from --preset paper --iterations 5 --start two.start
says 1 "wide.png: carries no network" encode wide.png x.png $from --start wide.png
says 1 "one.ppm: this is not a GamutMLP blob" encode wide.png x.png $from --start one.ppm
does encode wide.png x.png $from --iterations 5 --start base.png --json
is "--start: from a picture's own file" above "$(value psnr_og)" "$random"
says 1 "none.start: " encode wide.png x.png $from --start none.start
does meta-train --noise 2 --inner 10 -o noise.start --json
is "meta-train --noise: JSON" valid_json
is "meta-train --noise: the paper's network, two pictures" [ "$(value network_width) $(value pictures)" = "16 2" ]
is "meta-train --noise: few bytes" above 2600 "$(value file_bytes)"
does meta-train -o again.start --noise 2 --inner 10 --threads 3
is "meta-train --noise: the same start on any number of threads" cmp -s noise.start again.start
does meta-train -o again.start --noise=1 --inner 1 --preset default --json
is "meta-train --noise --preset" [ "$(value network_width)" = 48 ]
says 1 "noise.start: not a start for this preset and budget" encode wide.png x.png $from --iterations 5 --start noise.start
does meta-train wide.png other.png $from --inner 5 --rounds 1 --leave-one-out
is "meta-train --leave-one-out: a row a picture and the mean" [ "$(grep -c '^| [wom]' out)" = 3 ]
rm x.png

# Stripping.
does strip base.png bare.png
does compare base.png bare.png --json
is "strip leaves the pixels" [ "$(value psnr)" = null ]
says 1 "carries no network" inspect bare.png
odd=$(printf 'a\033[31m\nb.png')   # nothing that a terminal obeys, and one line
printf x >"$odd"
says 1 'a?\[31m?b.png: is neither' inspect "$odd"
says 1 "carries no network" decode bare.png x.tif
does strip bare.png again.png
is "strip says that there was nothing" grep -q "no network" out
is "strip of nothing copies" cmp -s bare.png again.png
says 1 "x.jpg: would be a PNG, as base.png is; its name must end in .png" strip base.png x.jpg
cp base.png misnamed.jpg
does strip misnamed.jpg x.jpg
is "strip of a file with another's suffix, which it keeps" cmp -s x.jpg bare.png
rm x.jpg

# What is encoded is no original.
says 0 "note: base.png: its network is left out, with the wide gamut that 'gamutmlp decode' gives back" encode base.png x.png --iterations 5
does encode bare.png x.png --iterations 5
rm x.png

# Files in their own place, odd names, links, permissions.
cp wide.png same.png
ln same.png hard.png
ln -s same.png soft.png
for out in same.png ./hard.png soft.png; do
    says 1 "$out: is read by this command, and would be replaced; .* (--force replaces it)" encode same.png $out $from --iterations 10
    says 1 "$out: is read by this command" strip same.png $out
done
says 1 "hard.png: is read by this command, and would be replaced; give the output another name$" compare wide.png same.png $from --heatmap hard.png
is "IN is OUT: what was there stays" cmp -s same.png wide.png
does encode same.png same.png $from --iterations 10 --force
says 1 "same.png: is read by this command" decode same.png same.png
does decode same.png same.png --force
does encode same.png same.png $from --iterations 10 --force
does strip same.png same.png --force
cp wide.png protected.png && chmod 444 protected.png
says 1 "protected.png: is write-protected" encode wide.png protected.png $from --iterations 10 --force
is "a write-protected file stays" cmp -s wide.png protected.png
(umask 077; "$tool" encode wide.png private.png $from --iterations 1 >out 2>err)
is "a new file follows the umask" [ "$(ls -l private.png | cut -c1-10)" = -rw------- ]
does encode wide.png "a b'ü\$.jpg" $from --iterations 10
does decode "a b'ü\$.jpg" "c d.tif"
does encode $from --iterations=10 -- wide.png -dash.png
does decode -- -dash.png -dash.tif
ln -s target.png link.png
: >target.png; chmod 600 target.png
does encode wide.png link.png $from --iterations 10
is "a link stays a link" [ -L link.png -a -s target.png ]
is "permissions stay" [ "$(ls -l target.png | cut -c1-10)" = -rw------- ]
long=$(printf 'n%.0s' $(seq 240))
does encode wide.png "$long.png" $from --iterations 10

# The bench, on one small picture with few steps.
mkdir photographs photographs/scene && cp wide.png photographs/ && cp wide.png photographs/scene/wide_prophoto.png
does bench photographs --only rate --iterations 20 --paper-iterations 3,2 --plot rate.svg
is "bench: a row a picture" [ "$(grep -c '^| wide_prophoto |' out)" = 1 ]
is "bench: every row of a table has the same columns" [ "$(grep '^|' out | tr -cd '|\n' | uniq | wc -l)" = 2 ]
is "bench: a row a method" [ "$(grep -c '^| [a-zJ].* of 1 |$' out)" = 13 ]
is "bench: each iteration count has its line" [ "$(grep -c 'with [23] iterations' out)" = 2 ]
is "bench: the plot is there" grep -q "^</svg>" rate.svg
if have xmllint; then is "bench: the plot is XML" xmllint --noout rate.svg; fi
rm -r photographs/scene
does bench photographs --only rate --iterations 20 --paper-iterations 2 --quality 90 --subsample 420
is "bench: says its base" grep -q "JPEG, quality 90, 4:2:0" out
is "bench: rows of both bases" [ "$(grep -cE '^. (sRGB, libjpeg|sYCC, libjpeg|sRGB|sYCC|auto) .*% .* of 1 .$' out)" = 5 ]
"$tool" bench photographs --only rate --iterations 20 --paper-iterations 2 --quality 95 --subsample 422 --json >out 2>err; status=$?
is "bench of a JPEG --json" [ $status -eq 0 ]
is "bench of a JPEG: JSON" valid_json
is "bench of a JPEG: keys" has_keys base_sycc_growth base_auto_psnr_shown base_srgb_psnr_og_alone base_sycc_libjpeg_psnr_og_default \
    pictures_base_auto_ahead
for base in srgb sycc; do eval "${base}_alone=$(value base_${base}_psnr_og_alone) ${base}_og=$(value base_${base}_psnr_og_default)"; done
does encode wide.png x.jpg $from --iterations 20 --base sycc --subsample 422 --json
is "bench: sYCC as encode has it" [ "$(value psnr_sycc_og | cut -c1-6)" = "$(echo $sycc_alone | cut -c1-6)" ]
is "bench: its network as encode has it" [ "$(value psnr_og | cut -c1-6)" = "$(echo $sycc_og | cut -c1-6)" ]
does encode wide.png x.jpg $from --iterations 20 --base srgb --subsample 422 --json
is "bench: sRGB as encode has it" [ "$(value psnr_clip_og | cut -c1-6) $(value psnr_og | cut -c1-6)" = "$(echo $srgb_alone | cut -c1-6) $(echo $srgb_og | cut -c1-6)" ]
"$tool" bench photographs --only rate --iterations 20 --paper-iterations 2 --json >out 2>err; status=$?
is "bench --json" [ $status -eq 0 ]
is "bench: JSON" valid_json
is "bench: keys" has_keys pictures pictures_default_ahead mean_psnr_clip mean_psnr_og_sycc_jpeg mean_psnr_og_default mean_psnr_og_paper bytes_jpeg_2_kb mean_train_seconds_max
is "bench: blobs keep to their bound" above 4097 "$(value bytes_default)"
is "bench: JPEGs keep to theirs" above 2049 "$(value bytes_jpeg_2_kb)"
does bench photographs --only ideas --iterations 3
is "bench ideas: a row an idea" [ "$(grep -c '^| .* s |$' out)" -gt 10 ]
"$tool" bench --paper photographs --iterations 20 --paper-iterations 2 --siren-steps 2 --json >out 2>err; status=$?
is "bench --paper" [ $status -eq 0 ]
is "bench --paper: JSON" valid_json
is "bench --paper: keys" has_keys pictures mean_psnr_clip mean_psnr_og_soft_clip mean_rmse_sampled mean_rmse_og_siren mean_psnr_og_mlp_64 \
    mean_psnr_og_mlp_32_xy mean_psnr_og_mlp_16 bytes_mlp_128 mean_train_seconds_default
is "bench --paper: three tables" [ "$(grep -c '^| method |' err)" = 3 ]
is "bench --paper: what is left out" grep -q "no --start32 is given" err
mkdir pairs
"$tool" decode base.png pairs/wide_hdr_pq.png --to rec2020pq --depth 16 >out 2>err && "$tool" strip base.png pairs/wide_sdr_drago03.png >out 2>err
does bench --hdr pairs --iterations 2 --plot hdr.svg
is "bench --hdr: a row a picture" [ "$(grep -c '^| wide_sdr_drago03 |' out)" = 1 ]
is "bench --hdr: two tables of all methods" [ "$(grep -c '^| .* wide_sdr_drago03 |$' out)" = 86 ]
if have xmllint; then is "bench --hdr: the plot is XML" xmllint --noout hdr.svg; fi
"$tool" bench --hdr pairs --iterations 2 --json >out 2>err; status=$?
is "bench --hdr --json" [ $status -eq 0 ]
is "bench --hdr: JSON" valid_json
is "bench --hdr: keys" has_keys pairs_pictures pairs_mean_psnr_gain_jpeg_full_q95 global_mean_ssim_gamma_mlp pairs_mean_delta_e_itp_max \
    pairs_mean_bytes_fast pairs_mean_train_seconds_default pairs_mean_megapixels_per_second_high pairs_worst_default_gamma_map

# Small and plain pictures.
does encode one.ppm one.png $from --iterations 10
does decode one.png one.tif
printf 'P5 3 2 255\n\000\100\200\377\001\376' >grey.pgm
does encode grey.pgm grey.jpg --from srgb --json
is "grey is inside sRGB" [ "$(value out_of_gamut)" = 0 ]
is "no out-of-gamut pixel, no number" [ "$(value psnr_og)" = null ]
does decode grey.jpg grey.$exr
does inspect grey.jpg

# Wrong usage: 2, and a message that names what is wrong.
says 2 "usage" # no arguments
says 2 "unknown command 'encod'" encod a b
says 2 "unknown option '--qualty'" encode wide.png x.jpg --qualty 5
says 2 "'--quality'\|--quality needs a value" encode wide.png x.jpg --quality
says 2 "whole number from 1 to 100, not '0'" encode wide.png x.jpg --quality 0
says 2 "whole number from 1 to 100, not '9x'" encode wide.png x.jpg --quality=9x
says 2 "\-\-quality is for JPEG" encode wide.png x.png --quality 90
says 2 "from 512 to 65536, not '100'" encode wide.png x.png --budget 100
says 2 "number from 1 to 120, not 'nan'" encode wide.png x.png --target-psnr nan
says 2 "number from 1 to 120, not '3x'" encode wide.png x.png --target-psnr 3x
says 2 "preset paper has its own" encode wide.png x.png --preset paper --budget 4096
says 2 "there is no --start for it" encode wide.png x.png --target-psnr 30 --start two.start
says 2 "\-o FILE is missing" meta-train wide.png
says 1 "is read by this command" meta-train wide.png $from -o wide.png --inner 1 --rounds 1
says 1 "none does not exist" bench photographs --only rate --plot none/x.svg
says 2 "multiple of 8" meta-train wide.png -o x.start --width 33
says 2 "no file names given" meta-train -o x.start
says 2 "\-\-noise takes no pictures" meta-train wide.png -o x.start --noise
says 2 "\-\-noise takes no pictures" meta-train -o x.start --noise 3 --rounds 2
says 2 "from 1 to 10000, not '0'" meta-train -o x.start --noise 0
says 2 "needs two pictures" meta-train wide.png --leave-one-out
says 1 "nothing to learn from" meta-train grey.pgm -o x.start --from srgb
says 2 "not '-1'" encode wide.png x.jpg --seed -1
says 2 "not '99999999999999999999'" encode wide.png x.jpg --seed 99999999999999999999
says 2 "unknown preset 'best'; known are default|fast|high|max|paper" encode wide.png x.jpg --preset best
says 2 "unknown colour space 'foo'; known are srgb, p3" encode wide.png x.jpg --from foo
says 2 "unknown adaptation" encode wide.png x.jpg --adaptation none
says 2 "\-\-carriers" encode wide.png x.jpg --carriers app,nowhere
says 2 "\-\-json takes no value" encode wide.png x.jpg --json=1
says 2 "must end in .jpg or .png" encode wide.png x.tif
says 2 "must end in .png, .tif, .exr" decode base.png x.jpg
says 2 "holds 8 or 16 bit" decode base.png x.png --depth half
says 2 "holds half or float" decode base.png x.exr --depth 16
says 2 "unknown depth '8'" decode base.png x.tif --depth 8
says 2 "\-\-crop takes X,Y,W,H" decode base.png x.tif --crop 1,2,3
says 2 "\-\-crop takes X,Y,W,H" decode base.png x.tif --crop 0,0,0,5
says 2 "outside the picture, which is 160 x 120" decode base.png x.tif --crop 100,100,61,20
says 2 "\-\-paper-iterations takes up to 8 whole numbers" bench photographs --paper-iterations 1200,
says 2 "\-\-paper-iterations takes up to 8 whole numbers" bench photographs --paper-iterations 0
says 2 "\-\-subsample is for a JPEG base" bench photographs --subsample 420
says 2 "\-\-start32 and --start64 go with --paper" bench photographs --start32 x
says 2 "\-\-paper goes without" bench --paper photographs --only rate
says 2 "\-\-hdr goes without" bench --hdr pairs --quality 90
says 2 "\-\-hdr goes without" bench --hdr pairs --paper-iterations 9
says 2 "\-\-plot draws part rate" bench photographs --only train --plot x.svg
says 1 "nowhere: no pictures" bench nowhere
says 2 "x.svg: --heatmap and --chromaticity need a file each" compare base.png base.png --heatmap x.svg --chromaticity x.svg
says 1 "one.png: is 1 x 1, and base.png is" compare base.png one.png
says 2 "x.gif: plots end in .svg or .png" compare base.png base.png --heatmap x.gif
says 2 "x: plots end in .svg or .png" bench photographs --plot x
says 2 "'-' (standard input or output) is not supported" encode - x.jpg
says 2 "a file name is missing" encode wide.png
says 2 "no file names" strip
says 2 "no folder given" bench --only rate
says 2 "one name too many: 'c'" bench b c --only engine
says 2 "one name too many: 'c'" inspect a c
says 2 "empty" inspect ""
for sub in encode decode inspect compare strip bench; do
    does $sub --help
    is "$sub --help shows an example" grep -q "^  gamutmlp $sub " out
done
does --help
does --version
is "the version" grep -q "^gamutmlp [0-9]*\.[0-9]*\.[0-9]* " out

# Work that fails: 1, nothing written, and what was there stays.
mkdir folder
echo kept >kept.png
says 1 "nowhere: no pictures" bench nowhere --only rate --json
says 1 "nowhere: no pictures" bench --hdr nowhere
mkdir alone && cp pairs/wide_sdr_drago03.png alone
says 1 "alone/wide_sdr_drago03.png: there is no HDR picture wide_hdr_" bench --hdr alone --json
says 1 "cannot be written: the folder nowhere does not exist" bench --hdr pairs --plot nowhere/hdr.svg --json
says 1 "kept.png: " bench --paper photographs --start32 kept.png --json
says 1 "cannot be written: the folder nowhere does not exist" bench photographs --only rate --plot nowhere/rate.svg --json
says 1 "missing.png: No such file" encode missing.png kept.png
says 1 "folder: is a folder" encode folder kept.png
says 1 "kept.png: is not a PNG" encode kept.png x.png
says 1 "cannot be written: the folder nowhere does not exist" encode wide.png nowhere/x.png $from --iterations 1
says 1 "dir.png: is a folder" encode wide.png "$(mkdir dir.png; echo dir.png)" $from --iterations 1
ln -s /dev/null null.png
says 1 "not an ordinary file" encode wide.png null.png $from --iterations 1
head -c 3000 base.png >cut.png
head -c 3000 a.jpg >cut.jpg
head -c $(($(wc -c <a.jpg) - 4000)) a.jpg >late.jpg # within the picture
for threads in 1 2 3; do
    says 1 "^gamutmlp decode: late.jpg: JPEG: the file ends too early" decode late.jpg kept.png --threads $threads
done
for cut in cut.png cut.jpg; do
    says 1 "^gamutmlp encode: $cut: " encode $cut kept.png
    says 1 "^gamutmlp decode: $cut: " decode $cut kept.png
    says 1 "^gamutmlp strip: $cut: " strip $cut kept.png
done
head -c $(($(wc -c <a.jpg) - 2)) a.jpg >open.jpg # all but the end marker
says 0 "^gamutmlp encode: note: open.jpg: its end marker is missing" encode open.jpg x.png --iterations 1
(cat a.jpg; echo and more) >more.jpg
says 0 "^gamutmlp encode: note: more.jpg: what lies behind the picture is left out: 9 bytes" encode more.jpg x.png --iterations 1
does decode open.jpg x.tif
: >empty.jpg
says 1 "empty.jpg: is empty" decode empty.jpg kept.png
says 1 "empty.jpg: is empty" strip empty.jpg kept.png
says 1 "/dev/null: is a device" encode /dev/null kept.png
says 1 "is empty" encode empty.jpg kept.png
says 1 "neither a JPEG nor a PNG" decode wide.tif kept.png
says 1 "neither a JPEG nor a PNG" strip one.ppm kept.png
is "what was there stays" [ "$(cat kept.png)" = kept ]
if [ "$(id -u)" -ne 0 ]; then
    mkdir closed && chmod 555 closed
    says 1 "the folder closed is write-protected" encode wide.png closed/x.png $from --iterations 1
fi
(ulimit -f 8; "$tool" decode base.png kept.png >out 2>err); status=$?
is "a full disk: exit 1" [ $status -eq 1 ]
is "a full disk: said" grep -q "kept.png: cannot be written: File too large" err
(ulimit -f 8; "$tool" compare wide.png base.png $from --chromaticity kept.png >out 2>err); status=$?
is "a full disk while plotting: exit 1" [ $status -eq 1 ]
is "a full disk while plotting: said" grep -q "kept.png: cannot be written: File too large" err
(ulimit -f 8; "$tool" encode wide.png kept.png $from --iterations 1 >out 2>err); status=$?
is "a full disk while encoding: exit 1" [ $status -eq 1 ]
is "a full disk while encoding: said" grep -q "kept.png: cannot be written: File too large" err
is "a full disk: what was there stays" [ "$(cat kept.png)" = kept ]
is "a full disk: no rest" [ -z "$(find . -name '*.tmp')" ]
if [ -c /dev/full ]; then
    "$tool" inspect base.png >/dev/full 2>err; status=$?
    is "standard output that cannot be written: exit 1" [ $status -eq 1 ]
    for what in --version --help; do
        "$tool" $what >/dev/full 2>err; status=$?
        is "$what that cannot be written: exit 1" [ $status -eq 1 ]
        is "$what that cannot be written: said" grep -q "standard output cannot be written" err
    done
fi

# Pictures that were changed after encoding.
if have jpegtran; then
    jpegtran -copy all -wipe 96x64+16+16 a.jpg >wiped.jpg
    says 1 "wiped.jpg: the network does not belong to these pixels.*(--force" decode wiped.jpg x.tif
    says 1 "does not belong to these pixels" decode wiped.jpg x.tif --crop 8,8,9,9
    says 0 "warning: .* does not belong to these pixels" decode wiped.jpg x.tif --force
    "$tool" decode wiped.jpg x.tif --force --json >out 2>err
    is "decode --force says so in JSON" [ "$(value belongs)" = false ]
    "$tool" inspect wiped.jpg --json >out 2>err; status=$?
    is "inspect: exit 1" [ $status -eq 1 ]
    is "inspect: JSON" valid_json
    is "inspect: not these pixels" [ "$(value belongs)" = false -a "$(value intact)" = false ]
    jpegtran -copy all -crop 96x64+0+0 a.jpg >cropped.jpg
    says 0 "cropped to 96 x 64 at 0,0 by another program" decode cropped.jpg x.tif
    jpegtran -copy all -progressive a.jpg >progressive.jpg
    does decode progressive.jpg b.png
    is "a progressive JPEG gives the same" cmp -s a.png b.png
fi

# A signal removes the unfinished file.
"$scene" large.png 1600 1200
"$tool" encode large.png large.jpg $from --iterations 1 >out 2>err
ends_clean encode encode wide.png kept.png $from --iterations 1000000
ends_clean "encode --target-psnr" encode wide.png kept.png $from --iterations 1000000 --target-psnr 40
ends_clean decode decode large.jpg kept.png

finish
