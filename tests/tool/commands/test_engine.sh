#!/bin/sh
# examples/engine.cpp on files of the tool: tiles are the whole picture, nothing is allocated for them, and files that are
# not for it are refused.
engine=${ENGINE:-$PWD/build/engine}
. "$(dirname "$0")/tool.sh"

decodes() { # decodes NAME FILE PIXELS
    "$engine" "$2" >out 2>err; status=$?
    is "$1: exit 0" [ $status -eq 0 ]
    is "$1: all of the picture" grep -q "^$3 pixels" out
    is "$1: formats" [ "$(grep -c '^RGBA16F: \|^R11G11B10F: ' out)" = 2 ]
    is "$1: rows as a GPU wants them" [ "$(sed -n 's/.*, pitch //p' out | awk '{ rest += $1 % 256 } END { print NR " " rest }')" = "2 0" ]
    is "$1: nothing is allocated" [ "$(grep -c ' tiles: .* ms, 0 allocations' out)" = 2 ]
    is "$1: tiles are the whole" [ "$(grep -c 'the same bytes as the whole' out)" = 2 ]
}
refuses() { # refuses NAME PATTERN ARGS...: exit 1 and a message
    what=$1; pattern=$2; shift 2
    "$engine" "$@" >out 2>err; status=$?
    is "$what" [ "$status $(grep -c "^engine: .*$pattern" err) $(wc -c <out)" = "1 1 0" ]
}

"$scene" wide.png 600 300 || exit 1
does encode wide.png wide_net.png --from prophoto --iterations 20
decodes "PNG" wide_net.png "600 x 300"
is "PNG: tiles" [ "$(grep -c '^  6 tiles' out)" = 2 ]
does encode wide.png wide_net.jpg --from prophoto --iterations 20 --base srgb
decodes "JPEG" wide_net.jpg "600 x 300"
does strip wide_net.png sdr.png
does hdr-encode sdr.png wide.png hdr_net.png --from-hdr rec2020hlg --iterations 20
decodes "HDR" hdr_net.png "600 x 300"

# Another picture of that size with this one's network: its text chunk behind the header.
"$scene" other.png 600 300 7 || exit 1
does encode other.png other_net.png --from prophoto --iterations 20
does strip other_net.png other_sdr.png
start=$(($(grep -abo tEXt wide_net.png | head -n 1 | cut -d: -f1) - 4))
length=$(od -An -tu1 -j$start -N4 wide_net.png | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 + 12 }')
{ head -c 33 other_sdr.png; tail -c +$((start + 1)) wide_net.png | head -c "$length"; tail -c +34 other_sdr.png; } >wrong.png
"$tool" inspect wrong.png --json >out 2>err
is "the wrong picture has a network" [ "$(value belongs)" = false ]
refuses "another picture" "belongs to another picture" wrong.png
does encode wide.png sycc_net.jpg --from prophoto --iterations 20 --base sycc
refuses "a network for Y'CbCr" "codes of another colour space" sycc_net.jpg
refuses "no network" "carries no network" sdr.png
head -c 100000 wide_net.png >cut.png
refuses "a picture that is cut short" "" cut.png
echo text >text.png
refuses "neither JPEG nor PNG" "not of the expected format" text.png
refuses "no file" "can not be opened" missing.png
refuses "no arguments" usage
finish
