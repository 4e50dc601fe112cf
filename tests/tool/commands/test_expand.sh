#!/bin/sh
# The general network's commands: a training of a few steps, its state, and what expand makes of pictures.
. "$(dirname "$0")/tool.sh"

for i in 1 2 3; do "$scene" scene$i.png 96 80 $i || exit 1; done
echo scene3.png >held-out.txt
train="expand-train scene1.png scene2.png --from prophoto --size 32 --batch 4 --channels 16 --hidden 16"

does $train -o whole.letnet --steps 60 --every 30 --test held-out.txt
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
says 1 "smaller --size" $train -o x.letnet --size 160
says 2 "no file names given" expand-train -o x.letnet
says 2 "-o FILE is missing" expand-train scene1.png
says 2 "16, 32, 48 or 64" $train -o x.letnet --hidden 24
echo "# none" >none.txt
says 1 "no file names in it" $train -o x.letnet --test none.txt

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
says 1 "carries its own network" expand net.png x.tif $use
says 1 "not sRGB" expand p3.png x.tif $use
says 1 "not a general network" expand base.png x.tif --network base.png
head -c 500 whole.letnet >cut.letnet
says 1 "ends early" expand base.png x.tif --network cut.letnet
says 1 "none.letnet" expand base.png x.tif --network none.letnet
says 2 "0.000001 to 1" expand base.png x.tif $use --tolerance 1e-7
says 2 "must end in" expand base.png x.jpg $use
says 2 "10 and 12 bits are for" expand base.png x.png $use --depth 12
finish
