#!/bin/sh
# demo.sh BUILD: the whole way of one synthetic picture through the tool, in BUILD/demo.
set -eu
tool=$1/gamutmlp
dir=$1/demo
mkdir -p "$dir"

value() { grep -o "\"$2\": *[^,}]*" "$dir/$1.json" | sed 's/.*: *//'; }
size() { echo "$(wc -c <"$1")" | awk '{ if ($1 < 1048576) printf "%.1f KB", $1 / 1024; else printf "%.1f MB", $1 / 1048576 }'; }
row() { printf '  %-28s %18s %18s\n' "$@"; }

echo "Rendering a picture in ProPhoto RGB, $dir/scene.png"
"$1/scene" "$dir/scene.png" 4000 3000
for kind in jpg png; do
    echo "Encoding it as $dir/travels.$kind, an 8-bit sRGB file, and decoding that"
    "$tool" encode "$dir/scene.png" "$dir/travels.$kind" --from prophoto --json >"$dir/encode-$kind.json"
    "$tool" decode "$dir/travels.$kind" "$dir/decoded-$kind.png" --json >"$dir/decode-$kind.json"
    "$tool" compare "$dir/scene.png" "$dir/decoded-$kind.png" --from prophoto --json \
        --heatmap "$dir/error-$kind.png" --chromaticity "$dir/chromaticity-$kind.png" >"$dir/compare-$kind.json"
done

echo "Encoding an HDR rendition, the picture's numbers taken for HLG, beside the sRGB JPEG as $dir/hdr_travels.jpg, and decoding that"
"$tool" strip "$dir/travels.jpg" "$dir/sdr.jpg"
"$tool" hdr-encode "$dir/sdr.jpg" "$dir/scene.png" "$dir/hdr_travels.jpg" --from-hdr rec2020hlg --json >"$dir/hdr.json"
"$tool" hdr-decode "$dir/hdr_travels.jpg" "$dir/hdr.png"
"$tool" hdr-decode "$dir/hdr_travels.jpg" "$dir/ultra.jpg"

outside=$(value encode-png out_of_gamut | awk '{ printf "%.1f", 100 * $1 }')
echo
echo "$(value encode-png width) x $(value encode-png height) pixels, $outside % of them outside sRGB; scene.png: $(size "$dir/scene.png")"
echo
row "" JPEG PNG
row "the sRGB file" "$(size "$dir/travels.jpg")" "$(size "$dir/travels.png")"
row "the network in it, bytes" "$(value encode-jpg blob_bytes)" "$(value encode-png blob_bytes)"
row "all metadata it added, bytes" "$(value encode-jpg metadata_bytes)" "$(value encode-png metadata_bytes)"
decibels() { row "  $1" "$(value "$2-jpg" "$3" | awk '{ printf "%.2f dB", $1 }')" "$(value "$2-png" "$3" | awk '{ printf "%.2f dB", $1 }')"; }
echo "  PSNR in linear ProPhoto, all pixels"
decibels "sRGB alone" encode psnr_clip
decibels "with the network" compare psnr
echo "  PSNR in linear ProPhoto, pixels outside sRGB"
decibels "sRGB alone" encode psnr_clip_og
decibels "with the network" compare psnr_og
echo
echo "HDR, up to $(value hdr headroom_stops | awk '{ printf "%.1f", $1 }') stops above white, with a network of $(value hdr blob_bytes) bytes; PSNR of the PQ signal:"
echo "  the sRGB JPEG as it is $(value hdr psnr_sdr | awk '{ printf "%.2f", $1 }') dB, with the network $(value hdr psnr | awk '{ printf "%.2f", $1 }') dB"
cat <<END

In $dir:
  travels.jpg, travels.png               open these anywhere
  decoded-jpg.png, decoded-png.png       16-bit ProPhoto RGB, made from those alone
  error-jpg.png, error-png.png           where the decoded pictures differ from scene.png
  chromaticity-jpg.png, ...-png.png      the colours of both, outside sRGB
  hdr_travels.jpg                        the sRGB JPEG again, with a network for HDR
  hdr.png, ultra.jpg                     what that gives: 16-bit PQ; an Ultra HDR file, which HDR displays show
END
