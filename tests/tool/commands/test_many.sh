#!/bin/sh
# Many pictures in one run of encode: each as alone, failures, what --resume leaves and makes anew, stops in the middle.
# Prints "ok" and "not ok" lines.
. "$(dirname "$0")/tool.sh"

for i in 1 2 3; do "$scene" p$i.png 160 120 $i || exit 1; done
with="--from prophoto --iterations 20"
many() { "$tool" encode "$@" >out 2>err </dev/null; status=$?; } # its status is looked at later
ends() { [ $status -eq "$1" ] && grep -q "^$2; [0-9.]* s" out; } # STATUS SUMMARY
old() { touch -t 200101010000 "$@"; }
untouched() { for f in "$@"; do [ -z "$(find "$f" -newermt 2001-01-02 2>/dev/null)" ] || return 1; done; }
fresh() { for f in "$@"; do [ -n "$(find "$f" -newermt 2001-01-02)" ] || return 1; done; }
no_rest() { [ -z "$(find . -name '*.tmp')" ]; }

# The same bytes as alone, on any number of jobs and threads.
for i in 1 2 3; do
    does encode p$i.png alone$i.jpg $with
    does encode p$i.png alone$i.png $with
done
for how in "" "--jobs 1 --threads 3" "--jobs 3 --threads 1" "--jobs 2 --threads 5" "--jobs 200"; do
    rm -rf many
    many p1.png p2.png p3.png --out many $with $how
    is "many $how: all is made, a line each and one of all" ends 0 "3 of 3 encoded"
    is "many $how: four lines" [ "$(wc -l <out)" -eq 4 -a ! -s err ]
    for i in 1 2 3; do is "many $how: p$i as alone" cmp -s many/p$i.jpg alone$i.jpg; done
done
many p1.png p2.png p3.png --out many/ --as png $with
is "--as png" ends 0 "3 of 3 encoded"
for i in 1 2 3; do is "--as png: p$i as alone" cmp -s many/p$i.png alone$i.png; done

# Failures: the rest is made.
echo "no picture" >bad.tif
mkdir folder.tif
many p1.png bad.tif p2.png folder.tif none.tif p3.png --out mixed $with --jobs 2
is "failures: the rest is made" ends 1 "3 of 6 encoded, 3 failed"
is "failures: those that are none are there" [ -s mixed/p1.jpg -a -s mixed/p2.jpg -a -s mixed/p3.jpg ]
is "failures: nothing else is" [ "$(ls mixed | wc -l)" -eq 3 ]
is "failures: no rest" no_rest
for bad in bad folder none; do
    is "failures: $bad.tif is named, with a reason" grep -q "^gamutmlp encode: $bad.tif: ." err
    is "failures: $bad.tif is in the summary" grep -q "^  failed: $bad.tif$" out
done
is "failures: whole lines" [ "$(grep -c '' err)" -eq 3 ]
mkdir p1
many p1 p1.png --out apart $with
is "failures: a folder is no second p1.jpg" ends 1 "1 of 2 encoded, 1 failed"
rmdir p1
many bad.tif --out mixed
is "a failure alone" ends 1 "0 of 1 encoded, 1 failed"
many p1.png --out mixed --iterations 5
is "notes name their picture" grep -q "note: p1.png does not say its colour space" err
is "a note is no failure" ends 0 "1 of 1 encoded"

# Names.
mkdir sub
cp p2.png sub/p1.png
says 2 "p1.png and sub/p1.png would both become new/p1.jpg" encode p1.png p2.png sub/p1.png --out new
says 2 "p1.tif would both become new/p1.jpg\|p1.tif and p1.png would both" encode p1.png p2.png p1.tif --out new
says 2 "p2.png and p2.png would both" encode p2.png p2.png --out new
is "nothing was begun" [ ! -e new ]
says 2 "new.jpg looks like a picture's name" encode p1.png --out new.jpg
says 1 "bad.tif: is no folder" encode p1.png --out bad.tif
says 1 "no/where: the folder cannot be made: No such file" encode p1.png --out no/where
for option in "--jobs 2" --resume "--as png"; do says 2 "with --out DIR" encode p1.png x.jpg $option; done
says 2 "no file names given" encode --out new
says 2 "a file name is missing" encode p1.png
says 2 "one name too many: 'x.png'" encode p1.png x.jpg x.png
says 2 "a PNG is lossless" encode p1.png --out new --as png --quality 90
says 2 "from 1 to 256" encode p1.png --out new --jobs 0
says 2 "be replaced, which --resume" encode p1.png --out new --resume --force
cp p1.png two.dots.png
cp p1.png "odd name
of two lines"
many two.dots.png "odd name
of two lines" ./-p.png --out odd $with
is "names with dots, blanks and line ends" [ -s odd/two.dots.jpg -a -s "odd/odd name
of two lines.jpg" ]
old odd/*.jpg
many two.dots.png "odd name
of two lines" --out odd $with --resume
is "names with line ends: resume" ends 0 "0 of 2 encoded, 2 were done"

# What is read is not replaced, whoever reads it.
cp alone1.jpg own.jpg
cp p2.png other.png
many own.jpg other.png --out . $with
is "an original is not replaced by its own output" ends 1 "1 of 2 encoded, 1 failed"
is "an original is not replaced: it says so" grep -q "own.jpg: is read by this command.* (--force replaces it)" err
is "an original is not replaced" cmp -s own.jpg alone1.jpg
mkdir links
ln -s ../p3.png links/p2.jpg
cp p3.png kept.png
many p2.png p3.png --out links $with
is "an original is not replaced through a link" ends 1 "1 of 2 encoded, 1 failed"
is "an original is as it was" cmp -s kept.png p3.png
many own.jpg --out . $with --force
is "--force replaces it" [ "$status" -eq 0 -a "$(cmp -s own.jpg alone1.jpg; echo $?)" = 1 ]

# JSON: a line each and one of all.
lines() { # COUNT: each line of out is an object
    [ "$(wc -l <out)" -eq "$1" ] || return 1
    have python3 || return 0
    python3 -c 'import json, sys
for line in open("out", "rb"): assert isinstance(json.loads(line.decode("utf-8")), dict)'
}
latin=$(printf 'na\357f.tif')
cp p3.png "$latin" 2>/dev/null || { latin=third.tif; cp p3.png $latin; } # file systems that take only UTF-8
many p1.png bad.tif "$latin" --out json $with --json --jobs 3
is "JSON: exit status" [ $status -eq 1 ]
is "JSON: lines, of names in whatever letters" lines 4
is "JSON: keys of a picture" [ "$(grep -c '^{"file": ".*", "out": "json/.*.jpg", "status": "encoded", "width": 160, .*"psnr_og": ' out)" -eq 2 ]
is "JSON: keys of a failure" grep -q '^{"file": "bad.tif", "out": "json/bad.jpg", "status": "failed", "problem": "bad.tif: is not a PNG.*"}$' out
is "JSON: the last is of all" grep -q '^{"files": 3, "encoded": 2, "were_done": 0, "failed": 1, "total_seconds": [0-9.e-]*}$' out
many p1.png "$latin" --out json $with --json --resume
is "JSON: what was done" [ "$(grep -c '^{"file": ".*", "out": "json/.*.jpg", "status": "was done"}$' out)" -eq 2 ]
is "JSON: the sum of it" grep -q '^{"files": 2, "encoded": 0, "were_done": 2, "failed": 0, ' out
is "JSON: lines of what was done" lines 3

# --resume.
again() { many p1.png p2.png p3.png --out resume $with --resume "$@"; }
again
is "resume: all is made where there is nothing" ends 0 "3 of 3 encoded"
old resume/*.jpg
again
is "resume: nothing is made where all is done" ends 0 "0 of 3 encoded, 3 were done"
is "resume: the files stay" untouched resume/p1.jpg resume/p2.jpg resume/p3.jpg
again --jobs 3 --threads 2
is "resume: jobs and threads change nothing" ends 0 "0 of 3 encoded, 3 were done"
redone() { # NAME N...: these were made anew, well, and no others
    what=$1; shift
    is "$what: so many are made" ends 0 "$# of 3 encoded$([ $# -eq 3 ] || echo ", $((3 - $#)) were done")"
    for i in 1 2 3; do
        case " $* " in
        *" $i "*)
            is "$what: p$i is made anew" fresh resume/p$i.jpg
            is "$what: p$i is as alone" cmp -s resume/p$i.jpg alone$i.jpg ;;
        *) is "$what: p$i stays" untouched resume/p$i.jpg ;;
        esac
    done
    old resume/*.jpg
}
head -c 3000 alone2.jpg >resume/p2.jpg; old resume/p2.jpg
again; redone "a truncated output" 2
: >resume/p1.jpg; old resume/p1.jpg
rm resume/p3.jpg
again; redone "an empty output and none" 1 3
{ head -c 3000 alone2.jpg; printf x; tail -c +3002 alone2.jpg; } >resume/p2.jpg; old resume/p2.jpg
again; redone "an output with a wrong byte" 2
if cmp -s alone2.jpg resume/p3.jpg; then not_ok "pictures differ"; fi
cp alone2.jpg resume/p3.jpg; old resume/p3.jpg
again; redone "an output of another picture" 3
touch -t 200202020000 p1.png
again; redone "an original of another date" 1
cp -p p1.png was.png
"$scene" p1.png 160 121 1; touch -r was.png p1.png
again
is "an original of another size: it is made anew" ends 0 "1 of 3 encoded, 2 were done"
is "an original of another size: p1 is made of it" fresh resume/p1.jpg
cp -p was.png p1.png
again; redone "the original that was" 1
printf cut >>resume/.gamutmlp-encode # as a crash may leave it
rm resume/p2.jpg
again; redone "a record that was cut short" 2
again; redone "a record that was cut short, the next time"
rm resume/.gamutmlp-encode
again; redone "no record" 1 2 3
for option in "--quality 90" "--strip-metadata" "--carriers app" "--base srgb" "--seed 1"; do
    again $option
    is "resume: $option is another picture" ends 0 "3 of 3 encoded"
    old resume/*.jpg
    again $option
    is "resume: $option, done" ends 0 "0 of 3 encoded, 3 were done"
done
again; redone "the first options" 1 2 3
cp alone1.png begin
again --start begin --base srgb
is "resume: --start is another picture" ends 0 "3 of 3 encoded"
again --start begin --base srgb
is "resume: --start, done" ends 0 "0 of 3 encoded, 3 were done"
cp alone2.png begin
again --start begin --base srgb
is "resume: a changed start is another picture" ends 0 "3 of 3 encoded"
many p1.png p2.png p3.png --out resume $with
is "without --resume all is made" ends 0 "3 of 3 encoded"

# Stopped in the middle. Its processes go with it, and leave what is whole.
long="--from prophoto --iterations 700 --threads 2"
for i in 4 5 6 7; do "$scene" p$i.png 160 120 $i || exit 1; done
all="p1.png p2.png p3.png p4.png p5.png p6.png p7.png"
count() { find "$1" -name '*.jpg' | wc -l; }
begin() { # DIR: until one is done and another begun
    "$tool" encode $all --out $1 $long --jobs 2 >out 2>err </dev/null &
    pid=$!
    while kill -0 $pid 2>/dev/null && ! { [ "$(count $1 2>/dev/null)" -gt 0 ] && unfinished; }; do sleep 0.05; done
}
goes() { # as soon as it can
    for i in 1 2 3 4 5 6 7 8 9 10; do unfinished || return 0; sleep 1; done
    return 1
}
for signal in TERM KILL; do
    if [ $signal = KILL ] && [ ! -e /proc/self ]; then continue; fi # what ends then is up to the system
    begin stop$signal
    kill -$signal $pid
    wait $pid 2>/dev/null; status=$?
    is "SIG$signal ends it" [ $status -eq $([ $signal = TERM ] && echo 143 || echo 137) ]
    is "SIG$signal leaves no rest" goes
    made=$(count stop$signal)
    is "SIG$signal: in the middle ($made)" [ "$made" -gt 0 -a "$made" -lt 7 ]
    old stop$signal/*.jpg
    first=$(ls stop$signal/*.jpg)
    many $all --out stop$signal $long --jobs 3 --resume
    is "SIG$signal, resumed: all is there" [ $status -eq 0 -a "$(count stop$signal)" -eq 7 ]
    kept=$(sed -n 's/.* \([0-9]*\) were done.*/\1/p' out)
    # one may have been whole, but not yet in the record
    is "SIG$signal, resumed: what was done stays" above "${kept:-0}" "$made - 3"
    for i in $first; do does inspect $i; done
done
many $all --out whole $long --jobs 3
is "in one go" [ $status -eq 0 ]
is "the same as after a stop" [ "$(cat whole/*.jpg | cksum)" = "$(cat stopTERM/*.jpg | cksum)" ]

# A process that is ended is one failure.
if [ -r /proc/self/task/self/children ] || [ -r /proc/$$/task/$$/children ]; then
    "$tool" encode $all --out crash $long --jobs 2 --json >out 2>err </dev/null &
    pid=$!
    child=
    while kill -0 $pid 2>/dev/null && [ -z "$child" ]; do child=$(cut -d' ' -f1 /proc/$pid/task/$pid/children 2>/dev/null); done
    kill -KILL "$child"
    wait $pid; status=$?
    is "a killed process: exit status" [ $status -eq 1 ]
    is "a killed process: the rest is made" [ "$(count crash)" -eq 6 ]
    is "a killed process: it says so" grep -q "^gamutmlp encode: p1.png: signal 9 ended the work on it .*fewer --jobs" err
    is "a killed process: JSON" grep -q '^{"file": "p1.png", .*"status": "failed", "problem": "p1.png: signal 9 ' out
    is "a killed process: lines" lines 8
else echo "# no /proc/PID/task/PID/children: a check is left out"; fi

# The progress line, which is for terminals.
if have script && script -qec true log </dev/null >/dev/null 2>&1; then
    script -qec "'$tool' encode p1.png p2.png p3.png --out bar $long" log </dev/null >/dev/null 2>&1
    is "a terminal: how far it is" grep -q "1 of 3 \[##########  *\]  33 %" log
    is "a terminal: time left" grep -q "2 of 3 .*, [0-9]* s left" log
fi

# By GNU parallel, each picture alone and some at a time.
if have parallel && parallel --version 2>/dev/null | grep -q GNU; then
    export HOME="$work"
    mkdir -p .parallel single && touch .parallel/will-cite
    parallel -j 2 "$tool" encode {} single/{.}.jpg $with ::: p1.png p2.png p3.png >out 2>err
    is "parallel: pictures alone" [ $? -eq 0 ]
    for i in 1 2 3; do is "parallel: p$i as alone" cmp -s single/p$i.jpg alone$i.jpg; done
    parallel -j 2 -n 2 "$tool" encode {} --out some --resume $with ::: p1.png p2.png bad.tif p3.png >out 2>err
    is "parallel: counts the failures" [ $? -eq 1 ]
    for i in 1 2 3; do is "parallel: p$i of several" cmp -s some/p$i.jpg alone$i.jpg; done
    old some/*.jpg
    parallel -j 2 -n 2 "$tool" encode {} --out some --resume $with ::: p1.png p2.png p3.png >out 2>err
    is "parallel: goes on where it was" [ $? -eq 0 ]
    is "parallel: what is done stays" untouched some/p1.jpg some/p2.jpg some/p3.jpg
else echo "# no GNU parallel: its checks are left out"; fi
finish
