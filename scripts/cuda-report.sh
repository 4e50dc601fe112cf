#!/bin/sh
# cuda-report.sh ARCHITECTURE...: what the kernels of gamutmlp_cuda.cu take, for each (75, 90 ...), as a table. NVCC names
# the compiler. The tensor-core instructions are counted in the machine code if cuobjdump or nvdisasm is on the PATH,
# beside nvcc or in the Python packages triton, nvidia-cuda-cuobjdump and nvidia-cuda-nvdisasm; else in PTX.
set -eu
cd "$(dirname "$0")/.."
nvcc=${NVCC:-nvcc}
out=build/cuda/report
mkdir -p "$out"

find_program() {
    command -v "$1" && return
    beside=$(dirname "$(command -v "$nvcc")")/$1
    [ -x "$beside" ] && { echo "$beside"; return; }
    command -v python3 >/dev/null || return 0
    python3 -c 'import glob, sys
for path in sys.path:
    for place in "triton/backends/nvidia/bin", "nvidia/*/bin":
        for found in glob.glob(path + "/" + place + "/" + sys.argv[1]): print(found)' "$1" | head -n 1
}
readable() { if command -v c++filt >/dev/null; then c++filt | sed 's/  void /  /; s/gmlp_gpu:://g; s/(.*)$//'; else cat; fi; }

cuobjdump=$(find_program cuobjdump)
nvdisasm=$(find_program nvdisasm)
dump() { # CUBIN: its instructions; false if nothing here can read it
    if [ -n "$nvdisasm" ] && "$nvdisasm" -c "$1" >"$1.sass" 2>/dev/null; then from="machine code, by nvdisasm"
    elif [ -n "$cuobjdump" ] && PATH="$PATH:${nvdisasm%/*}" "$cuobjdump" -sass "$1" >"$1.sass" 2>/dev/null &&
        grep -q MOV "$1.sass"; then from="machine code, by cuobjdump"
    else return 1; fi
}

for arch in "$@"; do
    file=$out/sm_$arch
    "$nvcc" -std=c++17 -O2 -arch="compute_$arch" -ptx gamutmlp_cuda.cu -o "$file.ptx"
    "$nvcc" -arch="sm_$arch" -Xptxas -v -cubin "$file.ptx" -o "$file.cubin" 2>"$file.txt"
    instructions=$file.ptx from="PTX, as there is no disassembler"
    if dump "$file.cubin"; then instructions=$file.cubin.sass; fi
    case $arch in 75) most=1024 ;; 80 | 90 | 100 | 103) most=2048 ;; *) most=1536 ;; esac
    echo "sm_$arch: gamutmlp_cuda.cu, $("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/CUDA \1/p')." \
        "Tensor-core instructions: $from."
    awk -v most="$most" '
        FNR == 1 { part++ }
        # PTX: how many threads its blocks have
        part == 1 && /\.entry/ { name = $0; sub(/.*\.entry /, "", name); sub(/\(.*/, "", name) }
        part == 1 && /^\.maxntid/ { threads[name] = $2 + 0 }
        # ptxas -v
        part == 2 && /Compiling entry function/ { split($0, quoted, "\x27"); name = quoted[2]; order[++kernels] = name }
        part == 2 && /bytes spill stores/ { stack[name] = $1; stores[name] = $5; loads[name] = $9 }
        part == 2 && /Used [0-9]+ registers/ {
            for (i = 1; i < NF; i++) {
                if ($i == "Used") registers[name] = $(i + 1)
                if ($(i + 2) ~ /^smem/) shared[name] = $i
            }
        }
        # instructions, in PTX or in either form of machine code
        part == 3 && /\.entry|Function :|^\.text\./ {
            name = $0; sub(/.*(\.entry |Function : |^\.text\.)/, "", name); sub(/[(:].*/, "", name)
        }
        part == 3 && /[^A-Z]HMMA\.|mma\.sync.*f16/ { halves[name]++ }
        part == 3 && /[^A-Z]IMMA\.|mma\.sync.*s32/ { bytes[name]++ }
        END {
            printf "%8s %9s %13s %6s %7s %7s %11s %6s %6s  %s\n", "threads", "registers", "spill, st/ld", "stack",
                   "shared", "blocks", "warps", "HMMA", "IMMA", "kernel"
            for (k = 1; k <= kernels; k++) {
                name = order[k]
                n = threads[name] / 32
                warps = 4 * int(16384 / (32 * 8 * int((registers[name] + 7) / 8)))
                if (warps > most / 32) warps = most / 32
                blocks = n ? int(warps / n) : 0
                printf "%8d %9d %6d /%5d %6d %7d %7d %4d of %2d %6d %6d  %s\n", threads[name], registers[name],
                       stores[name], loads[name], stack[name], shared[name], blocks, blocks * n, most / 32,
                       halves[name], bytes[name], name
            }
        }' "$file.ptx" "$file.txt" "$instructions" | readable
    echo
done
cat <<'END'
spill, stack, shared: bytes; of a thread, a thread and a block. shared is what the code names; kernels get more when they
are started (decode_tiles, train_kernel: by picture and network), and that can leave room for fewer blocks.
blocks: of so many threads that the registers of a multiprocessor hold: a quarter of it has 16384, a warp takes 32 times
registers, rounded up to 8: warps = 4 floor(16384 / (32 registers)), at most what it can hold; blocks = floor(warps /
(threads / 32)). It holds 16 to 32 blocks, which is less than that for blocks of one warp.
END
