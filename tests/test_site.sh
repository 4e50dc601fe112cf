#!/bin/sh
# test_site.sh: all links of docs/index.html lead somewhere in this repository and nowhere else, every picture is shown, and
# all of it is small.
cd "$(dirname "$0")/../docs" || exit 1
failed=0
fail() { echo "not ok site: $1"; failed=1; }
links=$(sed 's/&lt;.*&gt;//' index.html | grep -Eo '(href|src|srcset)="[^"]*"' | sed 's/^[^"]*"//; s/"$//' | sort -u)
[ -n "$links" ] || fail "no links are found"
for link in $links; do
    file=${link%%#*}
    case $link in *:*) fail "$link is elsewhere" ;; esac
    [ -z "$file" ] || [ -f "$file" ] || fail "$link: no such file"
    case $link in
    \#*) grep -q "id=\"${link#?}\"" index.html || fail "$link: no such place" ;;
    *.md\#*) # as headings are called on GitHub
        sed -n 's/^##* //p' "$file" | tr 'A-Z ' 'a-z-' | sed 's/[^a-z0-9_-]//g' | grep -qx "${link#*#}" ||
            fail "$link: no such heading" ;;
    esac
done
grep -nE 'url\(|@import' site.css && fail "site.css asks for more"
for picture in pictures/*; do
    echo "$links" | grep -qx "$picture" || fail "$picture is not shown"
done
total=$(cat index.html site.css pictures/* | wc -c)
[ "$total" -lt 614400 ] || fail "$total bytes are more than 600 KB"
[ $failed = 1 ] || echo "ok site: links, pictures, $((total / 1024)) KB"
exit $failed
