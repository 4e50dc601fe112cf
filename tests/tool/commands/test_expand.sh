#!/bin/sh
# The general network's commands: a training of a few steps, its state, and what expand makes of pictures.
. "$(dirname "$0")/tool.sh"

for i in 1 2 3; do "$scene" scene$i.png 96 80 $i || exit 1; done
echo scene3.png >held-out.txt
train="expand-train scene1.png scene2.png --from prophoto --size 32 --batch 4 --channels 16 --hidden 16"

does $train -o whole.letnet --steps 60 --every 30 --test held-out.txt
cp out train.log
is "expand-train: a line for each part of the work" [ "$(grep -c '^step' out)" = 2 ]
is "expand-train: the loss falls" awk '/^step/ { l[++n] = $4 } END { exit !(l[2] < l[1] && l[2] < 1) }' out
is "expand-train: photographs that it has not seen gain" awk '/^step/ { gain = $(NF - 1) + 0 } END { exit !(gain > 0.5) }' out
is "expand-train: no more than 100 KB" [ "$(wc -c <whole.letnet)" -lt 102400 ]

# In two parts, on other threads: the same bytes.
does $train -o parts.letnet --steps 60 --every 30 --threads 1
cp parts.letnet.state late.state
does $train -o parts.letnet --steps 60 --every 30 --threads 3
is "expand-train: the same on any threads" cmp -s parts.letnet whole.letnet
"$tool" $train -o half.letnet --steps 60 --every 7 >out 2>err &
pid=$!
while kill -0 $pid 2>/dev/null && [ ! -s half.letnet.state ]; do sleep 0.1; done
kill -TERM $pid 2>/dev/null
wait $pid 2>/dev/null
does $train -o half.letnet --steps 60 --every 7 --resume
is "expand-train: interrupted and resumed, the same" cmp -s half.letnet whole.letnet
says 1 "not the state of a training with these" $train -o half.letnet --steps 60 --resume --seed 4
says 1 "none.letnet.state" $train -o none.letnet --resume
says 1 "none.png" expand-train none.png -o x.letnet
says 1 "is read by this command" $train -o scene1.png # before it trains
says 1 "none does not exist" $train -o none/x.letnet
says 1 "smaller --size" $train -o x.letnet --size 160
says 2 "no file names given" expand-train -o x.letnet
says 2 "-o FILE is missing" expand-train scene1.png
says 2 "16, 32, 48 or 64" $train -o x.letnet --hidden 24
echo "# none" >none.txt
says 1 "no file names in it" $train -o x.letnet --test none.txt

# One that sees no neighbours: nothing in the first of the nine places.
does $train -o pixels.letnet --steps 3 --pixels --iterations 1
is "expand-train --pixels: no neighbours" [ -z "$(od -An -v -tx1 -j8 -N288 pixels.letnet | tr -d ' 0\n')" ]
is "expand-train --pixels: the pixel itself" [ -n "$(od -An -v -tx1 -j1160 -N288 pixels.letnet | tr -d ' 0\n')" ]

# A picture that has lost its network.
"$tool" encode scene3.png net.png --from prophoto --iterations 1 --base srgb >out 2>err
"$tool" strip net.png base.png >out 2>err
use="--network whole.letnet"
does expand base.png wide.tif $use --json
is "expand: JSON" valid_json
is "expand: keys" has_keys width height saturated changed tiles unsolved iterations residual seconds peak_rss_bytes
is "expand: it moves something" above "$(value changed)" 0.05
does expand base.png one.tif $use --threads 1
is "expand: the same on any threads" cmp -s one.tif wide.tif
"$tool" decode base.png plain.tif --base srgb >out 2>err
does compare scene3.png plain.tif --from prophoto --from-test prophoto --json
plain=$(value psnr_og)
does compare scene3.png wide.tif --from prophoto --from-test prophoto --json
is "expand: better than plain inversion" above "$(value psnr_og)" "$plain + 0.3"
for out in wide.png wide.$exr; do does expand base.png $out $use; done
does expand base.png p3.png $use --to p3
says 1 "is read by this command" expand base.png base.png $use
says 1 "carries its own network" expand net.png x.tif $use
says 1 "not sRGB" expand p3.png x.tif $use
says 1 "not a general network" expand base.png x.tif --network base.png
head -c 500 whole.letnet >cut.letnet
says 1 "ends early" expand base.png x.tif --network cut.letnet
says 1 "none.letnet" expand base.png x.tif --network none.letnet
says 2 "0.000001 to 1" expand base.png x.tif $use --tolerance 1e-7
says 2 "must end in" expand base.png x.jpg $use
says 2 "10 and 12 bits are for" expand base.png x.png $use --depth 12

# The network that comes with the tool: beside it, or where it is installed.
does expand base.png shipped.tif --json
is "expand: the shipped network moves something" above "$(value changed)" 0.05
mkdir -p prefix/bin prefix/share/gamutmlp
cp "$tool" prefix/bin/gamutmlp
shipped=$(dirname "$tool")/letnet.gmlp
tool_before=$tool
tool=$PWD/prefix/bin/gamutmlp
says 1 "no general network: neither .*/prefix/bin/letnet.gmlp nor .*/share/gamutmlp/letnet.gmlp is there" expand base.png x.tif
cp "$shipped" prefix/share/gamutmlp/
does expand base.png installed.tif
is "expand: installed, the same" cmp -s installed.tif shipped.tif
cp whole.letnet prefix/bin/letnet.gmlp
does expand base.png beside.tif
is "expand: the one beside the tool goes first" cmp -s beside.tif wide.tif
tool=$tool_before

# Measured on photographs, with a plot of the solver and of the training.
"$tool" encode scene3.png photo.png --from prophoto --iterations 200 >out 2>err && "$tool" decode photo.png photo.tif >out 2>err
echo photo.tif >held-out.txt
does bench --expand whole.letnet held-out.txt --log train.log --plot plot.svg
is "bench --expand: a row a photograph, and their mean" [ "$(grep -cE '^. (photo|mean) .* [+-][0-9.]* .*$' out)" = 2 ]
is "bench --expand: every row has the same columns" [ "$(grep '^|' out | tr -cd '|\n' | uniq | wc -l)" = 1 ]
if have xmllint; then is "bench --expand: the plot is XML" xmllint --noout plot.svg; fi
"$tool" bench --expand whole.letnet held-out.txt --json >out 2>err; status=$?
is "bench --expand --json" [ $status -eq 0 ]
is "bench --expand: JSON" valid_json
is "bench --expand: keys" has_keys photographs mean_psnr_og_clip mean_psnr_og_expand mean_psnr_rest_own gain_mean gain_least
is "bench --expand: a gain" above "$(value gain_least)" 0.3
is "bench --expand: a network of its own is better" above "$(value mean_psnr_og_own)" "$(value mean_psnr_og_expand)"
says 1 "no line of it has the gains" bench --expand whole.letnet held-out.txt --log held-out.txt --plot plot.svg
says 1 "not a general network" bench --expand base.png held-out.txt
says 1 "none.txt" bench --expand whole.letnet none.txt
says 2 "goes without --only" bench --expand whole.letnet held-out.txt --hdr
says 2 "from 1 to 50" bench --expand whole.letnet held-out.txt --iterations 51
says 2 "\-\-log goes with" bench --expand whole.letnet held-out.txt --log train.log
finish
