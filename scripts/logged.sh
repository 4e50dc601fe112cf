#!/bin/sh
# logged.sh LOG COMMAND...: runs a test and keeps what it prints; its exit status is the log's last line. Shows one line,
# and of a failure the end of the log.
log=$1
shift
mkdir -p "${log%/*}"
"$@" >"$log" 2>&1 </dev/null
status=$?
echo "exit $status" >>"$log"
name=${log#build/log/}
count=$(awk -f "${0%/*}/summary.awk" "$log" | tail -n 1)
printf '  TEST  %-44s %s\n' "${name%.log}" "$count"
[ "${count%%, 0 failed*}" != "$count" ] || sed 's/^/        /' "$log" | grep -v '\[ *\(RUN\|OK\) *\]' | tail -n 40
