#!/bin/sh
# examples/quickstart_hdr.c, with pictures that the tool makes and reads: other readers and writers than its own.
quickstart=$PWD/build/quickstart_hdr
. "$(dirname "$0")/tool.sh"
if [ $exr = tif ]; then exit 0; fi

"$scene" wide.png 160 120 || exit 1
does encode wide.png base.jpg --from srgb --iterations 1
does strip base.jpg sdr.jpg
does hdr-encode sdr.jpg wide.png both.jpg --from-hdr rec2020hlg --iterations 200
does hdr-decode both.jpg hdr.exr --to srgb-linear --depth float

if "$quickstart" hdr.exr sdr.jpg quick.jpg again.exr >said 2>err; then ok "quickstart_hdr"; else not_ok "quickstart_hdr"; fi
sed 's/^/# /' said
alone=$(sed -n 's/SDR alone: \(.*\) dB/\1/p' said)
with=$(sed -n 's/.* bytes: \(.*\) dB/\1/p' said)
is "the network helps" above "$with" "$alone + 6"
does inspect quick.jpg --json
is "the tool knows the network" [ "$(value space) $(value belongs)" = "srgb-linear true" ]
does strip quick.jpg stripped.jpg
is "the SDR file is as it was" cmp -s stripped.jpg sdr.jpg
does compare hdr.exr again.exr --json
is "the EXR is what it says" above 0.1 "sqrt(($(value psnr) - $with) ^ 2)"
"$quickstart" hdr.exr wide.png quick.png again.exr >said 2>err
is "an SDR picture in PNG" [ $? = 0 ]
does inspect quick.png

fails() { # NAME PATTERN ARGS...: exit 1 and a message
    what=$1; pattern=$2; shift 2
    "$quickstart" "$@" >out 2>err; status=$?
    is "$what" [ "$status $(grep -c "$pattern" err)" = "1 1" ]
}
"$scene" small.png 80 60 || exit 1
fails "no arguments" usage
fails "no EXR" "quickstart_hdr: " missing.exr sdr.jpg x.jpg x.exr
fails "no SDR file" "can not be opened" hdr.exr missing.jpg x.jpg x.exr
fails "no picture" "can not be read" hdr.exr hdr.exr x.jpg x.exr
fails "other sizes" "same size" hdr.exr small.png x.png x.exr
fails "no place" "can not be written" hdr.exr sdr.jpg missing/x.jpg x.exr
finish
