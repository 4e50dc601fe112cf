#!/bin/sh
# fuzz.sh PROGRAM SECONDS: one libFuzzer target, from its seeds and what earlier runs found; inputs
# that crash it are left in build/fuzz/NAME-*.
set -eu
name=$(basename "$1")
kind=${name#fuzz_}
found=build/fuzz/$name
mkdir -p "$found"
set -- "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "$found"
for dir in fuzz/seeds/"$kind" fuzz/regress/"$kind"; do [ -d "$dir" ] && set -- "$@" "$dir"; done
[ -f "fuzz/$name.dict" ] && set -- "$@" -dict="fuzz/$name.dict"
echo "== $name"
"$@" 2>"$found.log" || { tail -40 "$found.log"; exit 1; }
grep -E '^(Done|stat::)' "$found.log"
