#!/bin/sh
# hdr-encode and hdr-decode from end to end, with all files that they read and write and every way to go wrong.
. "$(dirname "$0")/tool.sh"

# A pair: the synthetic picture reduced to sRGB, and its codes taken for HLG, which reach about 1000 nit.
"$scene" wide.png 160 120 || exit 1
does encode wide.png sdr_net.png --from prophoto --iterations 1
does strip sdr_net.png sdr.png
does encode wide.png sdr_net.jpg --from prophoto --iterations 1 --quality 92
does strip sdr_net.jpg sdr.jpg
hlg="--from-hdr rec2020hlg"
steps="--iterations 300"
pixels() { "$tool" compare "$1" "$2" --json | sed -n 's/^ *"psnr": \([^,]*\).*/\1/p'; } # null: equal
tagged() { dd if="$1" bs=1 count=200 2>/dev/null | LC_ALL=C grep -q cICP; }

# The main job.
for kind in jpg png; do
    does hdr-encode sdr.$kind wide.png base.$kind $hlg $steps --json
    is "hdr-encode $kind: JSON" valid_json
    is "hdr-encode $kind: keys" has_keys width height method blob_bytes metadata_bytes iterations train_seconds total_seconds \
        peak_rss_bytes clamped psnr psnr_sdr ssim delta_e_itp_mean white_nits peak_nits headroom_stops base_space base_kept
    is "hdr-encode $kind: the network helps" above "$(value psnr)" "$(value psnr_sdr) + 15"
    is "hdr-encode $kind: at most 5120 bytes" above 5121 "$(value blob_bytes)"
    is "hdr-encode $kind: method" [ "$(value method)" = difference ]
    is "hdr-encode $kind: base kept" [ "$(value base_kept)" = true ]
    is "hdr-encode $kind: nothing clamped" [ "$(value clamped)" = 0 ]
    said=$(value psnr)
    does strip base.$kind bare.$kind
    is "hdr-encode $kind: the SDR's own pixels" [ "$(pixels sdr.$kind bare.$kind)" = null ]
    does inspect base.$kind --json
    is "inspect $kind: JSON" valid_json
    is "inspect $kind: method" [ "$(value method)" = difference ]
    is "inspect $kind: belongs" [ "$(value belongs)" = true ]
    is "inspect $kind: spaces" [ "$(value space) $(value base_space)" = "rec2020hlg srgb" ]
    is "inspect $kind: white" [ "$(value white_nits)" = 203 ]
    for out in hdr.png $([ $exr = tif ] || echo hdr.exr) hdr.tif; do
        does hdr-decode base.$kind $out --json
        is "hdr-decode $kind to $out: JSON" valid_json
        is "hdr-decode $kind to $out: keys" has_keys width height seconds megapixels_per_second peak_rss_bytes
        case $out in *.png) want="rec2020pq 16" ;; *.exr) want="rec2020-linear half" ;; *) want="rec2020-linear float" ;; esac
        is "hdr-decode $kind to $out: $want" [ "$(value space) $(value depth)" = "$want" ]
        does compare wide.png $out --from-test "${want% *}" --from rec2020hlg --json
        is "hdr-decode $kind to $out gives what hdr-encode measured" above 0.1 "sqrt(($(value psnr) - $said) ^ 2)"
    done
    is "PQ is tagged" tagged hdr.png
    does hdr-decode base.$kind hlg.png --to rec2020hlg
    does compare hdr.png hlg.png --json
    is "hdr-decode $kind: HLG shows the same" above "$(value psnr)" 55
done
is "the bytes of a JPEG's picture stay" [ "$("$tool" strip base.jpg a.jpg >/dev/null; cksum <a.jpg)" = "$(cksum <sdr.jpg)" ]
does hdr-encode sdr.jpg wide.png a.jpg $hlg $steps
is "the summary names the next step" grep -q "gamutmlp hdr-decode a.jpg" out
is "the summary says that the picture is kept" grep -q "compressed picture of sdr.jpg as it is" out
does inspect a.jpg
is "inspect says in words what comes back" grep -q "HDR in rec2020hlg, up to .* stops above the white of srgb" out
does hdr-encode sdr.jpg wide.png anew.jpg $hlg $steps --quality 80 --subsample 422 --json
is "--quality compresses anew" [ "$(value base_kept)" = false ]
does hdr-encode sdr.png wide.png made.jpg $hlg $steps --json
is "a PNG becomes a JPEG" [ "$(value base_kept)" = false ]
does compare anew.jpg made.jpg
have identify && is "--subsample" [ "$(identify -format '%[jpeg:sampling-factor]' anew.jpg)" = 2x1,1x1,1x1 ]
for map in gain gamma direct; do
    does hdr-encode sdr.png wide.png map.png $hlg $steps --map $map --json
    is "--map $map" [ "$(value method)" = $map ]
    is "--map $map helps" above "$(value psnr)" "$(value psnr_sdr) + 10"
    does hdr-decode map.png map.$exr
done
does hdr-encode sdr.png wide.png small.png $hlg $steps --budget 1500 --json
is "--budget: the blob keeps to it" above 1501 "$(value blob_bytes)"
does hdr-encode sdr.png wide.png small.png $hlg --preset paper --iterations 3 --width 8 --json
is "--width: the published network, 8 wide" [ "$(value network_width)" = 8 ]
says 2 "multiple of 8" hdr-encode sdr.png wide.png x.png $hlg --width 20
does hdr-encode sdr.png wide.png paper.png $hlg --preset paper --iterations 2 --json
is "paper: gamma, white at 100" [ "$(value method) $(value white_nits)" = "gamma 100" ]

does hdr-encode sdr.png wide.png few.png $hlg --iterations 5 --json
random=$(value psnr)
does hdr-encode sdr.png wide.png few.png $hlg --iterations 5 --start base.png --json
is "--start: five steps bring more" above "$(value psnr)" "$random + 3"

# The same bytes each time, on any number of threads; parts are parts of the whole.
does hdr-encode sdr.jpg wide.png a.jpg $hlg --iterations 50 --threads 1 --seed 5
does hdr-encode sdr.jpg wide.png b.jpg $hlg --iterations 50 --threads 3 --seed 5
is "same seed, same file" cmp -s a.jpg b.jpg
does hdr-decode base.jpg a.png --threads 1
does hdr-decode base.jpg b.png --threads 3
is "same file on 3 threads" cmp -s a.png b.png
does hdr-decode base.jpg b.png --crop 0,0,160,120
is "a crop of everything is everything" cmp -s a.png b.png
does hdr-decode base.jpg b.png --crop 31,45,70,61
if have convert; then
    convert a.png -crop 70x61+31+45 +repage -depth 16 want.png
    convert b.png -depth 16 got.png
    is "a crop is a part of the whole" [ "$(convert want.png rgb:- | cksum)" = "$(convert got.png rgb:- | cksum)" ]
fi

# Less headroom.
does hdr-decode base.png none.png --boost 0 --to srgb
is "--boost 0 is the SDR" above "$(pixels sdr.png none.png)" 50
does hdr-decode base.png whole.png
does hdr-decode base.png all.png --boost 10
is "--boost with more than there is: all" cmp -s whole.png all.png
does hdr-decode base.png half.png --boost 1
is "--boost 1 lies between" above "$(pixels whole.png half.png)" "$(pixels whole.png none.png)"
says 0 "ends at SDR white" hdr-decode base.png cut.png --to p3

# White and peak.
does hdr-encode sdr.png whole.png dim.png $steps --white 100 --json
is "--white: said" [ "$(value white_nits)" = 100 ]
is "--white: helps" above "$(value psnr)" "$(value psnr_sdr) + 10"
said=$(value psnr)
does hdr-decode dim.png dim_out.png
is "--white travels" above 0.1 "sqrt(($(pixels whole.png dim_out.png) - $said) ^ 2)"
does hdr-decode dim.png other.png --white 200
is "--white of hdr-decode makes other codes" above 30 "$(pixels whole.png other.png)"
does hdr-encode sdr.png whole.png cut.png $steps --peak 300 --json
is "--peak: brighter light is counted" above "$(value clamped)" 0.001
is "--peak: said" [ "$(value peak_nits)" = 300 ]

# Masters of other kinds: linear EXR and TIFF, in wider spaces; an SDR in Display P3 and in Rec.709.
does hdr-decode base.png master.$exr --to acescg --depth float
does hdr-encode sdr.png master.$exr wide_base.png $steps --json
is "EXR: its own space" [ "$(value space) $(value space_from)" = "acescg $([ $exr = tif ] && echo ICC profile || echo chromaticities)" ]
said=$(value psnr)
does hdr-decode wide_base.png back.$exr --json
is "EXR: comes back in its space" [ "$(value space)" = acescg ]
does compare master.$exr back.$exr --json
is "EXR: gives what hdr-encode measured" above 0.1 "sqrt(($(value psnr) - $said) ^ 2)"
does hdr-decode base.png master.tif
does hdr-encode sdr.png master.tif tiff_base.png $steps --json
is "TIFF: linear by its profile" [ "$(value space)" = rec2020-linear ]
does decode sdr_net.png p3.png --to p3
does decode sdr_net.png p3.tif --to p3
does decode sdr_net.png adobe.tif --to adobergb
says 0 "note: p3.tif (p3) becomes 8-bit p3" hdr-encode p3.tif wide.png p3_base.jpg $hlg $steps --json
is "P3: the base's space" [ "$(value base_space)" = p3 ]
does hdr-encode p3_base.jpg wide.png p3_kept.jpg $hlg $steps --json
is "P3 by its profile" [ "$(value base_space) $(value base_kept)" = "p3 true" ]
is "a network that was there is replaced" above 16000 "$(value metadata_bytes)"
does hdr-decode p3_kept.jpg p3.$exr
says 0 "note: adobe.tif (adobergb) becomes 8-bit p3" hdr-encode adobe.tif wide.png x.jpg $hlg $steps
does hdr-encode sdr.png wide.png video_p3.png $hlg $steps --from-sdr p3 --json
is "--from-sdr: a PNG is made anew" [ "$(value base_space) $(value base_kept)" = "p3 false" ]
does hdr-encode video_p3.png wide.png x.png $hlg $steps --json
is "--from-sdr: and then says its space" [ "$(value base_space)" = p3 ]
does hdr-encode sdr.jpg wide.png x.jpg $hlg $steps --from-sdr rec709 --quality 90
does hdr-encode p3_base.jpg wide.png x.jpg $hlg $steps --from-sdr p3
says 0 "note: p3_base.jpg: stays as it is, p3 for other programs (ICC profile)" hdr-encode p3_base.jpg wide.png srgb.jpg $hlg $steps --from-sdr srgb
says 0 "note: sdr.jpg: stays as it is, srgb for other programs .*; --quality .* rec709" hdr-encode sdr.jpg wide.png video.jpg $hlg $steps --from-sdr rec709 --json
is "Rec.709: the base's space" [ "$(value base_space)" = rec709 ]
said=$(value psnr)
does hdr-decode video.jpg video.png
does compare wide.png video.png --from rec2020hlg --from-test rec2020pq --json
is "Rec.709: gives what hdr-encode measured" above 0.1 "sqrt(($(value psnr) - $said) ^ 2)"

# A base in sYCC, which keeps of a wide SDR what viewers clip.
says 0 "note: wide.png (prophoto) becomes 8-bit sycc" hdr-encode wide.png wide.png ycc.jpg $hlg $steps --from-sdr prophoto --base sycc --json
is "sYCC: the base" [ "$(value base_space) $(value base_kept)" = "sycc false" ]
is "sYCC: the network helps" above "$(value psnr)" "$(value psnr_sdr) + 10"
said=$(value psnr)
shown=$(value psnr_sdr)
does inspect ycc.jpg --json
is "sYCC: inspect" [ "$(value base_space) $(value belongs)" = "sycc true" ]
does hdr-decode ycc.jpg ycc.png
does compare wide.png ycc.png --from rec2020hlg --from-test rec2020pq --json
is "sYCC: gives what hdr-encode measured" above 0.1 "sqrt(($(value psnr) - $said) ^ 2)"
does hdr-decode ycc.jpg ycc_phone.jpg --json
is "sYCC: as Ultra HDR sRGB" [ "$(value space)" = srgb ]
if have convert; then
    convert ycc.jpg ycc_base.png
    does extract ycc.jpg
    says 0 "note: ycc_base.png is a PNG; in ycc_map.jpg its picture is a JPEG" hdr-decode ycc_base.png ycc_map.jpg --net ycc.jpg.gmlp
fi
does strip ycc.jpg ycc_bare.jpg
does hdr-encode ycc_bare.jpg wide.png ycc_kept.jpg $hlg $steps --base sycc --json
is "sYCC: a JPEG is kept, its Y'CbCr is read" [ "$(value base_space) $(value base_kept) $(value psnr)" = "sycc true $said" ]
does hdr-encode ycc_bare.jpg wide.png ycc_shown.jpg $hlg $steps --json
is "sYCC: the SDR alone is what viewers show" above 0.05 "sqrt(($(value psnr_sdr) - $shown) ^ 2)"
says 0 "what its Y'CbCr alone holds" decode ycc_bare.jpg beyond.png --base sycc --to prophoto
says 0 "what its RGB alone holds" decode ycc_bare.jpg within.png --base srgb --to prophoto
does compare wide.png beyond.png --from prophoto --json
beyond=$(value psnr_og)
does compare wide.png within.png --from prophoto --json
is "sYCC: the file holds colours beyond sRGB" above "$beyond" "$(value psnr_og) + 1"
says 2 "\-\-base sycc: a PNG holds RGB" hdr-encode adobe.tif wide.png x.png $hlg --base sycc

# Ultra HDR out and in.
does hdr-decode base.jpg phone.jpg --json
is "Ultra HDR: what viewers see" [ "$(value space) $(value depth)" = "srgb 8" ]
does inspect phone.jpg
does hdr-decode phone.jpg a.png
does hdr-decode base.jpg b.png
is "Ultra HDR: the network stays and gives the same" cmp -s a.png b.png
does hdr-encode phone.jpg again.jpg $steps --json
is "Ultra HDR in: keys" has_keys psnr psnr_sdr clamped
is "Ultra HDR in: the base stays" [ "$(value base_kept)" = true ]
is "Ultra HDR in: the network helps" above "$(value psnr)" "$(value psnr_sdr) + 10"
does strip again.jpg again_bare.jpg
is "Ultra HDR in: nothing of the gain map is left" [ "$(LC_ALL=C grep -ac 'hdrgm\|GainMap\|MPF' again_bare.jpg)" = 0 ]
is "Ultra HDR in: the base's own pixels" [ "$(pixels sdr.jpg again_bare.jpg)" = null ]
does hdr-decode again.jpg a.png
does compare wide.png a.png --from rec2020hlg --from-test rec2020pq --json
is "Ultra HDR: HDR after two generations" above "$(value psnr)" 30
does hdr-encode phone.jpg again.png $steps --json
is "Ultra HDR to PNG" [ "$(value base_kept)" = false ]
says 0 "note: phone.jpg: the gain map is left out" hdr-encode phone.jpg wide.png a.jpg $hlg $steps --json
is "an Ultra HDR file as SDR: its base" [ "$(LC_ALL=C grep -ac 'hdrgm\|GainMap\|MPF' a.jpg)" = 0 ]
says 0 "its picture is a JPEG, without the network" hdr-decode base.png phone2.jpg
does hdr-encode phone2.jpg again.jpg $steps

# What an SDR file has beside its picture: kept with it, or said. An EXIF block with an orientation, bytes behind.
turn() { # turn ORIENTATION FILE: with EXIF in front, which says so
    head -c 2 "$2"
    printf "\377\341\000\042Exif\000\000MM\000*\000\000\000\010\000\001\001\022\000\003\000\000\000\001\000\00$1\000\000\000\000\000\000"
    tail -c +3 "$2"
}
turn 6 sdr.jpg >turned.jpg
turn 1 sdr.jpg >upright.jpg
{ cat upright.jpg; echo "a film"; } >film.jpg
few="--iterations 5"
"$scene" tall.png 120 160
does hdr-encode film.jpg wide.png a.jpg $hlg $few
is "EXIF stays, and what lies behind the picture" [ "$(grep -ac Exif a.jpg) $(tail -c 7 a.jpg)" = "1 a film" ]
says 0 "note: a.jpg: its EXIF is not carried over: a .exr file gets none" hdr-decode a.jpg a.exr
says 0 "note: a.jpg: 7 bytes behind the picture are left out" hdr-decode a.jpg b.jpg
says 0 "note: film.jpg: what lies behind the picture is left out: 7 bytes" hdr-encode film.jpg wide.png b.png $hlg $few
says 0 "note: film.jpg: what lies behind the picture is left out" hdr-encode film.jpg wide.png b.jpg $hlg $few --quality 90
is "EXIF goes into a JPEG that is made anew" [ "$(grep -ac Exif b.jpg)" = 1 ]
says 0 "note: film.jpg: what lies behind the picture is left out: 7 bytes" encode film.jpg b.jpg --from p3 $few
{ cat phone.jpg; echo "a film"; } >phone_film.jpg
does hdr-encode phone_film.jpg b.jpg $few
says 0 "note: phone.jpg: the gain map is left out" encode phone.jpg b.jpg --from srgb $few
is "of an Ultra HDR file the base alone stays" [ "$(LC_ALL=C grep -ac 'a film' b.jpg)" = 0 ]
# matched as they are shown; the file keeps its pixels as they are stored, and its tag
does hdr-encode turned.jpg tall.png tall.jpg $hlg $few
does hdr-encode turned.jpg tall.png tall_new.jpg $hlg $few --quality 90
"$tool" inspect tall.jpg >out; is "kept: as stored" grep -q "160 x 120" out
"$tool" inspect tall_new.jpg >out; is "made anew: upright" grep -q "120 x 160" out
says 1 "upright.jpg is 160 x 120, but tall.png is 120 x 160; the two must" hdr-encode upright.jpg tall.png x.jpg $hlg
does hdr-encode turned.jpg wide.png a.jpg $hlg $few
says 0 "note: a.jpg: its EXIF is not carried over: a .exr file gets none" hdr-decode a.jpg a.exr
for out in a.tif a.png; do does hdr-decode a.jpg $out; done
does hdr-decode a.jpg b.jpg
"$tool" encode turned.jpg upright_wide.png --from p3 $few >out 2>err
"$tool" inspect upright_wide.png >out; is "encode: upright" grep -q "120 x 160" out
does compare turned.jpg upright_wide.png --json
printf '\000\000\000\030ftypheic\000\000\000\000mif1heic' >photo.heic
says 1 "photo.heic: .*HEI[CF]" encode photo.heic x.jpg
says 1 "photo.heic: the file has no gain map" hdr-encode photo.heic x.jpg
says 1 "hdr.exr: is not a JPEG, HEIC or AVIF picture with a gain map" hdr-encode hdr.exr x.jpg

# Numbers that are none, and light below 0. Two pixels as a float TIFF; samples are given by their bits.
u16() { printf "\\$(printf %03o $(($1 % 256)))\\$(printf %03o $(($1 / 256)))"; }
u32() { u16 $(($1 % 65536)); u16 $(($1 / 65536)); }
entry() { u16 $1; u16 $2; u32 $3; u32 $4; }
float_tiff() {
    printf 'II'; u16 42; u32 8; u16 10
    entry 256 4 1 2; entry 257 4 1 1; entry 258 3 3 134; entry 259 4 1 1; entry 262 4 1 2
    entry 273 4 1 146; entry 277 4 1 3; entry 278 4 1 1; entry 279 4 1 24; entry 339 3 3 140
    u32 0; u16 32; u16 32; u16 32; u16 3; u16 3; u16 3
    for bits in "$@"; do u32 "$bits"; done
}
one=$((0x3f800000)); two=$((0x40000000)); minus=$((0xbe800000)); nan=$((0x7fc00000)); infinity=$((0x7f800000))
printf 'P6 2 1 255\n\200\200\200\377\100\020' >two.ppm
float_tiff $one $one $one $two $one $minus >minus.tif
float_tiff $one $one $one $one $nan $infinity >nan.tif
linear="--from-sdr srgb --from-hdr srgb-linear --iterations 5"
does hdr-encode two.ppm minus.tif x.png $linear --json
is "light below 0 is counted" [ "$(value clamped)" = 0.5 ]
does hdr-encode two.ppm minus.tif x.png $linear
is "light below 0 is said" grep -q "1 below 0, 0 above" out
says 1 "nan.tif: 2 samples are infinite or not a number, the first at column 1, row 0" hdr-encode two.ppm nan.tif x.jpg $linear

float_tiff $one $one $one $two $one $one >untagged.tif
says 0 "untagged.tif does not say its colour space; srgb-linear assumed (--from-hdr tells it)" hdr-encode two.ppm untagged.tif x.png --iterations 5

# Wrong usage: 2, and a message that names what is wrong.
says 2 "a file name is missing" hdr-encode sdr.png
says 2 "one name too many: 'd'" hdr-encode a b c.jpg d
says 2 "must end in .jpg or .png" hdr-encode sdr.png wide.png x.tif
says 2 "unknown map 'log'; known are difference|gain|gamma|direct" hdr-encode sdr.png wide.png x.jpg --map log
says 2 "are for JPEG; a PNG is lossless" hdr-encode sdr.png wide.png x.png --quality 90
says 2 "are for JPEG; a PNG is lossless" hdr-encode sdr.png wide.png x.png --subsample 420
says 2 "from-hdr go with two pictures" hdr-encode phone.jpg x.jpg $hlg
says 2 "preset paper has its own" hdr-encode sdr.png wide.png x.png --preset paper --budget 4096
says 2 "\-\-white takes a number from 1 to 10000" hdr-encode sdr.png wide.png x.png --white 0
says 2 "must end in .png, .tif, .exr.* or in .jpg" hdr-decode base.png x.ppm
says 2 "holds 8 or 16 bit" hdr-decode base.png x.png --depth float
says 2 "\-\-crop takes X,Y,W,H" hdr-decode base.png x.exr --crop 1,2
says 2 "outside the picture, which is 160 x 120" hdr-decode base.png x.exr --crop 100,100,61,20
says 2 "\-\-boost takes a number from 0 to 64" hdr-decode base.png x.exr --boost -1
says 2 "\-\-white is for PQ and HLG" hdr-decode base.png x.exr --white 100
says 2 "are for the others" hdr-decode base.jpg x.jpg --to p3
for sub in hdr-encode hdr-decode; do
    does $sub --help
    is "$sub --help shows an example" grep -q "^  gamutmlp $sub " out
done

# Work that fails: 1, nothing written, and what was there stays.
echo kept >kept.png
says 1 "missing.png: No such file" hdr-encode missing.png wide.png kept.png
says 1 "missing.exr: No such file" hdr-encode sdr.png missing.exr kept.png
says 1 "kept.png: is not a PNG" hdr-encode sdr.png kept.png x.png
says 1 "wide.png: is not HDR: integer samples in srgb (assumed)" hdr-encode sdr.png wide.png kept.png
says 1 "hdr.png: is HDR (rec2020pq by its cICP); the SDR picture comes first" hdr-encode hdr.png sdr.png kept.png
"$scene" narrow.png 100 120
says 1 "sdr.png is 160 x 120, but narrow.png is 100 x 120" hdr-encode sdr.png narrow.png kept.png $hlg
says 1 "sdr.jpg: the file has no gain map" hdr-encode sdr.jpg kept.png
head -c $(($(wc -c <phone.jpg) - 2000)) phone.jpg >broken.jpg
says 1 "^gamutmlp hdr-encode: broken.jpg: " hdr-encode broken.jpg kept.png
says 1 "sdr_net.png: its network gives back a wide gamut, not HDR" hdr-decode sdr_net.png kept.png
says 1 "base.png: its network gives back HDR: 'gamutmlp hdr-decode'" decode base.png kept.png
says 1 "carries no network" hdr-decode sdr.png kept.png
says 1 "wide.png: carries no network" hdr-encode sdr.png hdr.png kept.png --start wide.png
says 1 "base.png: not a start for this map, preset and budget" hdr-encode sdr.png wide.png kept.png $hlg --start base.png --map gain
says 1 "sdr_net.png: not a start for this" hdr-encode sdr.png wide.png kept.png $hlg --start sdr_net.png
is "what was there stays" [ "$(cat kept.png)" = kept ]
for out in full.png full.$exr full.tif full.jpg; do
    echo kept >$out
    (ulimit -f 8; "$tool" hdr-decode base.jpg $out >out 2>err); status=$?
    is "a full disk, $out: exit 1" [ $status -eq 1 ]
    is "a full disk, $out: said" grep -q "$out: cannot be written: File too large" err
    is "a full disk, $out: what was there stays, without a rest" [ "$(cat $out)$(find . -name '*.tmp')" = kept ]
    says 1 "$out: is write-protected" hdr-decode base.jpg "$(chmod 444 $out; echo $out)"
done
says 1 "sdr.png: is read by this command" hdr-encode sdr.png wide.png sdr.png $hlg
says 1 "wide.png: is read by this command" hdr-encode sdr.png wide.png wide.png $hlg
says 1 "phone.jpg: is read by this command" hdr-encode phone.jpg phone.jpg
says 1 "base.jpg: is read by this command" hdr-decode base.jpg base.jpg
cp wide.png both.png
does hdr-encode sdr.png both.png both.png $hlg $few --force
does hdr-decode both.png both.png --force
cp base.jpg both.jpg
does hdr-decode both.jpg both.jpg --force
does hdr-encode both.jpg both.jpg $few --force
does hdr-decode both.jpg both.$exr
if have jpegtran; then
    jpegtran -copy all -wipe 96x64+16+16 base.jpg >wiped.jpg
    says 1 "does not belong to these pixels" hdr-decode wiped.jpg x.$exr
    says 1 "does not belong to these pixels" hdr-decode wiped.jpg x.jpg
    says 0 "does not belong to these pixels" hdr-decode wiped.jpg x.jpg --force
fi
"$scene" large.png 1600 1200
"$tool" encode large.png large.jpg --from prophoto --iterations 1 >out 2>err
"$tool" hdr-encode large.jpg large.png large_base.jpg $hlg --iterations 1 >out 2>err
ends_clean hdr-encode hdr-encode sdr.png wide.png kept.png $hlg --iterations 1000000
ends_clean hdr-decode hdr-decode large_base.jpg kept.png

finish
