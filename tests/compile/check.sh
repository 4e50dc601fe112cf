#!/bin/sh
# Compiles the header in the ways people use it, every warning an error; one "ok" line a check.
cd "$(dirname "$0")" || exit 1
out=../../build/compile
mkdir -p "$out/include/renamed"
cp ../../gamutmlp.h "$out/include/renamed/wide.h"
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror"
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
symbols() {
    sed '/^#endif .* GAMUTMLP_H/q' ../../gamutmlp.h | grep '^GMLP_DEF' | grep -o 'gmlp_[a-z0-9_]*(' | tr -d '(' |
        sort >"$out/declared"
    nm -g --defined-only "$1" | awk '{ print $3 }' | sort | diff "$out/declared" - || return 1
    ! nm -u "$1" | awk '{ print $2 }' | grep -vE '^(mem|str|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail$)' | grep -vE "$2"
}
absent() { ! nm "$1" | grep -E "$2"; }
macros() { # the declarations define no macro outside the library's names
    printf '#include <stddef.h>\n#include <stdint.h>\n' >"$out/without.c"
    { cat "$out/without.c"; echo '#include "gamutmlp.h"'; } >"$out/with.c"
    gcc -I../.. -dM -E "$out/without.c" | sort >"$out/without"
    gcc -I../.. -dM -E "$out/with.c" | sort >"$out/with"
    ! comm -13 "$out/without" "$out/with" | grep -vE '^#define (GMLP_|GAMUTMLP_H)'
}

for cc in gcc clang; do
    command -v "$cc" >/dev/null || { echo "skipped: no $cc"; continue; }
    for language in "c -std=c99" "c++ -std=c++11"; do
        what="$cc ${language#* }"
        build="$cc -x $language $warnings -I../.. -I$out/include -O1"
        object=$out/$cc-${language%% *}
        check "$what: implementation" $build -c "$([ "${language%% *}" = c ] && echo c99.c || echo cxx11.cpp)" -o "$object.o"
        check "$what: exports and needs" symbols "$object.o" '^(malloc|free)$'
        check "$what: declarations, twice" $build -c user.c -o "$object-user.o"
        check "$what: GMLP_STATIC" $build static.c -o "$object-static"
        check "$what: GMLP_STATIC runs" "$object-static"
        check "$what: GMLP_MALLOC" $build -c malloc.c -o "$object-malloc.o"
        check "$what: GMLP_MALLOC takes no other" symbols "$object-malloc.o" '^my_(malloc|free)$'
        check "$what: GMLP_HEADER_FILENAME" $build -c renamed.c -o "$object-renamed.o"
        check "$what: GMLP_NO_SIMD" $build -DGMLP_NO_SIMD -c c99.c -o "$object-nosimd.o"
        check "$what: GMLP_NO_SIMD has no vector code" absent "$object-nosimd.o" '_(avx2|avx512|neon)$'
        check "$what: GMLP_NO_AVX512" $build -DGMLP_NO_AVX512 -c c99.c -o "$object-noavx512.o"
        check "$what: GMLP_NO_AVX512 has none" absent "$object-noavx512.o" '_avx512$'
        check "$what: a newer standard" $cc -x "${language%% *}" -std=gnu$([ "${language%% *}" = c ] && echo 17 || echo ++17) \
            $warnings -I../.. -O3 -fsyntax-only c99.c
    done
    for a in c c++; do for b in c c++; do
        check "$cc: $a implementation, $b user" $cc "$out/$cc-$a.o" "$out/$cc-$b-user.o" -o "$out/$cc-linked"
        check "$cc: $a implementation, $b user runs" "$out/$cc-linked"
    done; done
done
check "macros" macros

# Systems that are not here: syntax only, with stubs for the C library's headers.
for target in aarch64-linux-gnu aarch64-pc-windows-msvc x86_64-pc-windows-msvc x86_64-apple-macos arm64-apple-macos \
    i686-linux-gnu riscv64-linux-gnu s390x-linux-gnu; do
    command -v clang >/dev/null || break
    for language in "c -std=c99" "c++ -std=c++11"; do
        check "$target ${language#* }" clang -target "$target" -x $language $warnings -I../.. \
            -ffreestanding -nostdlibinc -isystem stubs -fsyntax-only c99.c
    done
done
exit "$failed"
