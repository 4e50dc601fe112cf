#!/bin/sh
# fuzz-corpus.sh PROGRAM...: makes fuzz/corpus/ anew from what libFuzzer's targets found (build/fuzz/) and what it was: as few
# inputs as have every edge that seeds and reproducers lack, named by their bytes.
set -eu
small=$(mktemp -d)
trap 'rm -rf "$small"' EXIT
for program in "$@"; do
    name=$(basename "$program")
    kind=${name#fuzz_}
    rm -rf "$small/$kind" && mkdir "$small/$kind"
    for dir in "fuzz/seeds/$kind" "fuzz/regress/$kind"; do [ ! -d "$dir" ] || cp "$dir"/* "$small/$kind"; done
    before=$(ls "$small/$kind")
    set --
    for dir in "fuzz/corpus/$kind" "build/fuzz/$name"; do [ ! -d "$dir" ] || set -- "$@" "$dir"; done
    "$program" -set_cover_merge=1 -use_counters=0 -max_len=20000 "$small/$kind" "$@" 2>"$small/log" || { tail "$small/log"; exit 1; }
    for old in $before; do rm "$small/$kind/$old"; done
    rm -rf "fuzz/corpus/$kind" && mkdir -p "fuzz/corpus/$kind"
    for found in "$small/$kind"/*; do
        [ ! -f "$found" ] || cp "$found" "fuzz/corpus/$kind/$(sha256sum "$found" | cut -c1-8)"
    done
    echo "$kind: $(find "fuzz/corpus/$kind" -type f | wc -l) inputs, $(cat "fuzz/corpus/$kind"/* | wc -c) bytes"
done
