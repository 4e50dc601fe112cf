#!/bin/sh
# man.sh TOOL VERSION: the tool's manual page, from what its --help says.
set -eu
tool=$1
version=$2
name=$(basename "$tool")
commands=$("$tool" --help | awk '/^usage:/ { on = 1; next } on && !NF { exit } on { print $2 }')

# Plain text to roff: \ and - for real, no line that begins with a request.
escape() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\([.']\)/\\\\\&\1/"; }

printf '.TH GAMUTMLP 1 "" "gamutmlp %s" "User Commands"\n.SH NAME\n' "$version"
"$tool" --help | sed -n '1s/: / \\- /p'
printf '.SH SYNOPSIS\n'
for c in $commands; do
    "$tool" "$c" --help | sed -n '1s/^usage: //p' | escape | sed 's/^\([^ ]* [^ ]*\)\(.*\)/.B \1\n.R\2\n.br/' | sed 's/^\.R \{0,1\}//'
done
printf '.SH COMMANDS\n'
for c in $commands; do
    printf '.SS %s %s\n' "$name" "$(printf '%s' "$c" | escape)"
    "$tool" "$c" --help | escape | awk '
        NR == 1 { next }
        /^options:$/ { part = "options"; next }
        /^examples?:$/ { part = "examples"; print ".PP\n.nf\n.RS 2"; next }
        part == "examples" { if (NF) print substr($0, 3); next }
        part == "options" && match($0, /^  \\-[^ ]+( \[?[A-Z0-9][^ ]*| [^ ]+\|[^ ]*)?/) {
            print ".TP\n.B " substr($0, 3, RLENGTH - 2)
            text = substr($0, RLENGTH + 1)
            sub(/^ +/, "", text)
            if (text != "") print text
            next
        }
        part == "options" { sub(/^ +/, ""); if (NF) print; next }
        !NF { if (said) print ".PP"; next }
        { print; said = 1 }
        END { if (part == "examples") print ".RE\n.fi" }'
done
cat <<'ROFF'
.SH EXIT STATUS
0 if all went well, 1 if the work failed, 2 for wrong usage.
.SH SEE ALSO
.BR exiftool (1),
.BR cjpeg (1)
ROFF
