#!/bin/sh
# fuzz.sh PROGRAM SECONDS [DATA]: one libFuzzer target, from its seeds, from what earlier runs found and, with a folder
# of strangers' files, from those of them that show it something new. Inputs that crash it are left in
# build/fuzz/NAME-*. Fails, too, if no input got into some part of what the target tests.
set -eu
name=$(basename "$1")
kind=${name#fuzz_}
found=build/fuzz/$name
mkdir -p "$found"
if [ -n "${3-}" ]; then
    rm -rf "$found.data" && mkdir "$found.data"
    find "$3" -type f -size -52k -exec cp -f {} "$found.data" \; # longer ones are mutated in their pixels
    "$1" -merge=1 -max_len=53248 "$found" "$found.data" 2>"$found.log" || { tail -40 "$found.log"; exit 1; }
fi
set -- "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "$found"
for dir in "fuzz/seeds/$kind" "fuzz/corpus/$kind" "fuzz/regress/$kind"; do [ -d "$dir" ] && set -- "$@" "$dir"; done
[ -f "fuzz/dict/$kind.dict" ] && set -- "$@" -dict="fuzz/dict/$kind.dict"
echo "== $name"
"$@" 2>"$found.log" || { tail -40 "$found.log"; exit 1; }
grep -E '^(Done|stat::|reached: )' "$found.log"
if grep -qE '^reached: .* 0(,|$)' "$found.log"; then
    echo "no input got into all that $name tests" >&2
    exit 1
fi
