#!/bin/sh
# test_web.sh: the module for browsers, by make wasm: its size, in Node against the tool, in Chromium against Node.
set -u
cd "$(dirname "$0")/.."
for p in emcc node; do
    command -v $p >/dev/null || { echo "# no $p: skipped: the module for browsers"; echo "ok nothing to do"; exit 0; }
done
if [ "$(node -p 'process.versions.node.split(".")[0] >= 18')" != true ]; then
    echo "# no node of version 18 or later: skipped: the module for browsers"
    echo "ok nothing to do"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if ! "${MAKE:-make}" wasm >"$scratch/log" 2>&1; then
    sed 's/^/# /' "$scratch/log"
    echo "not ok make wasm"
    exit 1
fi
failed=0
sizes=$(for f in build/web/gamutmlp.mjs build/web/gamutmlp.wasm; do echo "$(wc -c <$f) $(gzip -9 <$f | wc -c)"; done |
    awk '{ plain += $1; packed += $2 } END { print plain, packed }')
if [ "${sizes% *}" -le 153600 ] && [ "${sizes#* }" -le 61440 ]; then echo "ok web: within 150 KB, 60 by gzip"
else echo "not ok web: module and code have $sizes bytes, plain and by gzip, of 153600 and 61440"; failed=1; fi
build/scene "$scratch/scene.png" 240 180
build/scene "$scratch/large.png" 480 280 # workers share it
node tests/web/test.mjs build/web build/gamutmlp "$scratch" || failed=1
chromium=
for p in chromium chromium-browser google-chrome; do
    [ -n "$chromium" ] || ! $p --version >/dev/null 2>&1 || chromium=$p
done
if [ -n "$chromium" ]; then node tests/web/browser.mjs "$chromium" build/web build/gamutmlp "$scratch" || failed=1
else echo "# no chromium: skipped: the page and <wide-img>"; fi
if command -v tsc >/dev/null; then
    if text=$(tsc --noEmit --strict --lib es2022,dom --module node16 --target es2022 tests/web/types.mts); then
        echo "ok web: types"
    else
        echo "not ok web: types"
        printf '%s\n' "$text"
        failed=1
    fi
else echo "# no tsc: skipped: the module's types"; fi
exit $failed
