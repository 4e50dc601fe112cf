#!/bin/sh
# logged.sh LOG COMMAND...: runs a test and keeps what it prints; its exit status is the log's last line. Shows one line,
# with the processor's seconds, and of a failure the end of the log.
log=$1
shift
mkdir -p "${log%/*}"
"$@" >"$log" 2>&1 </dev/null
status=$?
times >"$log.times" # of this shell and, in the second line, of what it ran; a subshell would have its own
seconds=$(awk -F'[ms ]+' 'NR == 2 { printf "%.0f", 60 * ($1 + $3) + $2 + $4 }' "$log.times")
rm -f "$log.times"
echo "exit $status" >>"$log"
name=${log#build/log/}
count=$(awk -f "${0%/*}/summary.awk" "$log" | tail -n 1)
printf '  TEST  %-44s %-24s %4s s\n' "${name%.log}" "$count" "$seconds"
[ "${count%%, 0 failed*}" != "$count" ] || sed 's/^/        /' "$log" | grep -v '\[ *\(RUN\|OK\) *\]' | tail -n 40
