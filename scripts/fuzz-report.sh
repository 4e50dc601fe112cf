#!/bin/sh
# fuzz-report.sh BUILD TARGET...: what the seeds, the reproducers and what earlier runs found reach of the code that
# reads strangers' bytes, from programs that count (BUILD/coverage/): lines and branches, in percent, by section of
# gamutmlp.h and by file; what is missed in BUILD/coverage/missed.txt. Of code that several targets run (each has a copy
# of the library), a line counts if one of them reached it.
set -eu
dir=$1/coverage
shift
: >"$dir/lcov"
for name in "$@"; do
    kind=${name#fuzz_}
    set --
    for d in "fuzz/seeds/$kind" "fuzz/corpus/$kind" "fuzz/regress/$kind" "build/fuzz/$name"; do [ -d "$d" ] && set -- "$@" "$d"; done
    LLVM_PROFILE_FILE="$dir/$name.raw" "$dir/$name" "$@" >"$dir/$name.log" 2>&1 || { cat "$dir/$name.log"; exit 1; }
    llvm-profdata merge -sparse "$dir/$name.raw" -o "$dir/$name.profile"
    llvm-cov export -format=lcov -instr-profile "$dir/$name.profile" "$dir/$name" >>"$dir/lcov"
done
awk -f scripts/fuzz-report.awk -v missed="$dir/missed.txt" gamutmlp.h "$dir/lcov"
