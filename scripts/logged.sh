#!/bin/sh
# logged.sh LOG COMMAND...: runs it, shows and keeps what it prints; its exit status is the log's last line.
log=$1
shift
mkdir -p "${log%/*}"
"$@" >"$log" 2>&1 </dev/null
echo "exit $?" >>"$log"
printf '== %s\n%s\n' "$*" "$(sed '$d' "$log")"
