#!/bin/sh
# deps.sh build|test: installs the Debian or Ubuntu packages that are missing, and only those.
set -eu
command -v apt-get >/dev/null || exit 0 # elsewhere the compiler will say what it lacks

missing=
need() { # need PACKAGE WHAT: called when WHAT is not there
    missing="$missing $1"
    echo "gamutmlp: $2 is missing: installing $1"
}
program() { command -v "$2" >/dev/null || need "$1" "the program $2"; }
header() {
    for dir in /usr/include /usr/local/include /usr/include/*-linux-gnu; do
        [ -e "$dir/$2" ] && return
    done
    need "$1" "the header $2"
}
font() {
    [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name '*.[ot]tf' 2>/dev/null | head -1)" ] ||
        need fonts-dejavu-core "a font for plots"
}
install() {
    [ -n "$missing" ] || return 0
    sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "gamutmlp: as root: apt-get install$missing" >&2; exit 1; }
        sudo=sudo
    fi
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    missing=
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
    ;;
esac
