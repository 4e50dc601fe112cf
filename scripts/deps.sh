#!/bin/sh
# deps.sh build|test|check: installs the Debian or Ubuntu packages that are missing, and only those.
set -eu
command -v apt-get >/dev/null || exit 0 # elsewhere the compiler will say what it lacks

missing=
need() { # need PACKAGE WHAT: called when WHAT is not there
    missing="$missing $1"
    echo "gamutmlp: $2 is missing: installing $1"
}
program() { command -v "$2" >/dev/null || need "$1" "the program $2"; }
has_header() {
    for dir in /usr/include /usr/local/include /usr/include/*-linux-gnu; do
        [ -e "$dir/$1" ] && return
    done
    return 1
}
header() { has_header "$2" || need "$1" "the header $2"; }
# What is done without where a release does not have it, or there is no one to install it.
wished=
wish() { wished="$wished $1"; }
wish_header() { has_header "$2" || wish "$1"; }
wish_program() { command -v "$2" >/dev/null || wish "$1"; }
font() {
    [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name '*.[ot]tf' 2>/dev/null | head -1)" ] ||
        need fonts-dejavu-core "a font for plots"
}
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
get() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
install() {
    [ -n "$missing" ] || return 0
    [ -z "$sudo" ] || command -v sudo >/dev/null ||
        { echo "gamutmlp: as root: apt-get install$missing" >&2; exit 1; }
    $sudo apt-get update -qq
    get $missing
    missing=
}
# All at once, which takes far less time; where that fails, one by one.
install_wished() {
    able=
    for package in $wished; do
        [ -z "$sudo" ] || command -v sudo >/dev/null || break
        [ -n "$(find /var/lib/apt/lists -name '*Packages*' 2>/dev/null | head -1)" ] || $sudo apt-get update -qq || break
        apt-cache show "$package" >/dev/null 2>&1 || continue
        dpkg -s "$package" >/dev/null 2>&1 || able="$able $package"
    done
    wished=
    [ -n "$able" ] || return 0
    echo "gamutmlp: installing what is not needed but used:$able"
    get $able && return
    for package in $able; do get "$package" || echo "gamutmlp: $package cannot be installed, and is done without"; done
}

case "$1" in
build)
    program gcc gcc
    program g++ g++
    header libc6-dev stdio.h
    header libjpeg-dev jpeglib.h
    header libpng-dev png.h
    header libtiff-dev tiffio.h
    header liblcms2-dev lcms2.h
    header libopenexr-dev OpenEXR/OpenEXRConfig.h # in releases before 3.1, which the tool does without, too
    header libcairo2-dev cairo/cairo-svg.h
    font
    header libtinyexr-dev tinyexr.h
    header libstb-dev stb/stb_image.h
    install
    wish_header libheif-dev libheif/heif.h
    # Its decoders, which are packages of their own in some releases.
    wish libheif-plugin-libde265
    wish libheif-plugin-dav1d
    wish libheif-plugin-aomdec
    wish_header libraw-dev libraw/libraw.h
    wish_header libjxl-dev jxl/thread_parallel_runner.h
    wish_header libavif-dev avif/avif.h
    wish_header libturbojpeg0-dev turbojpeg.h
    wish_header libzstd-dev zstd.h
    install_wished
    ;;
test)
    program clang clang
    header libcmocka-dev cmocka.h
    install
    # The sanitizers' runtime is a package of its own in some releases, named by clang's version.
    probe=$(mktemp)
    echo 'int main(void) { return 0; }' | clang -fsanitize=address -x c - -o "$probe" 2>/dev/null ||
        need "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" "the runtime of clang's sanitizers"
    rm -f "$probe"
    install
    # Encoders of the pictures that tests read, and other programs to compare with.
    wish libheif-plugin-x265
    wish libheif-plugin-aomenc
    wish_program libheif-examples heif-enc
    wish_program libjxl-tools djxl
    wish_program libavif-bin avifdec
    wish_program parallel parallel # GNU's: many pictures
    # Devices of software that run the shaders, and a compiler of GLSL and HLSL.
    wish_program glslang-tools glslangValidator
    wish_header libvulkan-dev vulkan/vulkan.h
    wish mesa-vulkan-drivers
    wish_header libegl-dev EGL/egl.h
    wish_header libgles-dev GLES3/gl3.h
    wish libgl1-mesa-dri
    # What tests/test_packages.sh builds and installs with.
    wish_program cmake cmake
    wish_program meson meson
    wish_program ninja-build ninja
    wish_program pkg-config pkg-config
    wish_program groff groff
    wish_program debhelper dh
    wish_program lintian lintian
    # The Python module and its tests; of Debian's python3, whatever python3 is on the path.
    wish python3-dev
    wish python3-pip
    wish python3-setuptools
    wish python3-wheel
    wish python3-numpy
    wish python3-cffi
    wish python3-pytest
    install_wished
    ;;
check)
    wish_program clang clang
    wish_program clang-tidy clang-tidy
    wish_program cppcheck cppcheck
    install_wished
    ;;
esac
