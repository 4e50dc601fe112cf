#!/bin/sh
# gamutmlp_cuda.cu compiles for every architecture that nvcc has, without a warning: for one of each kind to the end,
# where decoding and training must not spill (75, the oldest, may), for the others to PTX alone, unoptimised, which takes
# an eighth of the time. NVCC names the compiler. Prints "ok" and "not ok" lines.
cd "$(dirname "$0")/../.." || exit 1
nvcc=${NVCC:-nvcc}
all=$("$nvcc" --list-gpu-arch 2>/dev/null | sed -n 's/^compute_//p' | awk '$1 >= 75' | sort -n)
[ -n "$all" ] || { echo "# skipped: no nvcc"; exit 0; }
out=build/cuda/compile
mkdir -p "$out"
failed=0
compiles() { # NAME HOW OPTIONS...
    name=$1 how=$2
    shift 2
    if "$nvcc" -std=c++17 -O2 -Werror all-warnings "$@" gamutmlp_cuda.cu >"$out/$name.txt" 2>&1; then
        echo "ok $name: compiles, $how"
    else
        echo "not ok $name: $nvcc -std=c++17 -O2 -Werror all-warnings $* gamutmlp_cuda.cu"
        grep -v '^ptxas info' "$out/$name.txt" | head -n 20 | sed 's/^/# /'
        failed=1
        return 1
    fi
}
spills() { awk '/Function properties for/ { name = $NF } /bytes spill stores/ && ($5 || $9) { print name ": " $0 }' "$1"; }

for arch in $all; do
    case $arch in
    75 | 80 | 90 | 120)
        compiles sm_$arch "to machine code" -arch=sm_$arch -Xptxas -v -cubin -o "$out/$arch.cubin" || continue
        [ $arch -ge 80 ] || continue
        spills "$out/sm_$arch.txt" >"$out/spills"
        sed 's/^/# /' "$out/spills"
        if grep -q 'Used [0-9]* registers' "$out/sm_$arch.txt" && ! grep -qE 'decode_|train_' "$out/spills"; then
            echo "ok sm_$arch: decoding and training spill no registers"
        else
            echo "not ok sm_$arch: decoding or training spills registers"
            failed=1
        fi
        ;;
    *) compiles compute_$arch "to PTX" -arch=compute_$arch -Xcicc -O0 -ptx -o "$out/$arch.ptx" ;;
    esac
done
exit $failed
