#!/bin/sh
# check.sh [PART...]: what reads the source without running it, and what a build leaves behind; "ok", "not ok", or "#"
# where a program is not there. A finding is accepted where its line, or one of the three above it, has a comment
# "checked: why". Parts: links includes symbols stack build cppcheck tidy gcc clang
cd "$(dirname "$0")/.." || exit 1
LC_ALL=C
export LC_ALL
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
failed=0
flags="-std=c99 -D_POSIX_C_SOURCE=200809L -I. -Iexamples/tool -I/usr/include/cairo"
tool=$(find examples/tool -name '*.c' ! -path examples/tool/shell/gamutmlp.c | sort)
library=tests/compile/c99.c # the header; AVX-512's pass is AVX2's source once more
with_library="$flags -DGMLP_NO_AVX512"

ok() { echo "ok $*"; }
not_ok() { echo "not ok $*"; failed=1; }
has() { command -v "$1" >/dev/null || { echo "# no $1: ${2:-left out}"; return 1; }; }
# findings NAME FILES <TEXT: the lines "FILE:LINE:..: warning|error: ..." of our files that no comment explains
findings() {
    sed 's|^\./||; s|^'"$PWD"'/||' | grep -E '^[^ ]+:[0-9]+(:[0-9]+)?: (warning|error|performance|portability|style)' |
        grep -E "^$2" | sort -u >"$out/all"
    while IFS=: read -r file line rest; do
        from=$((line > 3 ? line - 3 : 1))
        sed -n "${from},${line}p" "$file" | grep -q 'checked: ' || echo "$file:$line:$rest"
    done <"$out/all" >"$out/left"
    if [ -s "$out/left" ]; then not_ok "$1"; cut -c1-200 "$out/left"; else ok "$1 ($(wc -l <"$out/all") explained)"; fi
}

gcc_part() { # of the tool it sees (version 12) much that is not there, as it does not follow a call into another file
    has gcc || return
    gcc $with_library -O1 -fanalyzer -c $library -o "$out/x.o" 2>&1 | findings "gcc -fanalyzer: the library" gamutmlp.h
}
clang_part() { # Clang's static analyzer, as scan-build runs it; headers too
    has clang || return
    clang --analyze $with_library -Xclang -analyzer-opt-analyze-headers -o "$out/x" $library 2>&1 | findings "clang --analyze: the library" gamutmlp.h
    for f in $tool; do clang --analyze $flags -o "$out/x" "$f" 2>&1; done | findings "clang --analyze: the tool" examples/
}
# Left out: opinions on style; what -Wconversion says better; bytes of floats that are compared as bytes on purpose.
tidy_checks='-*,bugprone-*,portability-*,misc-*,-misc-no-recursion,-misc-include-cleaner,-misc-misplaced-const,
-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-branch-clone,-bugprone-sizeof-expression,
-bugprone-implicit-widening-of-multiplication-result,-bugprone-narrowing-conversions,-bugprone-integer-division,
-bugprone-incorrect-roundings,-bugprone-misplaced-widening-cast,-bugprone-signed-char-misuse,-bugprone-macro-parentheses,
-bugprone-suspicious-string-compare,-bugprone-suspicious-memory-comparison,-bugprone-not-null-terminated-result,
-bugprone-multi-level-implicit-pointer-conversion,-bugprone-assignment-in-if-condition'
tidy_part() {
    has clang-tidy || return
    clang-tidy --quiet -checks="$tidy_checks" --header-filter='gamutmlp\.h' $library -- $with_library 2>/dev/null | findings "clang-tidy: the library" gamutmlp.h
    clang-tidy --quiet -checks="$tidy_checks" $tool -- $flags 2>/dev/null | findings "clang-tidy: the tool" examples/
}
cppcheck_part() {
    has cppcheck || return
    set -- cppcheck --std=c99 --enable=warning,performance,portability --quiet --inline-suppr --suppress=missingInclude \
        '--template={file}:{line}: {severity}: {message} [{id}]' -I. -Iexamples/tool
    "$@" -D__GNUC__=12 -D__x86_64__ -DGMLP_NO_SIMD $library 2>&1 | findings "cppcheck: the library" gamutmlp.h
    "$@" -i examples/tool/shell/gamutmlp.c examples/tool 2>&1 | findings "cppcheck: the tool" examples/
}
includes_part() { # each header names what it needs, in both languages
    printf '#include "gamutmlp.h"\n#include "gamutmlp.h"\n' >"$out/x.c"
    bad=
    gcc $flags -Wall -Wextra -Werror -fsyntax-only "$out/x.c" || bad=1
    g++ -x c++ -std=c++11 -I. -Wall -Wextra -Werror -fsyntax-only "$out/x.c" || bad=1
    for f in $(find examples/tool -name '*.h'); do
        printf '#include "%s"\nint x;\n' "${f#examples/tool/}" >"$out/x.c"
        gcc $flags -Wall -Wextra -Werror -fsyntax-only "$out/x.c" || bad=1
    done
    if [ "$bad" ]; then not_ok "includes"; else ok "includes"; fi
}
symbols_part() { # nothing unprefixed leaves the unit, nothing at all with GMLP_STATIC
    has nm || return
    bad=
    gcc $flags -O1 -c $library -o "$out/x.o" && ! nm -g --defined-only "$out/x.o" | grep -v ' gmlp_[a-z0-9_]*$' || bad=1
    # no variable outlives a call
    size -A "$out/x.o" | awk '$1 ~ /^\.(data|bss)$/ && $2 > 0 { print "#", $0; bad = 1 } END { exit bad }' || bad=1
    gcc $flags -w -O1 -DGMLP_STATIC -c $library -o "$out/x.o" && ! nm -g --defined-only "$out/x.o" | grep . || bad=1
    if [ "$bad" ]; then not_ok "symbols"; else ok "symbols"; fi
}
stack_part() { # a call's own frame: 24 KB at most (training's; decoding's whole stack is tested by painting it)
    gcc $flags -O2 -fstack-usage -c $library -o "$out/x.o" || { not_ok "stack use"; return; }
    awk -F'\t' '$2 > 24576 || $3 ~ /^dynamic$/ { print; bad = 1 } { if ($2 + 0 > most) { most = $2; who = $1 } }
        END { sub(/.*:/, "", who); print "#", most, "bytes:", who; exit bad }' "$out/x.su" && ok "stack use" || not_ok "stack use"
}
links_part() { # of the README and of docs/: the files are there, and so are the headings
    bad=
    for page in README.md CONTRIBUTING.md SECURITY.md $(find docs shaders examples -name '*.md'); do
        [ -f "$page" ] || continue
        for link in $(grep -oE '\]\([^) ]+\)' "$page" | sed 's/^](//; s/)$//'); do
            case $link in http*) continue ;; esac
            path=${link%%#*} name=${link#*#}
            target=$page
            [ -z "$path" ] || target=$(dirname "$page")/$path
            [ -e "$target" ] || { echo "# $page: $link"; bad=1; continue; }
            [ "$name" = "$link" ] || grep -E '^#+ ' "$target" | sed -E 's/^#+ //; s/[^A-Za-z0-9 _-]//g; s/ /-/g' |
                tr A-Z a-z | grep -qx -- "$name" || { echo "# $page: $link"; bad=1; }
        done
    done
    if [ "$bad" ]; then not_ok "links"; else ok "links"; fi
}
build_part() { # the same bytes from two folders, at two times
    for d in one two; do
        mkdir -p "$out/$d/gamutmlp"
        git ls-files -z | xargs -0 tar -cf - | tar -xf - -C "$out/$d/gamutmlp"
        (cd "$out/$d/gamutmlp" && mkdir build && touch build/deps && make build/gamutmlp CFLAGS=-O1 >"$out/log" 2>&1) ||
            { not_ok "reproducible build"; tail -3 "$out/log"; return; }
    done
    if cmp "$out/one/gamutmlp/build/gamutmlp" "$out/two/gamutmlp/build/gamutmlp"; then ok "reproducible build"
    else not_ok "reproducible build"; fi
}

for part in ${*:-links includes symbols stack build cppcheck tidy gcc clang}; do
    case $part in
    gcc | clang | tidy | cppcheck | includes | symbols | stack | links | build) ${part}_part ;;
    *) echo "check.sh: no part '$part'" >&2; exit 2 ;;
    esac
done
exit $failed
