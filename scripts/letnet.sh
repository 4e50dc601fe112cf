#!/bin/sh
# letnet.sh TOOL FOLDER OUT: trains the general network of 'expand' as the shipped one was, on the photographs of
# docs/letnet/training.txt below FOLDER, and measures it on those of held-out.txt. Goes on where it was stopped.
set -eu
tool=$(realpath "$1")
lists=$(realpath "$(dirname "$0")/../docs/letnet")
mkdir -p "$3"
out=$(realpath "$3")
cd "$2"
resume=
[ ! -s "$out/letnet.gmlp.state" ] || resume=--resume
# shellcheck disable=SC2046
"$tool" expand-train $(cat "$lists/training.txt") -o "$out/letnet.gmlp" --test "$lists/held-out.txt" $resume >>"$out/letnet.log"
"$tool" bench --expand "$out/letnet.gmlp" "$lists/held-out.txt" --log "$out/letnet.log" --plot "$out/letnet.svg"
