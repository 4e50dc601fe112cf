#!/bin/sh
# Pictures that other programs make and read: HEIC, AVIF, JPEG XL, in and out of the commands.
. "$(dirname "$0")/tool.sh"

"$scene" wide.png 160 120 || exit 1
from="--from prophoto"
equal() { [ "$(value psnr)" = null ] || above "$(value psnr)" 120; } # null: infinite

does --version
is "the version" grep -q "^gamutmlp [0-9]*\.[0-9]*\.[0-9]* " out
does encode wide.png base.jpg $from --iterations 100
does decode base.jpg back.tif
does decode base.jpg p3.tif --to p3
"$scene" sdr.png 160 120 3 || exit 1
says 0 "becomes 8-bit srgb" hdr-encode sdr.png wide.png hdr.png --from-sdr srgb --from-hdr rec2020pq --iterations 50
does hdr-decode hdr.png pq.png
does hdr-decode hdr.png light.tif

# Out.
if has "JPEG XL"; then
    does decode base.jpg back.jxl --json
    is "JXL: depth" [ "$(value depth)" = 16 ]
    does compare back.tif back.jxl --json
    is "JXL holds what the TIFF holds" equal
    does decode base.jpg float.jxl --depth float
    does compare back.tif float.jxl --json
    is "JXL of floats" above "$(value psnr)" 90
    does hdr-decode hdr.png pq.jxl
    does compare pq.png pq.jxl --json
    is "JXL holds what the PQ PNG holds" equal
    does hdr-decode hdr.png light.jxl --depth float
    does compare light.tif light.jxl --json
    is "JXL holds what the linear TIFF holds" equal
    if have djxl; then
        djxl back.jxl djxl.ppm --bits_per_sample 16 >out 2>err
        does compare back.tif djxl.ppm --from-test prophoto --json
        is "djxl reads the same samples" equal
    fi
    says 2 "a .jxl file holds 8-bit, 16-bit or float samples" decode base.jpg x.jxl --depth half
else
    says 1 "x.jxl: this build has no JPEG XL" decode base.jpg x.jxl
    is "no JXL is left" [ ! -e x.jxl ]
fi
if has "writing AVIF"; then
    does decode base.jpg ten.avif --to p3 --json
    is "AVIF: depth" [ "$(value depth)" = 10 ]
    does decode base.jpg twelve.avif --depth 12 --json
    is "AVIF: depth" [ "$(value depth)" = 12 ]
    does hdr-decode hdr.png pq.avif
    if has HEIC; then
        does compare p3.tif ten.avif --json
        is "AVIF of 10 bits" above "$(value psnr)" 68
        does compare back.tif twelve.avif --json
        is "AVIF of 12 bits" above "$(value psnr)" 80
        does compare pq.png pq.avif --json
        is "AVIF of 10 bits, PQ" above "$(value psnr)" 70
    fi
    if have avifdec; then
        avifdec --info ten.avif >out 2>&1
        is "avifdec: P3, the curve of sRGB, RGB" [ "$(sed -n 's/.*\(Color Prim\|Transfer Ch\|Matrix Co\)[^:]*: *//p' out | xargs)" = "12 13 0" ]
        avifdec --info pq.avif >out 2>&1
        is "avifdec: Rec.2020, PQ, RGB" [ "$(sed -n 's/.*\(Color Prim\|Transfer Ch\|Matrix Co\)[^:]*: *//p' out | xargs)" = "9 16 0" ]
        avifdec --info twelve.avif >out 2>&1
        is "avifdec: a profile" grep -q "ICC Profile.*: Present" out
        avifdec -d 16 ten.avif avifdec.png >out 2>&1
        does compare p3.tif avifdec.png --from-test p3 --json
        is "avifdec reads the same colours" above "$(value psnr)" 68
    fi
    says 2 "10 and 12 bits are for .avif files" decode base.jpg x.avif --depth 16
    says 2 "10 and 12 bits are for .avif files" decode base.jpg x.png --depth 10
    says 2 "a .avif file holds 10- or 12-bit samples" decode base.jpg x.avif --depth float
else
    says 1 "x.avif: this build writes no AVIF" decode base.jpg x.avif
    is "no AVIF is left" [ ! -e x.avif ]
fi

# In, as other programs write them.
does decode base.jpg p3.png --to p3
if has HEIC && have heif-enc; then
    heif-enc -q 100 -p chroma=444 p3.png -o p3.heic >heif.out 2>&1
    if [ -s p3.heic ]; then
        does encode p3.heic from_heic.jpg --iterations 20 --json
        is "HEIC: its profile counts" [ "$(value space) $(value space_from)" = "p3 ICC profile" ]
        does compare p3.png p3.heic --json
        is "HEIC: the colours" above "$(value psnr)" 40
    else echo "# heif-enc has no encoder: a check is left out"
    fi
fi
if has HEIC && have avifenc; then
    avifenc --depth 10 --yuv 444 --min 0 --max 4 --cicp 9/16/9 -r full pq.png pq_enc.avif >avifenc.out 2>&1
    does compare pq.png pq_enc.avif --json
    is "AVIF: PQ of 10 bits" above "$(value psnr)" 45
    says 0 "becomes 8-bit srgb" hdr-encode sdr.png pq_enc.avif from_avif.jpg --from-sdr srgb --iterations 20 --json
    is "hdr-encode: AVIF is HDR by its code points" [ "$(value space) $(value space_from)" = "rec2020pq cICP" ]
fi
if has "JPEG XL" && have cjxl; then
    cjxl -d 0 p3.png p3_enc.jxl >cjxl.out 2>&1
    does compare p3.png p3_enc.jxl --json
    is "JXL without loss" equal
    cjxl -d 0.3 p3.png p3_lossy.jxl >cjxl.out 2>&1
    does encode p3_lossy.jxl from_jxl.jpg --iterations 20 --json
    is "JXL with loss: P3" [ "$(value space)" = p3 ]
    does compare p3.png p3_lossy.jxl --json
    is "JXL with loss: the colours" above "$(value psnr)" 36
    is "JXL with loss: those outside sRGB" above "$(value psnr_og)" 34
fi

# An output of a new kind, too, appears whole or not at all.
for kind in jxl avif; do
    [ -e "ten.$kind" ] || [ -e "back.$kind" ] || continue
    echo kept >kept.png; cp kept.png over.$kind
    (ulimit -f 1; "$tool" decode base.jpg over.$kind >out 2>err); status=$?
    is "$kind: a file-size limit is an error" [ $status -eq 1 ]
    is "$kind: what was there stays" cmp -s kept.png over.$kind
    is "$kind: no rest is left" [ -z "$(find . -name '*.tmp')" ]
done
finish
