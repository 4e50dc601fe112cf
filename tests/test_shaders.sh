#!/bin/sh
# test_shaders.sh: the shaders are what shaders/make.sh makes, and give the library's floats, to the bit, on devices of
# software: OpenGL ES 3.0 (EGL, Mesa's llvmpipe), Vulkan (Mesa's lavapipe) and WebGPU (wgpu, where PYTHON has it).
# What is not installed is left out, and said.
set -u
cd "$(dirname "$0")/.."
out=$PWD/build/shaders
cc=${CC:-gcc}
failed=0
mkdir -p "$out"
# check NAME COMMAND...: 77 is neither
check() {
    what=$1
    shift
    "$@" >"$out/log" 2>&1
    status=$?
    grep '^# ' "$out/log"
    case $status in
    0) echo "ok $what" ;;
    77) ;;
    *) echo "not ok $what"; failed=1; grep -v '^# ' "$out/log" | tail -n 20 ;;
    esac
}
has() { command -v "$1" >/dev/null || { echo "# no $1: $2"; return 1; }; }
builds() { # builds PROGRAM LIBRARIES: "# no" what it needs
    # shellcheck disable=SC2086
    "$cc" -std=c99 -O2 -Wall -Wextra -Wpedantic -I. -Itests/shaders -D_POSIX_C_SOURCE=200809L "tests/shaders/$1.c" -o "$out/$1" $2
}
found() { # found HEADER LIBRARY WHAT
    echo "#include <$1>
int main(void) { return 0; }" | "$cc" -x c - -o "$out/found" "$2" 2>/dev/null || { echo "# no $1: $3"; return 1; }
}

mkdir -p "$out/made"
check "what make.sh makes" shaders/make.sh "$out/made"
for f in gamutmlp_decode.es.frag gamutmlp_decode.comp gamutmlp_decode.hlsl gamutmlp_decode.wgsl; do
    check "shaders/$f is that" cmp "shaders/$f" "$out/made/$f"
done

check "case.c" builds case "-lpng -lm"
check "a picture" build/scene "$out/scene.png" 160 120
for mode in gamut hdr; do
    mkdir -p "$out/$mode"
    check "a network, $mode" "$out/case" "$out/scene.png" $mode "$out/$mode"
done

if has glslangValidator "no shader is compiled to SPIR-V"; then
    for width in 32 48; do
        check "GLSL 4.50 is valid, width $width" glslangValidator -V -DGMLP_NEURONS=${width}u -S comp \
            shaders/gamutmlp_decode.comp -o "$out/comp$width.spv"
        check "HLSL is valid, width $width" glslangValidator -V -D -DGMLP_NEURONS=${width}u -S comp -e main \
            shaders/gamutmlp_decode.hlsl -o "$out/hlsl$width.spv"
    done
    check "GLSL ES 3.00 is valid" glslangValidator -S frag shaders/gamutmlp_decode.es.frag
    if found vulkan/vulkan.h -lvulkan "nothing is run by Vulkan"; then
        check "vulkan.c" builds vulkan -lvulkan
        for kind in comp hlsl; do
            check "$kind by Vulkan, wide gamut" "$out/vulkan" "$out/${kind}32.spv" "$out/gamut"
            check "$kind by Vulkan, HDR" "$out/vulkan" "$out/${kind}48.spv" "$out/hdr"
        done
    fi
fi
if found EGL/egl.h -lEGL "nothing is drawn" && found GLES3/gl3.h -lGLESv2 "nothing is drawn"; then
    check "egl.c" builds egl "-lEGL -lGLESv2"
    for mode in gamut hdr; do
        check "GLSL ES 3.00 by OpenGL ES, $mode" "$out/egl" shaders/gamutmlp_decode.es.frag "$out/$mode"
    done
fi
if has "${PYTHON:-python3}" "nothing is run by WebGPU"; then
    for mode in gamut hdr; do
        check "WGSL by WebGPU, $mode" "${PYTHON:-python3}" tests/shaders/webgpu.py shaders/gamutmlp_decode.wgsl "$out/$mode"
    done
fi
exit $failed
