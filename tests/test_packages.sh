#!/bin/sh
# test_packages.sh: gamutmlp as others install it and build with it.
set -u
cd "$(dirname "$0")/.."
source=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
ok() { echo "ok $1"; }
bad() { echo "not ok $1"; failed=1; [ ! -f "$scratch/log" ] || tail -n 20 "$scratch/log"; }
# check NAME COMMAND...: ok if it succeeds
check() {
    what=$1
    shift
    if "$@" >"$scratch/log" 2>&1; then ok "$what"; else bad "$what"; fi
}
has() { command -v "$1" >/dev/null; }

version=$(awk '/^.define GMLP_VERSION_(MAJOR|MINOR|PATCH) / { printf "%s%s", n++ ? "." : "", $3 }' gamutmlp.h)
number=$(echo "$version" | awk -F. '{ print $1 * 10000 + $2 * 100 + $3 }')

# One version everywhere.
check "vcpkg.json has the header's version" grep -q "\"version\": \"$version\"" packaging/vcpkg/vcpkg.json
check "conanfile.py has the header's version" grep -q "version = \"$version\"" packaging/conan/conanfile.py
check "debian/changelog has the header's version" grep -q "^gamutmlp ($version)" packaging/debian/changelog

# What is installed.
prefix=$scratch/usr
check "make install" packaging/install.sh "$prefix" "$version" build/gamutmlp
for f in bin/gamutmlp share/gamutmlp/letnet.gmlp include/gamutmlp.h share/gamutmlp/gamutmlp_cuda.cu share/gamutmlp/shaders/gamutmlp_decode.wgsl share/gamutmlp/shaders/README.md share/pkgconfig/gamutmlp.pc \
    share/cmake/gamutmlp/gamutmlp-config.cmake share/cmake/gamutmlp/gamutmlp-config-version.cmake \
    share/man/man1/gamutmlp.1 share/bash-completion/completions/gamutmlp share/doc/gamutmlp/LICENSE; do
    check "installed: $f" test -s "$prefix/$f"
done
check "make install, a blank in both paths" sh -c "'${MAKE:-make}' MAKEFLAGS= -o build/gamutmlp install \
    DESTDIR='$scratch/a root' PREFIX='/my usr' && test -s '$scratch/a root/my usr/include/gamutmlp.h'"
check "nothing unfilled" sh -c "! grep -rl '@[A-Z]*@' '$prefix/share/pkgconfig' '$prefix/share/cmake'"
check "the installed tool runs" "$prefix/bin/gamutmlp" --version

# The manual page has every command and every option that --help names, and is sound roff.
page=$prefix/share/man/man1/gamutmlp.1
tool=$prefix/bin/gamutmlp
for c in $("$tool" --help | awk '/^usage:/ { on = 1; next } on && !NF { exit } on { print $2 }'); do
    escaped=$(echo "$c" | sed 's/-/\\\\-/g')
    check "the page has $c" grep -q "^.SS gamutmlp $escaped\$" "$page"
    lacks=$("$tool" "$c" --help | awk '/^  -/ { print $1 }' | while read -r o; do
        grep -qF -- ".B $(echo "$o" | sed 's/-/\\-/g')" "$page" || echo "$o"
    done)
    check "the page has the options of $c" test -z "$lacks"
done
if has groff; then check "no warnings of groff" sh -c "! groff -man -ww -Tutf8 '$page' 2>&1 >/dev/null | grep ."
else echo "# no groff: the page's roff is not checked"; fi

# Completion.
complete() { # complete WORDS...: what bash would offer for the last one
    bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gamutmlp; echo "${COMPREPLY[*]}"' \
        "$prefix/share/bash-completion/completions/gamutmlp" "$@"
}
if has bash; then
    check "commands are completed" test "$(complete gamutmlp dec)" = decode
    check "options are completed" test "$(complete gamutmlp encode --pres)" = --preset
    check "choices are completed" test "$(complete gamutmlp encode --preset h)" = high
else echo "# no bash: completion is not tried"; fi

# Projects of others.
user=$scratch/user
mkdir -p "$user"
cat >"$user/main.c" <<'C'
#define GAMUTMLP_IMPLEMENTATION
#define GMLP_STATIC
#define GMLP_DECODE_ONLY
#define GMLP_NO_SIMD
#include "gamutmlp.h"
#include <stdio.h>
int main(void) {
    printf("%d %s\n", gmlp_version(), gmlp_result_string(gmlp_open("", 0, NULL, NULL, NULL)));
    return 0;
}
C
runs() { "$@" | grep -q "^$number "; }
cmake_project() { # cmake_project NAME LINE [CMAKE OPTIONS]: LINE makes the targets
    name=$1
    mkdir -p "$scratch/$name"
    cp "$user/main.c" "$scratch/$name/"
    printf 'cmake_minimum_required(VERSION 3.13)\nproject(user C)\n%s\n' "$2" >"$scratch/$name/CMakeLists.txt"
    cat >>"$scratch/$name/CMakeLists.txt" <<'CMAKE'
add_executable(user main.c)
target_link_libraries(user gamutmlp::gamutmlp)
get_target_property(cuda gamutmlp::cuda INTERFACE_SOURCES)
if(NOT EXISTS "${cuda}")
    message(FATAL_ERROR "gamutmlp::cuda: no ${cuda}")
endif()
CMAKE
    shift 2
    cmake -S "$scratch/$name" -B "$scratch/$name/build" -DCMAKE_BUILD_TYPE= "$@" &&
        cmake --build "$scratch/$name/build" && runs "$scratch/$name/build/user"
}
if has cmake; then
    check "cmake: find_package" cmake_project package "find_package(gamutmlp 0.4 REQUIRED)
if(NOT TARGET gamutmlp::tool)
    message(FATAL_ERROR \"no gamutmlp::tool\")
endif()" "-DCMAKE_PREFIX_PATH=$prefix"
    echo 'find_package(gamutmlp 0.3 REQUIRED)' >"$scratch/old.cmake"
    check "cmake: another version is refused" sh -c "cmake -S '$scratch/package' -B '$scratch/old' \
        -DCMAKE_PREFIX_PATH='$prefix' -DCMAKE_PROJECT_user_INCLUDE='$scratch/old.cmake' 2>&1 |
        grep -q 'compatible with requested version'"
    mkdir -p "$scratch/asked"
    cat >"$scratch/asked/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.19) # ranges
project(user NONE)
function(asked wanted) # asked(ON or OFF, find_package's arguments...)
    unset(gamutmlp_DIR CACHE)
    find_package(gamutmlp ${ARGN} QUIET)
    if((wanted AND NOT gamutmlp_FOUND) OR (gamutmlp_FOUND AND NOT wanted))
        message(SEND_ERROR "find_package(gamutmlp ${ARGN}): ${gamutmlp_FOUND}")
    endif()
endfunction()
foreach(versions 0.4 0 0.3...0.4 0.4...0.5 0.3...0.4.0 0.4.0...<0.5 0.2...1)
    asked(ON ${versions})
endforeach()
foreach(versions 0.3 0.5 0.4.9 1 0.2...0.3 0.3...<0.4 0.5...1)
    asked(OFF ${versions})
endforeach()
asked(ON 0.4 COMPONENTS gamutmlp cuda tool)
asked(ON 0.4 OPTIONAL_COMPONENTS nonsense)
asked(OFF 0.4 COMPONENTS nonsense)
CMAKE
    if [ "$(cmake --version | awk 'NR == 1 { split($3, v, "."); print (v[1] * 100 + v[2] >= 319) }')" = 1 ]; then
        check "cmake: versions, ranges and components" cmake -S "$scratch/asked" -B "$scratch/asked/build" "-DCMAKE_PREFIX_PATH=$prefix"
    else echo "# cmake before 3.19: ranges are not tried"; fi
    check "cmake: add_subdirectory" cmake_project subdirectory "add_subdirectory($source gamutmlp)"
    check "cmake: FetchContent" cmake_project fetch "include(FetchContent)
FetchContent_Declare(gamutmlp SOURCE_DIR $source)
FetchContent_MakeAvailable(gamutmlp)"
else echo "# no cmake: its package is not tried"; fi
export PKG_CONFIG_PATH="$prefix/share/pkgconfig"
if has pkg-config; then
    printf 'user: main.c\n\t$(CC) $$(pkg-config --cflags gamutmlp) $< -o $@ $$(pkg-config --libs gamutmlp)\n' >"$user/Makefile"
    check "make and pkg-config" sh -c "make -C '$user' MAKEFLAGS="
    check "what they built runs" runs "$user/user"
    check "pkg-config: the version" test "$(pkg-config --modversion gamutmlp)" = "$version"
    check "pkg-config: the CUDA source" test -s "$(pkg-config --variable=cuda_source gamutmlp)"
else echo "# no pkg-config: not tried"; fi
if has meson && has ninja; then
    cat >"$user/meson.build" <<'M'
project('user', 'c')
executable('user', 'main.c', dependencies : dependency('gamutmlp', version : '>=0.4'))
M
    check "meson" sh -c "meson setup '$scratch/meson' '$user' --buildtype=plain && ninja -C '$scratch/meson'"
    check "what it built runs" runs "$scratch/meson/user"
else echo "# no meson with ninja: not tried"; fi

# Recipes, as far as can be told without their programs.
if has python3; then
    check "vcpkg.json is JSON" python3 -c "import json; p = json.load(open('packaging/vcpkg/vcpkg.json')); assert p['name'] == 'gamutmlp'"
    cat >"$scratch/conan.py" <<'P'
# conan's interface, as far as the recipe uses it: its steps run, and leave the files of a package.
import glob, importlib.util, os, shutil, sys, types
out, top = sys.argv[1], sys.argv[2]
class Base:
    pass
def copy(recipe, pattern, source, to):
    found = glob.glob(os.path.join(source, pattern))
    assert found
    for path in found:
        there = os.path.join(to, os.path.relpath(path, source))
        os.makedirs(os.path.dirname(there), exist_ok=True)
        shutil.copy(path, there)
conan, tools, files = types.ModuleType("conan"), types.ModuleType("conan.tools"), types.ModuleType("conan.tools.files")
conan.ConanFile, files.copy = Base, copy
sys.modules.update({"conan": conan, "conan.tools": tools, "conan.tools.files": files})
spec = importlib.util.spec_from_file_location("conanfile", os.path.join(top, "packaging/conan/conanfile.py"))
module = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(module)
r = module.Gamutmlp()
r.recipe_folder = os.path.join(top, "packaging/conan")
r.export_sources_folder = r.source_folder = os.path.join(out, "source")
r.package_folder = os.path.join(out, "package")
r.export_sources()
r.package()
assert os.path.exists(os.path.join(r.package_folder, "include/gamutmlp.h"))
assert os.path.exists(os.path.join(r.package_folder, "share/gamutmlp/shaders/gamutmlp_decode.hlsl"))
assert os.path.exists(os.path.join(r.package_folder, "share/gamutmlp/shaders/README.md"))
assert os.path.exists(os.path.join(r.package_folder, "licenses/LICENSE"))
P
    check "the Conan recipe packs the header" python3 "$scratch/conan.py" "$scratch/conan" "$source"
else echo "# no python3: recipes are not tried"; fi
if has cmake; then
    mkdir -p "$scratch/vcpkg"
    check "the vcpkg port packs the header" cmake -DPORT=gamutmlp -DCURRENT_PACKAGES_DIR="$scratch/vcpkg" \
        -P packaging/vcpkg/portfile.cmake
    check "where CMake finds it" cmake_project port "find_package(gamutmlp 0.4 REQUIRED)" "-DCMAKE_PREFIX_PATH=$scratch/vcpkg"
    check "its shaders' README" test -s "$scratch/vcpkg/share/gamutmlp/shaders/README.md"
fi

# Debian's.
if has dpkg-buildpackage && has dh && has git && git rev-parse HEAD >/dev/null 2>&1; then
    check "make deb" env DEB_BUILD_OPTIONS=noopt make deb MAKEFLAGS= # optimising takes half of the time
    if has lintian; then
        check "lintian has nothing to say" sh -c "! lintian --allow-root --tag-display-limit 0 build/deb/*.changes 2>&1 |
            grep -v 'running with root privileges' | grep ."
    else echo "# no lintian: the packages are not checked"; fi
    for p in build/deb/gamutmlp_*.deb build/deb/libgamutmlp-dev_*.deb; do
        check "unpacked: $p" dpkg -x "$p" "$scratch/root"
    done
    check "its tool runs" "$scratch/root/usr/bin/gamutmlp" --version
    check "its header is ours" cmp gamutmlp.h "$scratch/root/usr/include/gamutmlp.h"
    if [ "$(id -u)" = 0 ] && ! dpkg -s gamutmlp >/dev/null 2>&1; then
        check "dpkg -i" dpkg -i build/deb/gamutmlp_*.deb build/deb/libgamutmlp-dev_*.deb
        ! has cmake || check "the system's cmake finds it" cmake_project system "find_package(gamutmlp 0.4 REQUIRED)"
        check "and the tool is on the path" sh -c "/usr/bin/gamutmlp encode build/none.tif x.jpg 2>&1 | grep -q none.tif"
        check "dpkg -r" dpkg -r gamutmlp libgamutmlp-dev
    else echo "# not root, or gamutmlp is installed: the packages are unpacked only"; fi
else echo "# no debhelper or no git: no Debian packages are built"; fi
exit $failed
