# What the tests of the command-line tool have in common; sourced. They work in a folder of their own.
# GAMUTMLP and SCENE name the programs.
tool=${GAMUTMLP:-build/gamutmlp}
scene=${SCENE:-build/scene}
case $tool in /*) ;; *) tool=$PWD/$tool ;; esac
case $scene in /*) ;; *) scene=$PWD/$scene ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0
failed=0

ok() { passed=$((passed + 1)); echo "ok $*"; }
not_ok() { failed=$((failed + 1)); echo "not ok $*"; sed 's/^/# /' out err 2>/dev/null; }
is() { # is NAME COMMAND...: the command succeeds
    name=$1; shift
    if "$@"; then ok "$name"; else not_ok "$name"; fi
}
# says STATUS PATTERN ARGS...: the tool's exit status and its messages. A failure prints no result.
says() {
    want=$1; pattern=$2; shift 2
    "$tool" "$@" >out 2>err </dev/null; status=$?
    if [ $status -ne "$want" ]; then not_ok "$* (exit $status, not $want)"
    elif ! grep -qe "$pattern" err; then not_ok "$* (no '$pattern')"
    elif [ "$want" -ne 0 ] && [ -s out ]; then not_ok "$* (a result in spite of the failure)"
    elif [ -n "$(find . -name '*.tmp')" ]; then not_ok "$* (leaves a temporary file)"
    else ok "$* -> $want, $pattern"; fi
}
# does ARGS...: the tool succeeds, and says nothing on stderr
does() {
    "$tool" "$@" >out 2>err </dev/null; status=$?
    if [ $status -ne 0 ] || [ -s err ]; then not_ok "$* (exit $status)"; else ok "$*"; fi
}
value() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^,\"]*\).*/\1/p" out; }
above() { awk "BEGIN { exit !($1 > $2) }"; }
valid_json() { if command -v python3 >/dev/null; then python3 -m json.tool <out >/dev/null; else grep -q '^}' out; fi; }
has_keys() { for key in "$@"; do grep -q "\"$key\":" out || return 1; done; }
have() { command -v "$1" >/dev/null || { echo "# no $1: a check is left out"; return 1; }; }
has() { ! "$tool" --version | grep -q "built without.*$1" || { echo "# built without $1: checks are left out"; return 1; }; }
# Float pictures: EXR, or TIFF with a tool that was built without OpenEXR.
exr=exr
printf 'v/1\001' >none.exr
if "$tool" compare none.exr none.exr 2>&1 | grep -q "has no EXR"; then
    echo "# no OpenEXR 3.1 or newer: TIFF takes the place of EXR"
    exr=tif
fi
# Somebody has an unfinished file here: one with a temporary name, or with none.
unfinished() { [ -n "$(find . -name '*.tmp')" ] || ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q "$work/.*(deleted)"; }
ends_clean() { # NAME ARGS...: is stopped while it writes
    what=$1; shift
    echo kept >kept.png
    "$tool" "$@" >out 2>err &
    pid=$!
    while kill -0 $pid 2>/dev/null && ! unfinished; do :; done
    kill -TERM $pid 2>/dev/null
    wait $pid; status=$?
    is "SIGTERM ends $what" [ $status -eq 143 ]
    is "$what: SIGTERM leaves no rest" [ -z "$(find . -name '*.tmp')" ]
    is "$what: what was there stays" [ "$(cat kept.png)" = kept ]
}
finish() {
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ]
}
