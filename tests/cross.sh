#!/bin/sh
# The library on other processors and systems, run by emulators: one "ok" line each. All must print the number that
# tests/compile/fingerprint.golden has, and link without -lm. A target whose tools are missing is skipped.
cd "$(dirname "$0")/compile" || exit 1
out=../../build/cross
mkdir -p "$out"
failed=0
flags="-O2 -std=c99 -Wall -Wextra -Wpedantic -Werror -I../.."

target() { # target NAME RUNNER COMPILER FLAGS...
    name=$1 runner=$2 cc=$3
    shift 3
    for program in ${runner%% *} $cc; do
        command -v "$program" >/dev/null || { echo "skipped: $name: no $program"; return; }
    done
    if ! text=$($cc $flags "$@" fingerprint.c -o "$out/$name.exe" 2>&1); then
        case $text in *"cannot find -l"* | *"stdlib.h: No such"* | *"'stdlib.h' file not found"* | *"unable to find library"* | *"cannot open"*)
            echo "skipped: $name: its C library is missing"; return ;;
        esac
        echo "not ok $name: $cc $*"
        printf '%s\n' "$text" | head -8
        failed=1
        return
    fi
    print=$($runner "$out/$name.exe" 2>"$out/$name.err" | tr -d '\r')
    if [ "$print" = "$(cat fingerprint.golden)" ]; then echo "ok $name: $print"
    else
        echo "not ok $name: '$print'"
        head -5 "$out/$name.err"
        failed=1
    fi
}

export WINEDEBUG=-all
target aarch64 qemu-aarch64 aarch64-linux-gnu-gcc -static
target aarch64-no-simd qemu-aarch64 aarch64-linux-gnu-gcc -static -DGMLP_NO_SIMD
target armhf qemu-arm arm-linux-gnueabihf-gcc -static
target riscv64 qemu-riscv64 riscv64-linux-gnu-gcc -static
target s390x qemu-s390x s390x-linux-gnu-gcc -static -fexcess-precision=fast
target s390x-gnu17 qemu-s390x s390x-linux-gnu-gcc -static -std=gnu17
target ppc64el qemu-ppc64le powerpc64le-linux-gnu-gcc -static
target i686 qemu-i386 i686-linux-gnu-gcc -static -msse2 -mfpmath=sse
target i686-pic-no-sse41 "qemu-i386 -cpu coreduo" i686-linux-gnu-gcc -static -msse2 -mfpmath=sse -fPIC
target x86-64-no-avx "qemu-x86_64 -cpu Nehalem" gcc -static
target mingw-w64 wine x86_64-w64-mingw32-gcc -static
target mingw-w64-windows.h wine x86_64-w64-mingw32-gcc -static -include windows.h -Wno-pedantic
target wasm32 "node --no-warnings wasm.mjs" clang --target=wasm32-wasi
target wasm32-simd "node --no-warnings wasm.mjs" clang --target=wasm32-wasi -msimd128
exit $failed
