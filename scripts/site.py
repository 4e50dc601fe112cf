"""site.py BUILD [PICTURE]: the pictures of docs/index.html, and the numbers in it, from a run of BUILD/gamutmlp.

PICTURE: 16 bit, ProPhoto RGB; without one, that of BUILD/scene. Needs ImageMagick and avifenc (libavif-bin)."""
import array
import json
import pathlib
import re
import subprocess
import sys

WIDTH = 640
build = pathlib.Path(sys.argv[1])
run = build / "site"
docs = pathlib.Path(__file__).parent.parent / "docs"
pictures = docs / "pictures"


def call(*words):
    try:
        return subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE).stdout
    except FileNotFoundError:
        sys.exit(f"gamutmlp: make site needs {words[0]}: apt-get install imagemagick libavif-bin")
    except subprocess.CalledProcessError as e:
        sys.exit(f"gamutmlp: {words[0]} {words[1]}: exit status {e.returncode}")


def tool(*words):
    return json.loads(call(build / "gamutmlp", *words, "--json"))


def samples(path):
    """16-bit codes of R, G, B, row after row."""
    order = "LSB" if sys.byteorder == "little" else "MSB"
    codes = array.array("H", call("convert", path, "-depth", 16, "-endian", order, "rgb:-"))
    assert len(codes) == 3 * width * height
    return codes


def light(code):
    """ROMM RGB's curve (ISO 22028-2)."""
    v = code / 65535
    return v / 16 if v < 16 / 512 else v**1.8


def draw(name, pixels, *options):
    kind = "rgb:-" if len(pixels) == 3 * width * height else "gray:-"
    subprocess.run(["convert", "-size", f"{width}x{height}", "-depth", "8", kind, *options, str(pictures / name)],
                   input=bytes(pixels), check=True)


run.mkdir(parents=True, exist_ok=True)
pictures.mkdir(exist_ok=True)
wide, file = run / "wide.png", pictures / "photo.jpg"
if len(sys.argv) > 2:
    call("convert", sys.argv[2], "-resize", WIDTH, "-depth", 16, wide)
else:
    call(build / "scene", wide, WIDTH, 480)

# --base srgb: all that comes back is the network's doing; sYCC would keep a part in the JPEG itself.
made = tool("encode", wide, file, "--from", "prophoto", "--base", "srgb")
width, height = made["width"], made["height"]
tool("decode", file, run / "back.png")
tool("decode", file, run / "p3.png", "--to", "p3")
call("avifenc", "--min", 10, "--max", 22, "--depth", 10, run / "p3.png", pictures / "recovered.avif")
call(build / "gamutmlp", "strip", file, run / "plain.jpg")
tool("decode", run / "plain.jpg", run / "plain.png", "--base", "srgb", "--to", "prophoto")
errors = {}
for name in "plain", "back":
    plots = ["--heatmap", run / f"error-{name}.png", "--chromaticity", run / f"colours-{name}.png"]
    errors[name] = tool("compare", wide, run / f"{name}.png", "--from", "prophoto", *plots)
    call("convert", run / f"error-{name}.png", "-resize", 700, "-quality", 72, pictures / f"error-{name}.jpg")
    for side, panel in ("West", "true"), ("East", name): # the plot's halves, without titles
        call("convert", run / f"colours-{name}.png", "-gravity", side, "-crop", "50%x100%+0+0", "+repage",
             "-gravity", "North", "-chop", "0x225", "-resize", 480, "+dither", "-colors", 32, "-strip",
             pictures / f"colours-{panel}.png")

# How far each pixel is outside sRGB, by the README's rule.
curve = [light(code) for code in range(65536)]
beyond = {}
for name, path in ("true", wide), ("back", run / "back.png"):
    codes = samples(path)
    far = beyond[name] = []
    for i in range(0, len(codes), 3):
        r, g, b = curve[codes[i]], curve[codes[i + 1]], curve[codes[i + 2]]
        linear = (2.0343675 * r - 0.7276345 * g - 0.3067331 * b, -0.2288268 * r + 1.2317534 * g - 0.0029266 * b,
                  -0.0085584 * r - 0.1532682 * g + 1.1618266 * b)
        low, high = min(linear), max(linear)
        far.append(max(-low, high - 1, 0) if high >= 0 and low <= 1 else 0)
outside = sum(v > 0 for v in beyond["true"])
assert abs(outside / (width * height) - made["out_of_gamut"]) < 1e-3, outside # as the tool counts

# Where, over a dim picture; and how far.
codes = samples(wide)
mask = bytearray()
for i, far in enumerate(beyond["true"]):
    mask += b"\xff\x40\xb0" if far > 0 else bytes([sum(codes[3 * i:3 * i + 3]) // 3 * 150 // 65535]) * 3
draw("outside.jpg", mask, "-sampling-factor", "4:4:4", "-quality", "75")
most = sorted(beyond["true"])[-width * height // 500]
for name, far in beyond.items():
    draw(f"beyond-{name}.jpg", [min(int(255 * (v / most)**0.5), 255) for v in far], "-quality", "75")

hdr = tool("hdr-encode", run / "plain.jpg", wide, run / "hdr.jpg", "--from-hdr", "rec2020hlg")


def kilobytes(size):
    return f"{size / 1024:.1f} KB" if size < 102400 else f"{size / 1024:.0f} KB"


sizes = [("The original, 16-bit PNG", wide.stat().st_size), ("The JPEG that travels", made["file_bytes"]),
         ("metadata in it", made["metadata_bytes"]), ("the network in that", made["blob_bytes"]),
         ("A network for HDR", hdr["blob_bytes"])]
bars = "\n".join(f'        <tr><th scope="row">{name}<td>{kilobytes(size)}'
                 f'<td><span class="bar" style="width: {max(size / sizes[0][1] * 100, 0.1):.1f}%"></span>'
                 for name, size in sizes)
numbers = {
    "outside": f"{100 * made['out_of_gamut']:.0f} %",
    "plain": f"{errors['plain']['psnr_og']:.1f} dB",
    "back": f"{errors['back']['psnr_og']:.1f} dB",
}
page = docs / "index.html"
text = page.read_text()
for name, value in numbers.items():
    text, found = re.subn(f'(<b data-run="{name}">)[^<]*', rf"\g<1>{value}", text)
    assert found, name
text, found = re.subn(r'(<tbody data-run="sizes">\n).*?( *</tbody>)', lambda m: f"{m[1]}{bars}\n{m[2]}", text,
                      flags=re.S)
assert found == 1
page.write_text(text)
total = sum(f.stat().st_size for f in pictures.iterdir())
print(f"docs/index.html, docs/pictures/: {kilobytes(total)} of pictures")
