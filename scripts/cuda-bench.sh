#!/bin/sh
# cuda-bench.sh [FOLDER]: the GPU kernels against the processor's results and against the GPU's own limits. Builds
# tests/cuda/bench.cu for the GPU that is there, compares bytes, looks for faults with compute-sanitizer, times, trains
# the pictures of FOLDER (NAME.wide.ppm, NAME_sdr_*.ppm with NAME.hdr.ppm; bench.cu says what they are), and times the
# same step in PyTorch where python3 has it. NVCC names the compiler; BENCH an executable that was built before.
set -u
cd "$(dirname "$0")/.."
nvcc=${NVCC:-nvcc}
folder=${1:-}
if [ -z "${BENCH:-}" ]; then
    BENCH=build/cuda/bench
    mkdir -p build/cuda
    "$nvcc" -std=c++17 -O2 -arch=native -o "$BENCH" tests/cuda/bench.cu || exit 1
fi
failed=0
"$BENCH" check || failed=1
for tool in memcheck racecheck initcheck; do
    command -v compute-sanitizer >/dev/null || { echo "# no compute-sanitizer: $tool is left out"; continue; }
    if compute-sanitizer --tool $tool --error-exitcode 3 "$BENCH" check small >"$BENCH.$tool" 2>&1; then echo "ok $tool"
    else
        echo "not ok $tool: $BENCH.$tool"
        failed=1
    fi
done
"$BENCH" time || failed=1
[ -z "$folder" ] || "$BENCH" pictures "$folder" || failed=1
if python3 -c 'import torch' 2>/dev/null; then python3 tests/cuda/step.py --seconds 75 --batch 2048 262144 | grep best
else echo "# no PyTorch: its step is left out"
fi
exit $failed
