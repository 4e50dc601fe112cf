#!/bin/sh
# install.sh DIRECTORY VERSION TOOL: everything that is installed, below DIRECTORY (DESTDIR and PREFIX together).
set -eu
to=$1
version=$2
tool=$3
here=$(dirname "$0")
major=${version%%.*}
rest=${version#*.}

put() { # put MODE FILE FOLDER [NAME]
    mkdir -p "$to/$3"
    install -m "$1" "$2" "$to/$3/${4:-$(basename "$2")}"
}
made() { # made FOLDER NAME: what comes in
    mkdir -p "$to/$1"
    cat >"$to/$1/$2"
    chmod 644 "$to/$1/$2"
}
filled() { sed -e "s/@VERSION@/$version/" -e "s/@MAJOR@/$major/" -e "s/@MINOR@/${rest%%.*}/" "$here/$1"; }

put 755 "$tool" bin gamutmlp
put 644 "$here/../gamutmlp.h" include
put 644 "$here/../examples/letnet.gmlp" share/gamutmlp
put 644 "$here/../gamutmlp_cuda.cu" share/gamutmlp
for f in "$here"/../shaders/README.md "$here"/../shaders/gamutmlp_decode.*; do put 644 "$f" share/gamutmlp/shaders; done
filled gamutmlp.pc.in | made share/pkgconfig gamutmlp.pc
put 644 "$here/gamutmlp-config.cmake" share/cmake/gamutmlp
filled gamutmlp-config-version.cmake.in | made share/cmake/gamutmlp gamutmlp-config-version.cmake
"$here/man.sh" "$tool" "$version" | made share/man/man1 gamutmlp.1
"$here/completion.sh" "$tool" | made share/bash-completion/completions gamutmlp
put 644 "$here/../README.md" share/doc/gamutmlp
put 644 "$here/../LICENSE" share/doc/gamutmlp
for f in quickstart.c quickstart_hdr.c quickstart_cuda.cu engine.cpp; do put 644 "$here/../examples/$f" share/doc/gamutmlp/examples; done
