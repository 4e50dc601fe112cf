#!/bin/sh
# Compiles the header in the ways people use it, every warning an error; one "ok" line a check.
#   check.sh gcc|clang   with that compiler        check.sh targets   for other systems
#   check.sh bytes       the same results from every build
cd "$(dirname "$0")" || exit 1
out=../../build/compile/$1
mkdir -p "$out/renamed"
cp ../../gamutmlp.h "$out/renamed/wide.h"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wcast-qual -Wdouble-promotion -Werror"
failed=0

check() { # check NAME COMMAND...
    name=$1
    shift
    if text=$("$@" 2>&1); then echo "ok $name"
    else
        echo "not ok $name: $*"
        printf '%s\n' "$text" | head -8
        failed=1
    fi
}

# Exported is what the header declares, no more; used is the memory and string part of the C library.
symbols() { # symbols OBJECT MEMORY [DECODE_ONLY]
    sed '/^#endif .* GAMUTMLP_H/q' ../../gamutmlp.h |
        sed "${3:+/^#ifndef GMLP_DECODE_ONLY/,/^#endif .* GMLP_DECODE_ONLY/d}" | grep '^GMLP_DEF' | grep -o 'gmlp_[a-z0-9_]*(' | tr -d '(' |
        sort >"$out/declared"
    nm -g --defined-only "$1" | awk '{ print $3 }' | sort | diff "$out/declared" - || return 1
    ! nm -u "$1" | awk '{ print $2 }' | grep -vE '^((__)?(mem|str)|bcmp$|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail$)' | grep -vE "$2"
}
refused() { # refused TEXT COMMAND...: the compiler says so
    said=$1
    shift
    ! text=$("$@" 2>&1) && printf '%s' "$text" | grep -q "$said"
}
absent() { ! nm "$1" | grep -E "$2"; }
smaller() { # smaller BYTES OBJECT
    text=$(size "$2" | awk 'NR == 2 { print $1 }')
    echo "$text bytes" && [ "$text" -lt "$1" ]
}
code_within() { # code_within BYTES OBJECT
    code=$(size -A "$2" | awk '$1 == ".text" { print $2 }')
    echo "$code bytes" && [ "$code" -le "$1" ]
}
example() { # the manual's first example, from the header's comment: what is indented further, after these lines
    for part in there back; do
        case $part in there) from='^   There, ' ;; back) from='^   Back, ' ;; esac
        sed -n "/$from/,/^\$/p" ../../gamutmlp.h | sed -n 's/^      //p' >"$out/manual_$part.h"
        [ -s "$out/manual_$part.h" ] || return 1
    done
}
internal() { # internal COMPILER...: no macro but those that the public part names outlives the implementation
    "$@" -I../.. -dM -E c99.c | awk '{ sub(/\(.*/, "", $2); print $2 }' | grep -iE '^(gmlp|gamutmlp)' >"$out/macros" || return 1
    sed '/^#endif .* GAMUTMLP_H/q' ../../gamutmlp.h | grep -oE 'G(AMUT|)MLP_[A-Z0-9_]+' | sort -u >"$out/public"
    ! grep -vxFf "$out/public" "$out/macros" | grep -vx GAMUTMLP_IMPLEMENTED
}
prefixed() { # every macro of the header has the library's name, and what it undefines at the end is defined somewhere
    ! grep -oE '^ *# *define +[A-Za-z_0-9]+' ../../gamutmlp.h | grep -vE ' (GMLP_|GAMUTMLP_)' || return 1
    sed -n 's/^#undef //p' ../../gamutmlp.h | while read -r name; do
        grep -qE "^ *# *define +$name\\b" ../../gamutmlp.h || echo "$name"
    done | { ! grep .; }
}
macros() { # the declarations define no macro outside the library's names
    printf '#include <stddef.h>\n#include <stdint.h>\n' >"$out/without.c"
    { cat "$out/without.c"; echo '#include "gamutmlp.h"'; } >"$out/with.c"
    "$1" -I../.. -dM -E "$out/without.c" | sort >"$out/without"
    "$1" -I../.. -dM -E "$out/with.c" | sort >"$out/with"
    ! comm -13 "$out/without" "$out/with" | grep -vE '^#define (GMLP_|GAMUTMLP_H)'
}

compiler() {
    cc=$1
    for language in c c++; do
        case $language in
        c) old="-std=c99" new="-std=gnu17" file=c99.c ;;
        c++) old="-std=c++11" new="-std=gnu++17" file=cxx11.cpp ;;
        esac
        what="$cc $old"
        build="$cc -x $language $old $warnings -I../.. -I$out"
        check "$what: implementation" $build -O2 -c "$file" -o "$out/$language.o"
        check "$what: exports and needs" symbols "$out/$language.o" '^(malloc|free)$'
        check "$what: declarations, twice" $build -c user.c -o "$out/$language-user.o"
        check "$what: the manual's example" example
        check "$what: it compiles" $build -c manual.c -o "$out/manual.o"
        check "$what: it links" $cc "$out/manual.o" "$out/$language.o" -o "$out/manual"
        check "$what: it runs" "$out/manual"
        check "$what: GMLP_STATIC" $build static.c -o "$out/static"
        check "$what: GMLP_STATIC runs" "$out/static"
        check "$what: GMLP_MALLOC" $build -c malloc.c -o "$out/malloc.o"
        check "$what: GMLP_MALLOC takes no other" symbols "$out/malloc.o" '^my_(malloc|free)$'
        check "$what: GMLP_HEADER_FILENAME" $build -fsyntax-only renamed.c
        check "$what: other headers' macros" $build -include hostile.h -fsyntax-only "$file"
        check "$what: -ffast-math is refused" refused 'fast-math or /fp:fast changes results' $build -ffast-math -c "$file"
        [ "$cc" = clang ] || # it does not tell
            check "$what: so is a part of it" refused 'fast-math or /fp:fast changes results' $build -funsafe-math-optimizations -c "$file"
        check "$what: GMLP_ALLOW_FAST_MATH" $build -ffast-math -DGMLP_ALLOW_FAST_MATH -fsyntax-only "$file"
        check "$what: the error of a renamed file" refused 'define GMLP_HEADER_FILENAME as' \
            $cc -x $language $old -I"$out/renamed" -fsyntax-only renamed_unsaid.c
        check "$what: GMLP_NO_SIMD" $build -DGMLP_NO_SIMD -c "$file" -o "$out/no_simd.o"
        check "$what: GMLP_NO_SIMD has no vector code" absent "$out/no_simd.o" '_(sse41|avx2|avx512|neon)$'
        check "$what: GMLP_NO_AVX512" $build -DGMLP_NO_AVX512 -c "$file" -o "$out/no_avx512.o"
        check "$what: GMLP_NO_AVX512 has none" absent "$out/no_avx512.o" '_avx512$'
        check "$what: GMLP_NO_LETNET" $build -DGMLP_NO_LETNET -c "$file" -o "$out/no_letnet.o"
        check "$what: GMLP_NO_LETNET has none" absent "$out/no_letnet.o" 'letnet|gmlp_expand'
        only="$build -DGMLP_DECODE_ONLY"
        check "$what: GMLP_DECODE_ONLY" $only -O2 -c "$file" -o "$out/only.o"
        check "$what: GMLP_DECODE_ONLY's exports" symbols "$out/only.o" '^(malloc|free)$' only
        check "$what: GMLP_DECODE_ONLY has no gmlp_train" refused gmlp_train $only -fsyntax-only manual.c
        check "$what: GMLP_DECODE_ONLY, GMLP_NO_LETNET" $only -DGMLP_NO_LETNET -c "$file" -o "$out/only.o"
        check "$what: GMLP_DECODE_ONLY, GMLP_NO_SIMD" $only -DGMLP_NO_SIMD -c "$file" -o "$out/only.o"
        check "$what: GMLP_DECODE_ONLY, GMLP_NO_AVX512" $only -DGMLP_NO_AVX512 -c "$file" -o "$out/only.o"
        check "$what: GMLP_DECODE_ONLY, GMLP_STATIC" $only -O2 -DGMLP_STATIC decode_only.c -o "$out/only"
        check "$what: GMLP_DECODE_ONLY, GMLP_STATIC runs" "$out/only"
        check "$cc $new: implementation" $cc -x $language $new $warnings -I../.. -fsyntax-only "$file"
    done
    for a in c c++; do for b in c c++; do
        check "$cc: $a implementation, $b user" $cc "$out/$a.o" "$out/$b-user.o" -o "$out/linked"
        check "$cc: $a implementation, $b user runs" "$out/linked"
    done; done
    # 117405 bytes with gcc 12; room for other versions, but not for the kernels of training (9000)
    if [ "$cc $(uname -m)" = "gcc x86_64" ]; then
        check "$cc: GMLP_DECODE_ONLY, smallest" $cc -std=c99 -Os -I../.. -DGMLP_DECODE_ONLY -DGMLP_NO_AVX512 -DGMLP_NO_LETNET -c c99.c -o "$out/small.o"
        check "$cc: GMLP_DECODE_ONLY, its size" smaller 121856 "$out/small.o"
        check "$cc: decoding alone" $cc -std=c99 -Os -I../.. -c smallest.c -o "$out/smallest.o"
        check "$cc: decoding alone, its code" code_within 65536 "$out/smallest.o"
    fi
    check "$cc: macros" macros "$cc"
    check "$cc: macros after the implementation" internal "$cc"
    check "$cc: macros' names" prefixed
}

# Systems that are not here: syntax only, with stubs for the C library's headers.
targets() {
    for target in aarch64-linux-gnu aarch64-pc-windows-msvc x86_64-pc-windows-msvc x86_64-apple-macos arm64-apple-macos \
        i686-linux-gnu i686-pc-windows-msvc riscv64-linux-gnu s390x-linux-gnu aarch64_be-linux-gnu wasm32-wasi; do
        case $target in i686*) simd="-msse2 -mfpmath=sse" ;; wasm32*) simd=-msimd128 ;; *) simd= ;; esac
        for language in "c -std=c99" "c++ -std=c++11"; do
            check "$target ${language#* }" clang -target "$target" -x $language $warnings -I../.. $simd \
                -ffreestanding -nostdlibinc -isystem stubs -fsyntax-only c99.c
            check "$target ${language#* }: GMLP_DECODE_ONLY" clang -target "$target" -x $language $warnings -I../.. $simd \
                -DGMLP_DECODE_ONLY -ffreestanding -nostdlibinc -isystem stubs -fsyntax-only c99.c
        done
        check "$target: macros after the implementation" internal clang -target "$target" $simd \
            -ffreestanding -nostdlibinc -isystem stubs
    done
}

# The same bytes from every build, and as ever (fingerprint.golden). Other processors: tests/cross.sh.
bytes() {
    first=$(cat fingerprint.golden)
    same gcc -std=c99 -O2
    same gcc -std=c99 -O0 -DGMLP_NO_SIMD
    same gcc -std=gnu11 -O3 -march=native -ffp-contract=fast
    same gcc -x c++ -std=c++11 -O1 -funsigned-char
    same clang -std=c99 -O2
    same clang -O3 -march=native -ffp-contract=fast
    check "decoding" gcc -O2 -I../.. decode_only.c -o "$out/decode"
    "$out/decode" >"$out/decoded" 2>&1
    check "decoding: it runs" grep -q '^none ' "$out/decoded"
    decodes gcc -std=c99 -O2
    decodes gcc -std=c99 -Os -DGMLP_NO_SIMD
    decodes gcc -x c++ -std=c++11 -O3
    decodes clang -std=c99 -O2
}
decodes() { # decodes COMPILER...: GMLP_DECODE_ONLY gives the same pixels as the whole library
    check "GMLP_DECODE_ONLY, $*" "$@" -DGMLP_DECODE_ONLY -I../.. decode_only.c -o "$out/decode"
    "$out/decode" >"$out/only" 2>&1
    check "GMLP_DECODE_ONLY, $*: the same pixels" cmp "$out/decoded" "$out/only"
}
same() { # same COMPILER...
    check "$*" "$@" -I../.. fingerprint.c -o "$out/fingerprint"
    print=$("$out/fingerprint" 2>&1)
    check "$*: $print" test "$print" = "$first"
}

case $1 in
gcc | clang) compiler "$1" ;;
targets) targets ;;
bytes) bytes ;;
esac
exit "$failed"
