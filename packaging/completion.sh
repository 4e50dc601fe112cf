#!/bin/sh
# completion.sh TOOL: completion for bash, from what the tool's --help says.
set -eu
tool=$1
commands=$("$tool" --help | awk '/^usage:/ { on = 1; next } on && !NF { exit } on { print $2 }')
cat <<'BASH'
# bash completion for gamutmlp
_gamutmlp() {
    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} options=
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
BASH
printf '        COMPREPLY=($(compgen -W "%s --help --version" -- "$word"))\n' "$(echo $commands)"
cat <<'BASH'
        return
    fi
    case "${COMP_WORDS[1]} $last" in
BASH
for c in $commands; do # options with a choice of words
    "$tool" "$c" --help | awk -v c="$c" '/^  -/ && $2 ~ /^[a-z0-9]+(\|[a-z0-9]+)+$/ {
        words = $2
        gsub(/\|/, " ", words)
        printf "        \"%s %s\") COMPREPLY=($(compgen -W \"%s\" -- \"$word\")); return ;;\n", c, $1, words
    }'
done
printf '    esac\n    case ${COMP_WORDS[1]} in\n'
for c in $commands; do
    printf '        %s) options="%s" ;;\n' "$c" \
        "$("$tool" "$c" --help | awk '/^  -/ { printf "%s%s", n++ ? " " : "", $1 } END { print " --help" }')"
done
cat <<'BASH'
    esac
    if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$word"))
    else COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _gamutmlp gamutmlp
BASH
