#!/bin/sh
# The tool's folders: each uses only itself and those below it.
cd "$(dirname "$0")/../examples/tool" || exit 1
failed=0
above=bench
for room in commands work gainmap pictures measure shell; do
    if text=$(grep -rnE "#include \"($above)/" $room); then
        echo "not ok $room uses what lies above it"
        echo "$text"
        failed=1
    else echo "ok $room uses nothing of $above"
    fi
    above="$above|$room"
done
if unknown=$(ls -d */ | grep -vE "^($above)/$"); then echo "not ok a folder without a place: $unknown"; failed=1; else echo "ok every folder has its place"; fi
exit $failed
