#!/bin/sh
# What the tool leaves when something fails: its memory, a call that changes files, or its life. Each command writes over
# an old file, which afterwards is the old one or the whole new one; nothing lies beside it, and a failure is told.
# FAULTS names tests/faults.c, built. WHOLE=1 (make failures): at nearly every place, and killed at random moments.
faults=${FAULTS:-build/faults.so}
case $faults in /*) ;; *) faults=$PWD/$faults ;; esac
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # what is synced costs no time there
. "$(dirname "$0")/tool.sh"

with() { # FAULT=... ARGS...: the tool with a fault; one thread, so that the places are the same in every run
    fault=$1; shift
    timeout -s KILL 120 env "$fault" LD_PRELOAD="$faults" "$tool" "$@" >out 2>err </dev/null
    status=$?
} 2>/dev/null
with FAULT_COUNT=count --version
if [ ! -s count ]; then
    echo "# no seccomp, or no glibc: nothing is made to fail"
    finish
    exit
fi
made() { "$tool" "$@" >out 2>err || { cat err; exit 1; }; }
"$scene" scene.png 40 24 || exit 1
made encode scene.png net.jpg --from prophoto --iterations 2
made encode scene.png net.png --from prophoto --iterations 2
made encode scene.png srgb.jpg --from prophoto --iterations 1 --base srgb
made strip srgb.jpg bare.jpg
made hdr-encode bare.jpg scene.png hdr.jpg --from-hdr rec2020hlg --iterations 2
train="scene.png --from prophoto --size 16 --batch 1 --channels 16 --hidden 16 --steps 1 --every 1 --threads 1"
made expand-train $train -o general

rest() { [ -n "$(find . -name '*.tmp')" ]; }
runs=0
wrong() { [ -n "$bad" ] || bad="$fault: $*: $(head -c 300 err)"; }
# one FAULT OUT ARGS...: the first thing that is not as it should be is in $bad.
one() {
    at=$1; out=$2; shift 2
    cp old "$out"
    with "$at" "$@"
    runs=$((runs + 1))
    if [ $status -eq 137 ]; then wrong "hangs"
    elif [ $status -gt 127 ] && [ -z "$may_crash" ]; then wrong "status $status"
    elif [ $status -gt 127 ]; then crashes=$((crashes + 1))
    elif [ $status -ne 0 ] && ! grep -q "^gamutmlp" err; then wrong "says nothing"
    fi
    if rest; then wrong "a rest lies there"; rm -f ./*.tmp; fi
    if cmp -s "$out" new; then :
    elif [ $status -eq 0 ] && [ -n "$may_crash" ]; then
        others=$((others + 1))
        "$tool" compare new "$out" >/dev/null 2>&1 || wrong "a damaged file"
    elif [ $status -eq 0 ]; then wrong "another result"
    elif ! cmp -s "$out" old; then wrong "half a file"
    fi
}
# The places up to COUNT: the first ones, and then fewer and fewer.
places() { awk -v n="$1" -v whole="$WHOLE" 'BEGIN { for (i = 1; i <= n; i += 1 + int(i / (whole ? 200 : 3))) print i }'; }
lasting() { for n in $(places "$1"); do echo "$n+"; done; }
# fails NAME OUT ARGS...; may_crash=1: libraries take part that do not bear an allocation that fails.
fails() {
    what=$1; out=$2; shift 2
    echo old >old
    cp old "$out"
    with FAULT_COUNT=count "$@"
    if [ $status -ne 0 ] || cmp -s "$out" old; then not_ok "$what"; return; fi
    cp "$out" new
    read -r allocations calls <count
    crashes=0 others=0
    bad=
    for n in $(places "$allocations") $(lasting "$allocations"); do one FAULT_MEMORY=$n "$out" "$@"; done
    is "$what: one of $allocations allocations fails, or all from it on $bad" [ -z "$bad" ]
    [ $crashes -eq 0 ] || echo "# $what: a library crashed without memory, $crashes times"
    [ $others -eq 0 ] || echo "# $what: a library wrote something else without memory and did not tell, $others times"
    may_crash= bad=
    for n in $(WHOLE=1 places "$calls") $(lasting "$calls"); do one FAULT_CALL=$n "$out" "$@"; done
    is "$what: one of $calls calls fails, or all from it on $bad" [ -z "$bad" ]
    rm -f "$out"
}
# Killed at each call that changes files: between two of them a file does not change. A temporary name may stay only where
# the new file has one to take the old one's place.
dies() {
    what=$1; out=$2; shift 2
    with FAULT_COUNT=count "$@"
    read -r allocations calls <count
    cp "$out" new
    bad= beside=0
    for n in $(WHOLE=1 places "$calls"); do
        cp old "$out"
        with FAULT_KILL=$n "$@"
        [ $status -eq 137 ] || wrong "lives on"
        cmp -s "$out" old || cmp -s "$out" new || wrong "half a file"
        if rest; then beside=$((beside + 1)); cmp -s .*.tmp new || wrong "the rest is not whole"; fi
        rm -f .*.tmp
    done
    [ $named -eq 1 ] || [ $beside -le 2 ] || wrong "leaves a rest at $beside of $calls calls"
    is "$what: killed at one of $calls calls $bad" [ -z "$bad" ]
    bad=
    for n in $(WHOLE=1 places $((calls - 1))); do
        rm -f "$out"
        with FAULT_KILL=$n "$@"
        [ ! -e "$out" ] || cmp -s "$out" new || wrong "half a file"
        [ $named -eq 1 ] || ! rest || wrong "leaves a rest"
        rm -f .*.tmp
    done
    is "$what, to a new file: killed at a call $bad" [ -z "$bad" ]
}
# Has this folder files without names? What one call leaves when killed, a name has.
named=0
cp net.jpg old
with FAULT_KILL=2 strip net.jpg s.jpg
if rest; then named=1; rm -f .*.tmp; echo "# files have names from the beginning here: a kill may leave a rest"; fi

echo old >old
one_thread="--threads 1"
if [ -z "$WHOLE" ]; then
    fails "encode to JPEG" o.jpg encode scene.png o.jpg --from prophoto --iterations 2 $one_thread
    fails "decode to PNG" d.png decode net.jpg d.png $one_thread
    dies "decode to PNG" d.png decode net.jpg d.png $one_thread
else
    fails "encode to JPEG" o.jpg encode scene.png o.jpg --from prophoto --iterations 2 $one_thread
    fails "encode to PNG" o.png encode scene.png o.png --from prophoto --iterations 2 $one_thread
    fails "decode to PNG" d.png decode net.jpg d.png $one_thread
    fails "hdr-encode" h.jpg hdr-encode bare.jpg scene.png h.jpg --from-hdr rec2020hlg --iterations 2 $one_thread
    fails "hdr-decode to Ultra HDR" u.jpg hdr-decode hdr.jpg u.jpg $one_thread
    fails "strip" s.jpg strip net.jpg s.jpg
    fails "transcode, cut" t.jpg transcode net.jpg t.jpg --crop 0,0,32,16 $one_thread
    fails "transcode, resized" t.png transcode net.jpg t.png --resize 20x12 $one_thread
    fails "expand-train" g expand-train $train -o g
    fails "meta-train" start meta-train scene.png --from prophoto --inner 2 --rounds 1 -o start $one_thread
    for how in "d.tif decode net.png" "d.exr decode net.png" "d.jxl decode net.png" "d.avif decode net.png" \
        "h.tif hdr-decode hdr.jpg"; do
        case $how in
        *.exr*) [ $exr = exr ] || continue ;;
        *.jxl*) has JPEG || continue ;;
        *.avif*) has AVIF || continue ;;
        esac
        case $how in *.jxl*) may_crash=1 ;; esac
        fails "${how#* } to ${how%% *}" ${how%% *} ${how#* } ${how%% *} $one_thread
    done
    fails "expand" e.tif expand bare.jpg e.tif --network general $one_thread
    for kind in tif $exr jxl avif; do # readers in a process of their own: their crash is an error
        "$tool" decode net.png w.$kind >out 2>err && "$tool" encode w.$kind r.png --iterations 2 >out 2>err ||
            { echo "# no .$kind here: its reader is left out"; continue; }
        fails "encode of a .$kind" r.png encode w.$kind r.png --iterations 2 $one_thread
    done
    for out in d.png d.tif d.$exr; do dies "decode to $out" $out decode net.jpg $out $one_thread; done
    dies "encode" o.jpg encode scene.png o.jpg --from prophoto --iterations 2 $one_thread

    # A training, killed in or between its checkpoints: the network is whole, and resumed it ends as if nothing had been.
    goes_on() { # ARGS...: what was killed while it wrote g
        if rest; then rests=$((rests + 1)); rm -f .*.tmp; fi
        [ ! -e g ] || "$tool" expand bare.jpg e.png --network g >out 2>err || wrong "half a network"
        [ -s g.state ] || return 0
        mkdir -p copy && cp g g.state copy
        "$tool" "$@" -o copy/g --resume >out 2>err || wrong "does not go on"
        cmp -s copy/g end && cmp -s copy/g.state end.state || wrong "goes on to another end"
    }
    checkpoints="$(echo "$train" | sed 's/--steps 1 /--steps 3 /')"
    made expand-train $checkpoints -o end
    rm -f g g.state
    with FAULT_COUNT=count expand-train $checkpoints -o g
    read -r allocations calls <count
    bad= rests=0
    for n in $(places "$calls"); do
        rm -f g g.state # the second and third checkpoint are written over older ones
        with FAULT_KILL=$n expand-train $checkpoints -o g
        [ $status -eq 137 ] || wrong "lives on"
        goes_on expand-train $checkpoints
    done
    is "expand-train: killed at one of $calls calls, goes on $bad" [ -z "$bad" ]
    checkpoints="$(echo "$train" | sed 's/--steps 1 /--steps 200 /')"
    made expand-train $checkpoints -o end
    rm -f g g.state
    fault="killed at random" bad= rests=0 resumed=0 ended=0
    for i in $(awk 'BEGIN { srand(8); for (i = 0; i < 100; i++) printf "%.3f\n", 0.4 * rand() }'); do
        resume=
        if [ -s g.state ]; then resume=--resume; resumed=$((resumed + 1)); fi
        "$tool" expand-train $checkpoints -o g $resume >out 2>err &
        pid=$!
        sleep "$i"
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
        case $? in 0) ended=$((ended + 1)) ;; 137) ;; *) wrong "does not go on" ;; esac
        goes_on expand-train $checkpoints
        [ ! -s g.state ] || ! cmp -s g.state end.state || rm -f g g.state
    done
    echo "# expand-train killed 100 times at random: resumed $resumed times, at its end $ended times, a rest beside $rests"
    is "expand-train: killed at random, goes on $bad" [ -z "$bad" ]

    # At random moments.
    "$scene" large.png 1200 800 || exit 1
    made encode large.png large.jpg --from prophoto --iterations 2
    "$tool" decode large.jpg new.tif >out 2>err
    for i in $(awk 'BEGIN { srand(7); for (i = 0; i < 500; i++) printf "%.3f\n", 0.6 * rand() }'); do
        [ -s kept.tif ] && cmp -s kept.tif new.tif || cp old kept.tif
        cmp -s kept.tif new.tif && cp old kept.tif
        "$tool" decode large.jpg kept.tif >out 2>err &
        pid=$!
        sleep "$i"
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
        if cmp -s kept.tif old; then echo old
        elif cmp -s kept.tif new.tif; then echo new
        else echo half; fi
        rest && { echo rest; rm -f .*.tmp; }
    done >ends
    count() { grep -c "^$1$" ends; }
    echo "# killed 500 times at random: old $(count old), new $(count new), half $(count half), a rest beside $(count rest)"
    is "killed at random: old or new, never half" [ "$(($(count old) + $(count new)))" -eq 500 ]
    [ $named -eq 1 ] || is "killed at random: no rest" [ "$(count rest)" -eq 0 ]
fi

# Two at a time on one output, old and new: one of the two, whole.
made decode net.jpg one.tif
made decode net.png two.tif
bad=
for i in $(places 20); do
    [ $((i % 2)) -eq 0 ] || rm -f both.tif
    "$tool" decode net.jpg both.tif >out 2>err &
    pid=$!
    "$tool" decode net.png both.tif >out2 2>err2 || bad="$bad $(cat err2)"
    wait $pid || bad="$bad $(cat err)"
    cmp -s both.tif one.tif || cmp -s both.tif two.tif || bad="half a file"
    ! rest || bad="a rest lies there"
done
is "two at a time on one output $bad" [ -z "$bad" ]

# A disk too small for the new file.
mkdir small
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=8k none small 2>/dev/null; then
    trap 'umount "$work/small"; rm -rf "$work"' EXIT
    echo old >small/o.tif
    says 1 "small/o.tif: cannot be written: No space left" decode net.jpg small/o.tif
    is "a full disk: the old file stays, nothing else" [ "$(ls -A small) $(cat small/o.tif)" = "o.tif old" ]
    umount small
    trap 'rm -rf "$work"' EXIT
else echo "# no tmpfs can be mounted: a disk that is full is left out"; fi
[ -z "$WHOLE" ] || echo "# $runs runs with a fault"
finish
