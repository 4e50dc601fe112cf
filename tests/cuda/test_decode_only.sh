#!/bin/sh
# gamutmlp_cuda.cu for programs that only decode (GMLP_DECODE_ONLY): it compiles for the emulation without a warning and
# has nothing of training. CXX and CLANG name the compilers. Prints "ok" and "not ok" lines.
cd "$(dirname "$0")/../.." || exit 1
out=build/cuda/decode_only
mkdir -p "$out"
failed=0
for compiler in "${CXX:-g++}" "${CLANG:-clang}++"; do
    for only in "" -DGMLP_DECODE_ONLY; do
        # shellcheck disable=SC2086
        if $compiler -std=c++17 -O1 -Wall -Wextra -Werror -Wno-unknown-pragmas -ffp-contract=off -fno-strict-aliasing \
            -DGMLP_CUDA_EMULATION $only -I. -Itests/cuda -x c++ -c gamutmlp_cuda.cu -o "$out/it.o" >"$out/it.txt" 2>&1; then
            echo "ok $compiler $only: compiles"
        else
            echo "not ok $compiler $only: gamutmlp_cuda.cu does not compile without a warning"
            head -n 20 "$out/it.txt" | sed 's/^/# /'
            failed=1
            continue
        fi
        kernels=$(nm -C "$out/it.o" | grep -c 'train_kernel\|collect_row')
        if [ -n "$only" ]; then [ "$kernels" = 0 ]; else [ "$kernels" -gt 0 ]; fi ||
            { echo "not ok $compiler $only: $kernels symbols of training"; failed=1; }
    done
done
exit $failed
