#!/bin/sh
# Textures and carriers beside JPEG and PNG: KTX2 files, side-cars, a base that another encoder made.
# Prints "ok" and "not ok" lines.
. "$(dirname "$0")/tool.sh"

"$scene" wide.png 96 75 || exit 1
"$scene" other.png 96 75 7 || exit 1
"$scene" small.png 64 48 || exit 1
from="--from prophoto --iterations 60"

# A texture is a PNG in another container: the same network, the same bytes decoded.
does encode wide.png base.png $from
does encode wide.png base.ktx2 $from --json
is "encode: JSON" valid_json
is "encode: the base is RGB" [ "$(value base_because)" = "a KTX2 file holds RGB" ]
does inspect base.ktx2 --json
is "inspect: container and carrier" [ "$(value container) $(value carriers) $(value belongs)" = "ktx2 key true" ]
does inspect base.ktx2
does decode base.png png.tif
does decode base.ktx2 ktx2.tif
is "decode: the same from both" cmp -s png.tif ktx2.tif
does decode base.ktx2 part.png --crop 10,20,30,40
does decode base.png part2.png --crop 10,20,30,40
is "decode: a part, the same from both" cmp -s part.png part2.png
does strip base.ktx2 plain.ktx2
is "strip: the network's bytes" [ $(($(wc -c <base.ktx2) - $(wc -c <plain.ktx2))) -gt 500 ]
says 1 "carries no network" decode plain.ktx2 x.tif
does compare plain.ktx2 base.ktx2 --json
is "strip: the same pixels" [ "$(value rmse)" = 0 ]
does transcode base.ktx2 half.ktx2 --resize 50%
does inspect half.ktx2 --json
is "transcode: resized" [ "$(value width) $(value height) $(value belongs)" = "48 38 true" ]
does transcode base.ktx2 moved.png
does decode moved.png moved.tif
is "transcode: as a PNG, the same codes" cmp -s moved.tif ktx2.tif
does encode plain.ktx2 again.png --iterations 1
says 2 "a KTX2" encode wide.png x.ktx2 --quality 90
says 2 "a KTX2" encode wide.png x.ktx2 --subsample 420
says 2 "a KTX2 file holds RGB" encode wide.png x.ktx2 --base sycc
says 1 "none of the carriers" encode wide.png x.ktx2 $from --carriers xmp
does encode wide.png x.ktx2 $from --carriers key
is "--carriers key: the default" cmp -s x.ktx2 base.ktx2
head -c 3000 base.ktx2 >cut.ktx2
says 1 "too early\|ends" decode cut.ktx2 x.tif
if have python3; then # texels turned over, and KTXorientation says so: the picture is as it was
    python3 - <<'PY' || exit 1
import struct
b = bytearray(open("plain.ktx2", "rb").read())
at, n = struct.unpack_from("<QQ", b, 80)
rows = [b[at + 384 * y:at + 384 * y + 384] for y in range(75)]
b[at:at + n] = b"".join(rows[::-1])
i = b.index(b"KTXorientation\0rd")
b[i + 16] = ord("u")
open("over.ktx2", "wb").write(b)
PY
    does compare over.ktx2 base.ktx2 --json
    is "KTXorientation ru: compare turns the picture" [ "$(value rmse)" = 0 ]
    does encode over.ktx2 up.png --iterations 1
    does encode plain.ktx2 up2.png --iterations 1
    is "KTXorientation ru: encode turns the picture" cmp -s up.png up2.png
fi

# Khronos' own program: reads what is written here, and is read.
if have ktx; then
    does encode wide.png net.png $from
    does extract net.png net.gmlp
    valid() { ktx validate "$1" >out 2>&1 </dev/null; }
    same_pixels() { "$tool" compare "$1" "$2" --json >out 2>err </dev/null && [ "$(value rmse)" = 0 ]; }
    for file in base plain half; do is "ktx validate $file.ktx2" valid $file.ktx2; done
    ktx extract base.ktx2 back.png >/dev/null 2>&1
    is "ktx extract: our pixels" same_pixels back.png plain.ktx2
    ktx deflate --zstd 5 base.ktx2 packed.ktx2 >/dev/null 2>&1
    does inspect packed.ktx2 --json
    is "ktx deflate: the network stays, and valid" [ "$(value carriers) $(value belongs)" = "key true" ]
    does decode packed.ktx2 packed.tif
    is "ktx deflate: the same colours" cmp -s packed.tif ktx2.tif
    make_ktx() { ktx create --assign-tf srgb --assign-primaries bt709 --format "$@" >/dev/null 2>&1; }
    for format in R8G8B8_SRGB B8G8R8_SRGB R8G8B8A8_SRGB "R8G8B8A8_SRGB --generate-mipmap" "R8G8B8_SRGB --zstd 5" \
                  "R8G8B8_SRGB --zlib 5"; do
        make_ktx $format back.png theirs.ktx2
        is "ktx create $format: its pixels" same_pixels theirs.ktx2 plain.ktx2
        does embed theirs.ktx2 net.gmlp ours.ktx2
        is "ktx create $format: valid with a network" valid ours.ktx2
    done
    make_ktx R8G8B8_SRGB --convert-texcoord-origin bottom-left back.png theirs.ktx2
    is "ktx create, turned over: its pixels" same_pixels theirs.ktx2 plain.ktx2
    for format in ASTC_6x6_SRGB_BLOCK "R8G8B8A8_SRGB --encode basis-lz" "R8G8B8A8_SRGB --encode uastc --zstd 5"; do
        make_ktx $format back.png theirs.ktx2
        says 1 "decode its blocks to PNG first" encode theirs.ktx2 x.png
        does embed theirs.ktx2 net.gmlp ours.ktx2 --force
        is "ktx create $format: valid with a network" valid ours.ktx2
        does strip ours.ktx2 x.ktx2
        is "ktx create $format: strip gives the file back" cmp -s x.ktx2 theirs.ktx2
    done
    "$tool" inspect ours.ktx2 >out 2>err
    is "inspect: no size of what was not read" grep -q "its pixels were not read" out
fi

# The HDR rendition, too.
says 0 "becomes 8-bit srgb" hdr-encode small.png small.png hdr.ktx2 --from-hdr prophoto --iterations 20
does hdr-decode hdr.ktx2 hdr.png

# A side-car, under both of its names and under any.
does encode wide.png base.jpg $from
does extract base.jpg
does extract base.jpg net.gmlp
is "extract: the same under its usual name" cmp -s base.jpg.gmlp net.gmlp
does decode base.jpg want.tif
does strip base.jpg lost.jpg
says 1 "carries no network" decode lost.jpg x.tif
says 1 "carries no network" extract lost.jpg x.gmlp
does decode lost.jpg got.tif --net net.gmlp
is "decode --net: all is back" cmp -s got.tif want.tif
for beside in lost.jpg.gmlp lost.gmlp; do
    cp net.gmlp $beside
    says 0 "that of $beside is taken" decode lost.jpg got.tif
    is "decode: finds $beside" cmp -s got.tif want.tif
    does inspect lost.jpg --json
    is "inspect: finds $beside" [ "$(value carriers) $(value belongs) $(value metadata_bytes)" = "side-car true 0" ]
    rm $beside
done
cp wide.png keep.png
says 2 "keep.png: the output's name must end in .gmlp" extract base.jpg keep.png
is "extract: a picture by that name stays" cmp -s keep.png wide.png
says 1 "x.png: would be a JPEG, as lost.jpg is" embed lost.jpg net.gmlp x.png
does embed lost.jpg net.gmlp found.jpg
is "embed: the file as it was" cmp -s found.jpg base.jpg
does extract base.ktx2
does embed plain.ktx2 base.ktx2.gmlp x.ktx2
is "embed: the texture as it was" cmp -s x.ktx2 base.ktx2
does encode other.png other.jpg $from
does strip other.jpg other_lost.jpg
says 1 "does not belong to these pixels" decode other_lost.jpg x.tif --net net.gmlp
cp net.gmlp other_lost.jpg.gmlp
says 1 "does not belong to these pixels" decode other_lost.jpg x.tif
rm other_lost.jpg.gmlp
says 1 "is not the network of" embed other_lost.jpg net.gmlp x.jpg
does embed other_lost.jpg net.gmlp x.jpg --force
says 1 "no network" decode lost.jpg x.tif --net wide.png
says 1 "No such file" decode lost.jpg x.tif --net none.gmlp
head -c 200 net.gmlp >lost.gmlp
says 1 "lost.gmlp: is no network" decode lost.jpg x.tif
rm lost.gmlp

# A base of which another encoder left something else: the network is trained on that, and goes into any file of it.
does encode plain.ktx2 sharp.jpg --iterations 1 --quality 80 --base srgb # as if blocks were compressed
does encode wide.png blocks.png $from --base-picture sharp.jpg --json
is "--base-picture: a margin, as of what is lossy" above "$(value margin)" 0
is "--base-picture: the network helps" above "$(value psnr_og)" "$(value psnr_clip_og) + 1"
does compare blocks.png sharp.jpg --json
is "--base-picture: its pixels" [ "$(value rmse)" = 0 ]
does inspect blocks.png
says 1 "is 64 x 48, and the picture that it is a base of 96 x 75" encode wide.png x.png $from --base-picture small.png
says 1 "is no base" encode wide.png x.png $from --base-picture want.tif
says 2 "base-picture is of one picture" encode wide.png x.jpg $from --base-picture sharp.jpg

finish
