#!/bin/sh
# --device: what it says, of a tool without GPUs and of one with them, where there need be none (GAMUTMLP=build/cuda/gamutmlp).
# Prints "ok" and "not ok" lines.
. "$(dirname "$0")/tool.sh"

"$scene" wide.png 80 60 || exit 1
train="--from prophoto --iterations 20"
note() { grep -q '"device_note": "'"$1" out; }
no_note() { grep -q '"device_note": null' out; }

does encode wide.png cpu.jpg $train --device cpu --json
is "encode --device cpu: JSON" valid_json
is "encode --device cpu: says cpu" [ "$(value device)" = cpu ]
is "encode --device cpu: nothing to note" no_note
does encode wide.png text.jpg $train --device cpu
is "encode --device cpu: the summary names no GPU" [ "$(grep -c GPU out)" = 0 ]
does decode cpu.jpg cpu.png --device cpu --json
is "decode --device cpu: says cpu" [ "$(value device)" = cpu ]
does decode cpu.jpg auto.png --json
is "decode, auto: says cpu, as it streams" [ "$(value device)" = cpu ]
is "decode, auto: the same file" cmp cpu.png auto.png
does encode wide.png small.jpg $train --target-psnr 30 --device auto --json
is "--target-psnr: says cpu" [ "$(value device)" = cpu ]
is "--target-psnr: says why" note '--target-psnr tries networks on the CPU'
does hdr-encode cpu.jpg wide.png hdr.jpg --from-hdr rec2020hlg --iterations 20 --device cpu --json
is "hdr-encode --device cpu: says cpu" [ "$(value device)" = cpu ]
does hdr-decode hdr.jpg hdr.png --json
is "hdr-decode, auto: says cpu, as it streams" [ "$(value device)" = cpu ]
does meta-train wide.png -o start --from prophoto --inner 2 --rounds 1 --device cpu --json
is "meta-train --device cpu: says cpu" [ "$(value device)" = cpu ]
for command in encode decode hdr-encode hdr-decode meta-train; do
    does $command --help
    is "$command --help: --device" grep -q -e '--device auto|cpu|gpu' out
done
says 2 "unknown device 'tpu'; known are auto|cpu|gpu" encode wide.png a.jpg --device tpu

if "$tool" --version | grep -q CUDA; then
    "$tool" encode wide.png auto.jpg $train --json >out 2>err
    is "auto: works" valid_json
    if [ "$(value device)" = gpu ]; then
        is "auto, a GPU: nothing to note" no_note
        does decode cpu.jpg gpu.png --device gpu --json
        is "decode --device gpu: says gpu" [ "$(value device)" = gpu ]
        is "decode --device gpu: the same file" cmp cpu.png gpu.png
    else
        is "auto, no GPU: says why" note '.*device'
        is "auto, no GPU: on stderr, too" grep -q 'note: no GPU: .*; the CPU does the work' err
        is "auto, no GPU: the same file" cmp cpu.jpg auto.jpg
        says 1 "gpu: .*device.*; --device cpu does without" encode wide.png a.jpg $train --device gpu
        says 1 "gpu: .*device.*; --device cpu does without" decode cpu.jpg a.png --device gpu
    fi
    says 2 "there is no --device gpu for it" encode wide.png a.jpg $train --target-psnr 30 --device gpu
else
    does encode wide.png auto.jpg $train --json
    is "auto: says cpu" [ "$(value device)" = cpu ]
    is "auto: says why" note "this gamutmlp is built without GPUs; 'make cuda'"
    is "auto: the same file" cmp cpu.jpg auto.jpg
    without="device gpu: this gamutmlp is built without GPUs; 'make cuda' builds build/cuda/gamutmlp"
    says 2 "$without" encode wide.png a.jpg $train --device gpu
    says 2 "$without" decode cpu.jpg a.png --device gpu
    says 2 "$without" hdr-encode cpu.jpg wide.png a.jpg --from-hdr rec2020hlg --device gpu
    says 2 "$without" hdr-decode hdr.jpg a.png --device gpu
    says 2 "$without" hdr-decode hdr.jpg a.jpg --device gpu
    says 2 "$without" meta-train wide.png -o a.start --device gpu
fi
finish
