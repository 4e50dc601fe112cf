#!/bin/sh
# What a picture's file says beside its pixels, through the commands: kept, true of the new file, or told to be lost; and
# that a picture stands upright before and after. Prints "ok" and "not ok" lines.
. "$(dirname "$0")/tool.sh"

few="--iterations 5"
"$scene" wide.png 60 40 || exit 1
"$tool" encode wide.png plain.jpg --from p3 $few >out 2>err
"$tool" strip plain.jpg plain.jpg --force >out 2>err

# A JPEG with EXIF (a maker, a copyright, an orientation, an exposure, a place), IPTC and XMP in front.
tags() { # tags ORIENTATION
    printf 'Exif\000\000MM\000*\000\000\000\010\000\004\001\017\000\002\000\000\000\004Cam\000'
    printf "\001\022\000\003\000\000\000\001\000\00$1\000\000"
    printf '\207i\000\004\000\000\000\001\000\000\000>\210%%\000\004\000\000\000\001\000\000\000X\000\000\000\000'
    printf '\000\001\202\232\000\005\000\000\000\001\000\000\000P\000\000\000\000\000\000\000\001\000\000\000\175'
    printf '\000\001\000\001\000\002\000\000\000\002N\000\000\000\000\000\000\000'
}
segment() { # segment NUMBER FILE
    size=$(($(wc -c <"$2") + 2))
    printf "\377\\$1\\$(printf %o $((size / 256)))\\$(printf %o $((size % 256)))"
    cat "$2"
}
xmp='<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="a format" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
dress() { # dress ORIENTATION FILE
    tags "$1" >exif
    { printf 'http://ns.adobe.com/xap/1.0/\000'; printf '%s' "$xmp"; } >packet
    printf 'Photoshop 3.0\0008BIM\004\004\000\000\000\000\000\012\034\002\005\000\005title' >iptc
    head -c 2 "$2"
    segment 341 exif; segment 341 packet; segment 355 iptc
    tail -c +3 "$2"
}
dress 6 plain.jpg >turned.jpg
dress 1 plain.jpg >upright.jpg

# The same names in every form, as a reader of its own finds them.
holds() { # holds FILE WORD...: the bytes, of a PNG after its texts are unpacked
    file=$1; shift
    for word; do LC_ALL=C grep -qa "$word" "$file" || return 1; done
}
for out in base.jpg base.png; do
    does encode turned.jpg $out --from p3 $few
    is "encode to $out: EXIF and XMP" holds $out "Cam" "a format" 'tiff:Orientation="1"'
    "$tool" inspect $out >out; is "encode to $out: upright" grep -q "40 x 60" out
done
is "encode: IPTC" holds base.jpg "Photoshop 3.0" "title"
is "encode: IPTC in a PNG" holds base.png "Raw profile type iptc"
for out in moved.jpg anew.jpg moved.png; do
    case $out in anew.jpg) how="--resize 50%" ;; *) how="--flip h" ;; esac
    does transcode base.jpg $out $how
    is "transcode to $out: EXIF and XMP" holds $out "Cam" "a format" 'tiff:Orientation="1"'
done
is "transcode: IPTC" holds moved.jpg "Photoshop 3.0" "title"
does transcode base.jpg bare.jpg --flip h --strip-metadata
is "transcode --strip-metadata: none" [ "$(LC_ALL=C grep -acE 'Cam|a format|Photoshop' bare.jpg)" = 0 ]
for out in wide.tif wide_out.png; do
    does decode base.jpg $out
    is "decode to $out: EXIF and XMP" holds $out "Cam" "a format"
    is "decode to $out: not the network" [ "$(LC_ALL=C grep -ac GamutMLP $out)" = 0 ]
done
is "decode: IPTC in a TIFF" holds wide.tif "title"
does encode wide.tif again.jpg $few
is "and back: all of it" holds again.jpg "Exif" "Cam" "a format" "Photoshop 3.0" "title"
if [ $exr = exr ]; then
    says 0 "note: base.jpg: its EXIF, IPTC and XMP are not carried over: a .exr file gets none" decode base.jpg a.exr
fi

# A thumbnail shows what was there before an edit, though no tag of the block tells of the picture's size: it is not kept.
shown() { # shown FILE: with a thumbnail, whose bytes are "THUMBNAIL"
    printf 'Exif\000\000MM\000*\000\000\000\010\000\001\001\017\000\002\000\000\000\004Cam\000\000\000\000\032' >exif
    printf '\000\002\002\001\000\004\000\000\000\001\000\000\0008\002\002\000\004\000\000\000\001\000\000\000\011' >>exif
    printf '\000\000\000\000THUMBNAIL' >>exif
    head -c 2 "$1"; segment 341 exif; tail -c +3 "$1"
}
shown plain.jpg >shown.jpg
does encode shown.jpg shown_base.jpg --from p3 $few
is "encode: the thumbnail of the same picture" holds shown_base.jpg "Cam" "THUMBNAIL"
does transcode shown_base.jpg anew.jpg --quality 80
is "transcode: as it lies" holds anew.jpg "Cam" "THUMBNAIL"
for how in "--crop 0,0,32,16" "--flip h" "--rotate 180" "--resize 50%"; do
    does transcode shown_base.jpg cut.jpg $how
    is "transcode $how: no thumbnail" [ "$(LC_ALL=C grep -ac Cam cut.jpg) $(LC_ALL=C grep -ac THUMBNAIL cut.jpg)" = "1 0" ]
done
does decode shown_base.jpg cut.png --crop 0,0,32,16
is "decode --crop: no thumbnail" [ "$(LC_ALL=C grep -ac Cam cut.png) $(LC_ALL=C grep -ac THUMBNAIL cut.png)" = "1 0" ]

# How large the picture is printed: 300 pixels an inch, from JPEG to JPEG, TIFF and PNG.
bytes() { od -An -tx1 -v "$1" | tr -d ' \n'; }
{ head -c 13 plain.jpg; printf '\001\001\054\001\054'; tail -c +19 plain.jpg; } >printed.jpg
does encode printed.jpg printed_base.jpg --from p3 $few
is "encode: the resolution" [ "$(bytes printed_base.jpg | cut -c 27-36)" = 01012c012c ]
does decode printed_base.jpg printed.tif
does encode printed.tif printed_base.png $few
is "and by way of a TIFF into a PNG" [ "$(bytes printed_base.png | grep -c 7048597300002e2300002e2301)" = 1 ]
does transcode printed_base.png printed_cut.jpg --crop 0,0,32,16
is "transcode: the resolution" [ "$(bytes printed_cut.jpg | cut -c 27-36)" = 01012c012c ]
does encode printed.tif printed_bare.png $few --strip-metadata
is "--strip-metadata: none" [ "$(bytes printed_bare.png | grep -c 70485973)" = 0 ]

# JPEG XL and AVIF have a place for EXIF and XMP, and turn their pixels themselves.
boxed=
for out in a.jxl a.avif; do
    case $out in a.jxl) has "JPEG XL" || continue ;; *) has "AVIF" || continue ;; esac
    boxed="$boxed $out"
    says 0 "note: base.jpg: its IPTC is not carried over: a .${out#a.} file gets none" decode base.jpg $out
    is "decode to $out: EXIF and XMP" holds $out "Cam" "a format" 'tiff:Orientation="1"'
    does encode $out from_box.jpg $few
    is "and back from $out" holds from_box.jpg "Exif" "Cam" "a format"
done

# Texts of a PNG, which a PNG alone has a place for; a comment of a JPEG, which none has.
chunk() { # chunk TYPE HEX-CRC FILE: of less than 256 bytes
    printf "\\0\\0\\0\\$(printf %o "$(wc -c <"$3")")$1"; cat "$3"; printf "$2"
}
printf 'Title\0a text' >text
"$tool" decode base.jpg plain.png --strip-metadata >out 2>err
{ head -c 33 plain.png; chunk tEXt '\241\063\011\347' text; tail -c +34 plain.png; } >titled.png
does encode titled.png titled_base.png $few
does decode titled_base.png titled_out.png
is "a PNG's text goes into a PNG" holds titled_out.png "a text"
says 0 "note: titled.png: its text (Title) is not carried over: a .jpg file gets none" encode titled.png a.jpg $few
says 0 "note: titled_base.png: its text (Title) is not carried over: a .tif file gets none" decode titled_base.png a.tif
does encode titled.png titled_bare.png $few --strip-metadata
is "--strip-metadata: no text" [ "$(LC_ALL=C grep -ac 'a text' titled_bare.png)" = 0 ]
printf 'a comment' >comment
{ head -c 2 plain.jpg; segment 376 comment; tail -c +3 plain.jpg; } >commented.jpg
says 0 "note: commented.jpg: its comment is left out" encode commented.jpg a.jpg $few
does hdr-encode commented.jpg commented.jpg commented_hdr.jpg --from-hdr p3 $few
is "hdr-encode keeps a JPEG's comment" holds commented_hdr.jpg "a comment"

# What lies behind the picture: kept where the file is, told where not.
{ cat turned.jpg; printf '\0\0\0\024ftypisom: a video'; } >behind.jpg
says 0 "note: behind.jpg: what lies behind the picture is left out: a video, 21 bytes" encode behind.jpg a.jpg $few
does hdr-encode behind.jpg turned.jpg behind_hdr.jpg --from-hdr p3 $few
is "hdr-encode keeps it" [ "$(tail -c 9 behind_hdr.jpg)" = ": a video" ]
does strip behind_hdr.jpg behind_plain.jpg
is "strip keeps it" [ "$(tail -c 9 behind_plain.jpg)" = ": a video" ]
says 0 "note: behind_hdr.jpg: 21 bytes behind the picture are left out" transcode behind_hdr.jpg a.jpg --resize 50%
says 0 "note: behind_hdr.jpg: 21 bytes behind the picture are left out" transcode behind_hdr.jpg a.jpg --strip-metadata
does transcode behind_hdr.jpg a.jpg
is "transcode keeps it" [ "$(tail -c 9 a.jpg)" = ": a video" ]
says 0 "note: behind_hdr.jpg: 21 bytes behind the picture are left out" hdr-decode behind_hdr.jpg a.tif
says 0 "note: behind_hdr.jpg: 21 bytes behind the picture are left out" hdr-decode behind_hdr.jpg a.jpg
says 0 "note: behind.jpg: 21 bytes behind the picture are left out" hdr-encode behind.jpg turned.jpg a.jpg --from-hdr p3 $few --strip-metadata
is "--strip-metadata leaves nothing behind" [ "$(LC_ALL=C grep -ac ': a video' a.jpg)" = 0 ]
printf 'MPF\000MM\000*\000\000\000\010\000\000' >index
{ head -c 2 plain.jpg; segment 342 index; tail -c +3 plain.jpg; printf 'a further picture'; } >several.jpg
does hdr-encode several.jpg several.jpg several_hdr.jpg --from-hdr p3 $few
is "hdr-encode keeps further pictures, and their index close to them" [ "$(tail -c +$(($(LC_ALL=C grep -abo MPF several_hdr.jpg | head -1 | cut -d: -f1) + 1)) several_hdr.jpg | cksum)" = "$(tail -c +$(($(LC_ALL=C grep -abo MPF several.jpg | head -1 | cut -d: -f1) + 1)) several.jpg | cksum)" ]
{ cat titled_base.png; printf 'trailing'; } >behind.png
says 0 "note: behind.png: 8 bytes behind the picture are left out" decode behind.png a.png

# --strip-metadata leaves nothing, and is silent on it.
for out in bare.jpg bare.png; do
    does encode turned.jpg $out --from p3 $few --strip-metadata
    is "encode --strip-metadata to $out" [ "$(LC_ALL=C grep -ac 'Exif\|eXIf\|Cam\|a format\|title\|iptc' $out)" = 0 ]
done
does decode base.jpg bare.tif --strip-metadata
is "decode --strip-metadata" [ "$(LC_ALL=C grep -ac 'Cam\|a format\|title' bare.tif)" = 0 ]
[ $exr = tif ] || does decode base.jpg a.exr --strip-metadata

# Pixels as they are stored, with the tag: what is shown stays the same.
does hdr-encode turned.jpg turned.jpg kept.jpg --from-hdr p3 $few
is "hdr-encode keeps a JPEG's metadata" holds kept.jpg "Cam" "a format" "title" 'tiff:Orientation="6"'
does hdr-encode turned.jpg turned.jpg kept_bare.jpg --from-hdr p3 $few --strip-metadata
is "hdr-encode --strip-metadata" [ "$(LC_ALL=C grep -ac 'Cam\|a format\|title' kept_bare.jpg)" = 0 ]
does hdr-encode turned.jpg turned.jpg new.jpg --from-hdr p3 $few --quality 90
is "hdr-encode anew" holds new.jpg "Cam" "a format" "title" 'tiff:Orientation="1"'
for base in kept kept_bare; do
    for out in $base.tif $base.png ultra_$base.jpg; do does hdr-decode $base.jpg $out; done
    does hdr-decode $base.jpg want.png --strip-metadata
    does hdr-decode ultra_$base.jpg got.png --strip-metadata
    is "the network of an Ultra HDR file" cmp -s want.png got.png
    "$tool" encode $base.png upright.png $few >out 2>err
    "$tool" inspect upright.png >out; is "$base.png says how it is turned" grep -q "40 x 60" out
    "$tool" hdr-decode $base.jpg $base.$exr >out 2>err
    is "hdr-decode $base to $exr: its name for what is lost" [ "$(grep -c 'EXIF, IPTC and XMP are not' err)" = $([ $base.$exr = kept.exr ] && echo 1 || echo 0) ]
    if [ $exr = exr ]; then
        is "hdr-decode $base to EXR: turned" grep -q ": 40 x 60" out
        does encode $base.exr upright_$base.png $few
        "$tool" inspect upright_$base.png >out; is "hdr-decode $base to EXR: upright" grep -q "40 x 60" out
    fi
done
does hdr-decode kept.jpg ultra_bare.jpg --strip-metadata
is "hdr-decode --strip-metadata to an Ultra HDR file" [ "$(LC_ALL=C grep -ac 'Cam\|a format\|title' ultra_bare.jpg)" = 0 ]
does hdr-decode ultra_bare.jpg got.png --strip-metadata
is "its network is the same" cmp -s want.png got.png
if have convert; then
    for file in kept kept_bare; do
        is "$file.tif says how it is turned" [ "$(convert $file.tif -format '%[orientation]' info:)" = RightTop ]
    done
    is "ultra_bare.jpg says how it is turned" [ "$(convert ultra_bare.jpg -format '%[orientation]' info:)" = RightTop ]
fi

# Orientations that other programs' files have in themselves, all eight.
same() { "$tool" compare want_up.png "$1" --json >out 2>err && { [ "$(value psnr)" = null ] || above "$(value psnr)" 35; }; }
for turned in 1 2 3 4 5 6 7 8; do
    dress $turned plain.jpg >oriented.jpg
    "$tool" encode oriented.jpg want_up.png $few >out 2>err
    if has "JPEG XL" && command -v cjxl >/dev/null; then
        cjxl oriented.jpg oriented.jxl >out 2>&1 || continue
        "$tool" encode oriented.jxl got_up.png $few >out 2>err
        is "JPEG XL of orientation $turned stands upright" same got_up.png
    fi
    if has "HEIC" && command -v avifenc >/dev/null; then
        avifenc --min 0 --max 2 oriented.jpg oriented.avif >out 2>&1 || continue
        "$tool" encode oriented.avif got_up.png $few >out 2>err
        is "AVIF of orientation $turned stands upright" same got_up.png
    fi
done
have cjxl; have avifenc

# Against exiftool: every tag but those that tell of the file's form.
if have exiftool; then
    listed() {
        exiftool -q -a -G1 -s "$1" | grep -E '^\[(IFD0|ExifIFD|GPS|IPTC|XMP-dc)\]' | sed 's/  */ /g' |
            grep -vE 'Resolution|ImageWidth|ImageHeight|BitsPerSample|Compression|Photometric|Strip|SamplesPer|Planar|RowsPer|Predictor|SampleFormat|Orientation' | sort
    }
    listed turned.jpg >want.txt
    is "exiftool finds the source's tags" [ "$(grep -c . want.txt)" = 5 ]
    for file in $boxed; do
        listed $file >got.txt
        is "exiftool: $file has EXIF and XMP" [ "$(grep -v IPTC want.txt)" = "$(cat got.txt)" ]
        is "exiftool: $file is sound" [ -z "$(exiftool -q -warning -error $file)" ]
    done
    for file in base.jpg base.png wide.tif wide_out.png again.jpg kept.jpg new.jpg kept.tif kept.png ultra_kept.jpg; do
        listed $file >got.txt
        is "exiftool: $file has the source's tags" cmp -s want.txt got.txt
        case $file in kept.png | *kept.jpg | kept.tif) turned=6 ;; *) turned=1 ;; esac
        got=$(exiftool -n -s3 -IFD0:Orientation $file)
        is "exiftool: $file is turned" [ "${got:-1} $(exiftool -n -s3 -XMP-tiff:Orientation $file)" = "$turned $turned" ]
        is "exiftool: $file is sound" [ -z "$(exiftool -q -warning -error $file)" ]
    done
fi
finish
