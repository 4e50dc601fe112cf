#!/usr/bin/env python3
"""Strangers' pictures through the tool: no crash, no hang, nothing left behind, no success with wrong colours.

    tests/world.py FOLDER [--only GLOB] [--tool build/gamutmlp] [--out build/world] [--jobs 2]

Run by "make world DATA=folder" on a tree of files of any kind. Every file goes through encode, decode, inspect,
strip and hdr-encode; what encode and hdr-encode make goes through inspect, decode, compare, strip, hdr-encode and
hdr-decode. A file is ok, refused (exit 1, with a reason and its name) or a FAULT. OUT/results.jsonl has a line a
file, OUT/faults.txt the commands that repeat each fault. Exit 1 if there is one. A tool built with AddressSanitizer
works too; its memory is not judged.

Needs python3 with numpy and OpenEXR (PyPI), ImageMagick (convert), avifdec, heif-convert, djxl and liblcms2. Where
truth comes from:
  samples   ImageMagick without its colour management, turned upright; EXR: the OpenEXR library's data window; AVIF,
            HEIC and JPEG XL: their libraries' own programs
  colour    ICC profiles: Little-CMS in float, relative colorimetric, no black point compensation; all else: the
            matrices and curves below, white points joined by Bradford. What leaves sRGB is clipped per channel
Where the tool may differ, a comment that begins with "Rule" says why.
"""
import argparse, concurrent.futures, ctypes, ctypes.util, fnmatch, io, json, os, re, shlex, shutil, signal, struct
import subprocess, sys, tempfile, threading, time, zlib
from collections import Counter, defaultdict

import numpy as np

SECONDS = 20                           # of wall and processor time, a command
MEMORY, REFUSING = 2 << 30, 512 << 20  # bytes at most, and for a file that is refused
SMALL, APIECE = 64 << 20, 40           # bytes always allowed; times what 16-bit samples take
LARGEST = 1 << 25                      # pixels of which the colours are looked at
CODES, SHARE = 3, 0.01                 # more than CODES of 255 off on more than this share of the pixels is wrong
FAST = ["--preset", "fast", "--iterations", "20"]

# What a file says of itself.

def tiff_directory(b, end, big, at):
    """{tag: values} of the TIFF directory at an offset."""
    head, size, word = ("Q", 20, "Q") if big else ("H", 12, "I")
    tags, first = {}, at + struct.calcsize(head)
    for at in range(first, first + size * min(struct.unpack_from(end + head, b, at)[0], 4096), size):
        tag, kind, many = struct.unpack_from(end + "HH" + word, b, at)
        code = {1: "B", 2: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}.get(kind)
        here = at + size - struct.calcsize(word)
        if code and many * struct.calcsize(code) > struct.calcsize(word):
            here = struct.unpack_from(end + word, b, here)[0]
        if code and many <= len(b):
            tags[tag] = struct.unpack_from(f"{end}{many}{code}", b, here)
    return tags

def tiff_tags(b):
    """The first directory, and a function that reads others."""
    end = "<" if b[:1] == b"I" else ">"
    big = struct.unpack_from(end + "H", b, 2)[0] == 43
    read = lambda at: tiff_directory(b, end, big, at)
    return read(struct.unpack_from(end + "Q", b, 8)[0] if big else struct.unpack_from(end + "I", b, 4)[0]), read

def exif(b, f):
    tags, read = tiff_tags(b)
    interop = read(tags[0x8769][0]).get(0xA005) if 0x8769 in tags else None
    f["r03"] = bool(interop) and bytes(read(interop[0]).get(1, ())).startswith(b"R03")

def png_facts(b, f):
    at = 8
    while at + 12 <= len(b):
        n, name = struct.unpack_from(">I4s", b, at)
        data = b[at + 8 : at + 8 + n]
        at += 12 + n
        if name == b"cICP": f["cicp"] = tuple(data)
        elif name == b"sRGB": f["srgb"] = True
        elif name == b"gAMA" and n == 4: f["gamma"] = 1e5 / max(struct.unpack(">I", data)[0], 1)
        elif name == b"cHRM" and n == 32: f["xy"] = tuple(np.roll(struct.unpack(">8I", data), -2) / 1e5)
        elif name == b"iCCP" and n:
            try: f["icc"] = zlib.decompressobj().decompress(data[data.index(b"\0") + 2 :], 1 << 24)
            except (zlib.error, ValueError): f["icc"] = b"damaged"
        elif name == b"eXIf": exif(data, f)

def jpeg_facts(b, f):
    at, icc = 2, {}
    while at + 4 <= len(b) and b[at] == 0xFF and b[at + 1] != 0xDA:
        if b[at + 1] == 0xFF:
            at += 1
            continue
        n, marker = struct.unpack_from(">H", b, at + 2)[0], b[at + 1]
        data = b[at + 4 : at + 2 + n]
        at += 2 + n
        if marker == 0xE2 and data.startswith(b"ICC_PROFILE\0") and n > 16: icc.setdefault(data[12], data[14:])
        if marker == 0xE1 and data.startswith(b"Exif\0\0"):
            try: exif(data[6:], f)
            except (struct.error, IndexError): pass
    if icc: f["icc"] = b"".join(icc[k] for k in sorted(icc))

def tiff_facts(b, f):
    tags, read = tiff_tags(b)
    get = lambda tag, usual, where=tags: where.get(tag, (usual,))[0]
    pixels = lambda where: get(256, 0, where) * get(257, 0, where)
    f["linear"] = get(339, 1) == 3
    f["associated"] = 1 in tags.get(338, ())
    if 34675 in tags: f["icc"] = bytes(tags[34675])
    if get(284, 1) == 2 and get(262, 2) < 2 and get(277, 1) > 1:
        f["no truth"] = "ImageMagick misreads grey with alpha in planes"
    # Rule: white is 0 there by the standard, and libtiff's own reader inverts; ImageMagick does not.
    if get(262, 2) == 0 and 1 < get(258, 1) < 8: f["no truth"] = "ImageMagick does not invert WhiteIsZero of 2 or 4 bits"
    if get(254, 0) & 1 or 50706 in tags or any(pixels(read(at)) > pixels(tags) for at in tags.get(330, ())):
        f["preview"] = "the first page of this TIFF, DNG or raw is a preview, yet it was taken"

def exr_facts(b, f):
    at, f["linear"] = 8, True
    while b[at]:
        name, kind, _ = b[at : at + 512].split(b"\0", 2)
        at += len(name) + len(kind) + 6
        n, = struct.unpack_from("<i", b, at - 4)
        if name == b"chromaticities" and n == 32: f["xy"] = struct.unpack_from("<8f", b, at)
        if name == b"dataWindow":
            x0, y0, x1, y1 = struct.unpack_from("<4i", b, at)
            if (x1 - x0 + 1) * (y1 - y0 + 1) > LARGEST: f["no truth"] = "too large for this script"
        names = re.findall(rb"([^\0]+)\0.{16}", b[at : at + n], re.S) if name == b"channels" else []
        # Rule: the format wants channels in the alphabet's order, and readers differ on files that have another.
        if names != sorted(names): f["no truth"] = "EXR channels out of order"
        at += n

def heif_facts(b, f):
    """The colour of the first item that says it: the picture's, as writers have it."""
    f["linear"] = False
    for at in (m.start() for m in re.finditer(b"colr", b)):
        kind, data = b[at + 4 : at + 8], b[at + 8 : at - 4 + struct.unpack_from(">I", b, at - 4)[0]]
        if kind in (b"prof", b"rICC"): f.setdefault("icc", data)
        # Rule: 2 says nothing; libraries take sRGB then.
        elif kind == b"nclx" and 2 not in (data[1], data[3]): f.setdefault("nclx", (data[1], data[3], 0, 1))
    if "icc" not in f and "nclx" in f: f["cicp"] = f["nclx"]

def radiance_facts(b, f):
    m = re.search(rb"PRIMARIES=([ \t\d.]+)", b[:4096])
    f["linear"] = True
    if b"xyze" in b[:4096] or b"EXPOSURE" in b[:4096]: f["no truth"] = "ImageMagick takes no XYZE and no EXPOSURE"
    if m and min(map(float, m[1].split())) > 0: f["xy"] = tuple(map(float, m[1].split()))  # zeros say nothing

def facts(path):
    with open(path, "rb") as file: b = file.read()
    f = {"kind": None, "gainmap": b"hdrgm:" in b or b"HDRGainMap" in b or b"iso:ts:21496" in b}
    for magics, kind, read in (((b"\x89PNG\r\n\x1a\n",), "png", png_facts), ((b"\xff\xd8\xff",), "jpeg", jpeg_facts),
                               ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "tiff", tiff_facts),
                               ((b"v/1\1",), "exr", exr_facts), ((b"P5", b"P6"), "ppm", lambda b, f: None),
                               ((b"#?",), "hdr", radiance_facts), ((b"\xff\x0a", b"\0\0\0\x0cJXL "), "jxl",
                                lambda b, f: None)):
        if b.startswith(magics):
            f["kind"] = kind
            try: read(b, f)
            except (struct.error, ValueError, IndexError): pass  # a damaged file: what was found so far
    if b[4:8] == b"ftyp":
        f["kind"] = "avif" if b"avif" in b[8:40] and not re.search(b"irot|imir|clap", b) else "heif"
        try: heif_facts(b, f)
        except (struct.error, IndexError): pass
    return f

# What its numbers are.

def program(*command):
    """Its output; what it says if that is nothing."""
    done = subprocess.run(command, capture_output=True, timeout=SECONDS)
    return done.stdout, " ".join(done.stderr.decode("utf-8", "replace").split())[-160:]

def magick(path, kind, *how):
    """Upright samples, 0..1, as they stand in the file; colour is divided by associated alpha."""
    limits = "-limit memory 256MiB -limit map 0 -limit disk 0".split()
    out, said = program("convert", *limits, f"{kind}:{path}[0]", "-auto-orient", *how, "-strip", "-set", "colorspace",
                        "sRGB", "-depth", "16", "ppm:-")
    m = re.match(rb"P6\s(\d+)\s(\d+)\s(\d+)\s", out)
    if not m: raise ValueError("ImageMagick: " + said)
    w, h, most = map(int, m.groups())
    codes = np.frombuffer(out, ">u2" if most > 255 else "u1", w * h * 3, m.end())
    return codes.reshape(h, w, 3).astype(np.float32) / most

# Rule: libavif and libheif differ in how they filter chroma and in the order of a grid's cells: each is right.
READERS = {"avif": [["avifdec", "-d", "16"], ["heif-convert"]], "heif": [["heif-convert"]],
           "jxl": [["djxl", "--bits_per_sample", "16"]]}

def own_programs(path, f, *how):
    """(samples, facts) by the programs that come with the format's libraries."""
    out, said = [], ""
    for reader in READERS[f["kind"]]:
        with tempfile.TemporaryDirectory() as folder:
            said = program(*reader, path, folder + "/a.png")[1] or said
            made = [f"{folder}/{name}" for name in sorted(os.listdir(folder))][:1]
            out += [(magick(name, "png", *how), facts(name) if f["kind"] == "jxl" else f) for name in made]
    if not out: raise ValueError(f["kind"] + ": " + said)
    return out

def alphas_of(path, f):
    how = "-alpha", "extract"
    all = own_programs(path, f, *how) if f["kind"] in READERS else [(magick(path, f["kind"], *how), f)]
    return [v[..., 0] for v, _ in all]

OPENEXR = """
import sys, OpenEXR, numpy as np
c = OpenEXR.File(sys.argv[1], separate_channels=True).channels()
sys.exit('luminance and chroma are not checked') if 'RY' in c else None
v = np.stack([c[k].pixels for k in ('RGB' if 'R' in c else 'YYY')], 2).astype(np.float32)
if 'A' in c: # Rule: colours are premultiplied, and the tool divides; where alpha is 0 they stay
    a = c['A'].pixels.astype(np.float32)[:, :, None]
    v = np.where(a > 0, v / np.where(a > 0, a, 1), v)
np.save(sys.stdout.buffer, v)
"""

def samples(path, f):
    if "no truth" in f: raise ValueError(f["no truth"])
    if not f["kind"]: raise ValueError("a kind that is not looked at here")
    if f["kind"] != "exr": return magick(path, f["kind"])
    out, said = program(sys.executable, "-c", OPENEXR, path)  # a process of its own: damaged files crash readers
    at = out.find(b"\x93NUMPY")  # behind its warnings
    if at < 0: raise ValueError("OpenEXR: " + said)
    return np.load(io.BytesIO(out[at:]))

SRGB = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
P3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290)
REC2020 = (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.3290)
ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290)
ROMM = (0.734699, 0.265301, 0.159597, 0.840403, 0.036598, 0.000105, 0.345704, 0.358540)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

def to_xyz(xy):
    """Linear colour with these primaries and white to XYZ with D50."""
    white = lambda x, y: np.array([x / y, 1, (1 - x - y) / y])
    m = np.stack([np.array([x, y, 1 - x - y]) for x, y in zip(xy[0:6:2], xy[1:6:2])], 1)
    gain = (BRADFORD @ white(*ROMM[6:])) / (BRADFORD @ white(*xy[6:]))
    return np.linalg.inv(BRADFORD) @ np.diag(gain) @ BRADFORD @ (m * np.linalg.solve(m, white(*xy[6:])))

def srgb_curve(v):
    return np.where(v <= 0.04045, v / 12.92, ((np.maximum(v, 0) + 0.055) / 1.055) ** 2.4)

def bt709_curve(v):
    return np.where(v < 0.081, v / 4.5, ((np.maximum(v, 0) + 0.099) / 1.099) ** (1 / 0.45))

def pq_curve(v):
    p = np.clip(v, 0, 1) ** (1 / 78.84375)
    return (np.maximum(p - 0.8359375, 0) / (18.8515625 - 18.6875 * p)) ** (1 / 0.1593017578125) * 10000 / 203

def hlg_curve(v):
    """With the display's system gamma at 1000 nit."""
    scene = np.where(v <= 0.5, v * v / 3, (np.exp((np.maximum(v, 0.5) - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return scene * (np.maximum(scene @ np.array(to_xyz(REC2020)[1]), 1e-9) ** 0.2)[..., None] * 1000 / 203

CURVES = {1: bt709_curve, 6: bt709_curve, 8: lambda v: v, 13: srgb_curve, 14: bt709_curve, 15: bt709_curve,
          16: pq_curve, 18: hlg_curve}

def lcms_to_srgb(icc, v):
    """Samples by an ICC profile to sRGB's codes, 0..1; nothing is clipped."""
    lib, p = ctypes.CDLL(ctypes.util.find_library("lcms2")), ctypes.c_void_p
    lib.cmsOpenProfileFromMem.restype = lib.cmsCreate_sRGBProfile.restype = lib.cmsCreateTransform.restype = p
    grey = icc[16:20] == b"GRAY"
    rgb_float, grey_float, exact, relative = 0x44001C, 0x43000C, 0x140, 1
    source, to = p(lib.cmsOpenProfileFromMem(icc, len(icc))), p(lib.cmsCreate_sRGBProfile())
    kind = grey_float if grey else rgb_float
    t = source and p(lib.cmsCreateTransform(source, kind, to, rgb_float, relative, exact))
    if not t: raise ValueError("the ICC profile is damaged or not of RGB or grey")
    v, out = np.ascontiguousarray(v[..., :1] if grey else v, np.float32), np.empty(v.shape, np.float32)
    lib.cmsDoTransform(t, v.ctypes.data_as(p), out.ctypes.data_as(p), v.shape[0] * v.shape[1])
    lib.cmsDeleteTransform(t)
    lib.cmsCloseProfile(source)
    lib.cmsCloseProfile(to)
    return out

def stated(f):
    """Primaries and curve of a file without a profile."""
    icc = f.get("icc", b"")
    at = next((i for i in range(132, min(len(icc) - 12, 132 + 1200), 12) if icc[i : i + 4] == b"cicp"), 0)
    cicp = f.get("cicp") or (tuple(icc[struct.unpack_from(">I", icc, at + 4)[0] + 8 :][:4]) if at else None)
    if cicp:
        xy, curve = {1: SRGB, 9: REC2020, 12: P3}.get(cicp[0]), CURVES.get(cicp[1])
        # Rule: gamma 2.2 and sRGB's primaries mean sRGB, as below.
        if cicp[1] == 4: curve = srgb_curve if xy is SRGB else lambda v: v ** 2.2
        if not xy or not curve: raise ValueError(f"cICP {cicp[0]}/{cicp[1]} is unknown")
        return xy, curve
    if icc: return None, None
    if f.get("srgb"): return SRGB, srgb_curve
    if f.get("linear"): return f.get("xy", SRGB), lambda v: v
    if f.get("r03"): return ADOBE, lambda v: v ** (563 / 256)
    xy, gamma = f.get("xy", SRGB), f.get("gamma", 2.2)
    # Rule: a gamma of 1/2.2 with sRGB's primaries is how writers without an sRGB chunk say sRGB.
    usual = "gamma" not in f or abs(gamma - 2.2) < 0.015 and np.allclose(xy, SRGB, atol=0.002)
    return xy, srgb_curve if usual else lambda v: v ** gamma

def truths(path, f):
    """8-bit sRGB pictures, each of which would be right."""
    all = own_programs(path, f) if f["kind"] in READERS else [(samples(path, f), f)]
    return [picture for v, said in all for picture in truths_of(v, said)]

def truths_of(v, f):
    xy, curve = stated(f)
    if not xy: return [np.clip(lcms_to_srgb(f["icc"], v), 0, 1) * 255]
    v, to, out = np.nan_to_num(curve(v).astype(np.float32), posinf=1e6, neginf=-1e6), to_xyz(xy), []
    # Rule: what the source's space cannot hold is clamped in it, or in ROMM or Rec. 2020 where the tool has no
    # such space.
    for space in (None, xy, REC2020, ROMM) if f.get("linear") or curve in (pq_curve, hlg_curve) else (None,):
        there = np.linalg.inv(to_xyz(space or SRGB)) @ to
        clamped = np.clip(v @ there.T, 0, 1) @ np.linalg.inv(there).T if space else v
        light = np.clip(clamped @ (np.linalg.inv(to_xyz(SRGB)) @ to).T, 0, 1)
        curved = 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055
        out.append(np.where(light <= 0.0031308, light * 12.92, curved) * 255)
    return out

def differs(right, has, where=slice(None)):
    """None, or how a picture is unlike all that would be right."""
    right = [r for r in right if r.shape == has.shape] or right
    if right[0].shape != has.shape:
        return "geometry: {1} x {0}, not {3} x {2}".format(*has.shape[:2], *right[0].shape[:2])
    wrong = lambda a, b: (np.abs(np.rint(a) - np.rint(b)).max(2) > CODES)[where].mean()
    share, best = min((wrong(r, has), i) for i, r in enumerate(right))
    if not share > SHARE: return None
    for turned in [np.rot90(p, k) for p in (has, has[::-1]) for k in range(4)][1:]:
        if turned.shape == has.shape and wrong(right[best], turned) < share / 4: return "geometry: turned or mirrored"
    mean = np.abs(right[best] - has).mean()
    return f"colour: {share:.0%} of the pixels are off by more than {CODES} codes, the mean is {mean:.0f}"

def unlike_gain_map(path, hdr):
    """None, or how far an EXR is from the formula of a picture's hdrgm gain map, at primaries with sRGB's curve."""
    with open(path, "rb") as file: b = file.read()
    at = b.rfind(b"hdrgm:GainMapMax")
    if at < 0: return None
    xmp = b[b.rfind(b"<x:xmpmeta", 0, at) : b.find(b"</x:xmpmeta", at)].decode("latin-1")

    def number(name, usual):
        m = re.search(rf'hdrgm:{name}(?:="([^"]*)"|>(.*?)</hdrgm:{name}>)', xmp, re.S)
        values = re.findall(r"[-+\d.eE]+", re.sub("<.*?>", " ", m[1] or m[2])) if m else [usual]
        return np.array([float(v) for v in values])

    light = srgb_curve(magick(path, "jpeg"))
    with open(hdr + ".map", "wb") as file: file.write(b[b.rfind(b"\xff\xd8\xff", 0, at) :])
    stops = magick(hdr + ".map", "jpeg", "-resize", "%dx%d!" % light.shape[1::-1]) ** (1 / number("Gamma", 1))
    os.remove(hdr + ".map")
    low, high = number("GainMapMin", 0), number("GainMapMax", 1)
    right = (light + number("OffsetSDR", 1 / 64)) * np.exp2(low + (high - low) * stops) - number("OffsetHDR", 1 / 64)
    has = samples(hdr, {"kind": "exr"})
    if has.shape != right.shape: return "the HDR picture has another size or is not upright"
    off = np.abs(np.log2(np.maximum(has, 0) + 0.02) - np.log2(np.maximum(right, 0) + 0.02))
    away = np.percentile(off, 75)  # a short training leaves the rest
    return f"a quarter is more than {away:.2f} stops from the gain map's formula" if away > 0.5 else None

# The tool.

# A small process starts it, as a child's peak memory begins with its parent's. Behind its output come the figures.
RUNNER = """
import json, os, resource, signal, sys, time
seconds, memory = map(int, sys.argv[1:3])
begin, pid = time.monotonic(), os.fork()
if not pid:
    if memory: resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.execv(sys.argv[3], sys.argv[3:])
signal.signal(signal.SIGALRM, lambda *a: os.kill(pid, 9))
signal.alarm(seconds)
_, status, use = os.wait4(pid, 0)
wall, processor = time.monotonic() - begin, use.ru_utime + use.ru_stime
print("\\n" + json.dumps([os.waitstatus_to_exitcode(status), wall, processor, use.ru_maxrss << 10]))
"""

class Way:
    """One file's way through the tool, in a folder of its own: what is written there has short names."""

    def __init__(self, o, path, folder):
        self.o, self.path, self.folder = o, path, folder
        self.kept, self.faults, self.peak, self.slowest = set(), [], 0, 0.0

    def fault(self, what, arguments=None):
        self.faults.append((what, shlex.join([self.o.tool, *(arguments or self.encoding)])))

    def pixels(self, name):
        return magick(f"{self.folder}/{name}", "png") * 255

    def start(self, arguments, fill):
        """(status, output, messages, whether it was slow, peak bytes)"""
        command = [sys.executable, "-SEc", RUNNER, str(3 * SECONDS), str(0 if self.o.sanitized else 2 * MEMORY), self.o.tool]
        fills = {"MALLOC_PERTURB_": str(fill)} if fill else {}
        for _ in range(2):  # what took long on a busy machine runs again
            done = subprocess.run([*command, *arguments], capture_output=True, stdin=subprocess.DEVNULL, cwd=self.folder,
                                  env={**os.environ, **fills})
            output, _, figures = done.stdout.decode("utf-8", "replace").rstrip("\n").rpartition("\n")
            rc, wall, processor, peak = json.loads(figures)
            if wall <= SECONDS: break
        self.peak, self.slowest = max(self.peak, peak), max(self.slowest, wall)
        slow = min(wall, processor) > SECONDS or wall > 3 * SECONDS - 1
        return rc, output, done.stderr.decode("utf-8", "replace"), slow, peak

    def run(self, command, *inputs, out=None, as_json=False, area=0, fill=None):
        """(status, output, the messages' last line). Looks at what must hold for every file."""
        arguments = [command, *inputs, *([out] if out else []), *(FAST if "encode" in command else [])] + ["--json"] * as_json
        self.last, fault = arguments, lambda what: self.fault(what, arguments)
        rc, output, said, slow, peak = self.start(arguments, fill)
        if rc == 0 and out: self.kept.add(out)
        there = set(os.listdir(self.folder))
        for name in there - self.kept: os.remove(f"{self.folder}/{name}")
        sanitizer = re.search(".*(Sanitizer|runtime error:).*", said)
        if slow: fault(f"slow: more than {SECONDS} s")
        elif sanitizer: fault("sanitizer: " + sanitizer[0][-160:])
        elif rc < 0: fault(f"crash: {signal.Signals(-rc).name}")
        elif rc > 1: fault(f"exit status {rc}")
        elif rc and not any(os.path.basename(name) in said for name in inputs):
            fault("message without a file's name: " + said[:80])
        if re.search(r"[^\n\t -~\u00a0-\ufffc]", said): fault("message unprintable: " + repr(said[:80]))
        most = min(MEMORY, SMALL + APIECE * 6 * area) if area else REFUSING
        if self.o.sanitized: pass
        elif peak > most: fault(f"memory: {peak >> 20} MB, more than {most >> 20} MB")
        elif rc == 1 and re.search("out of memory|for the memory", said):
            fault(f"memory: asks for more than {2 * MEMORY >> 30} GB")
        if there - self.kept and not slow: fault("left behind: " + ", ".join(sorted(there - self.kept)))
        if rc == 0 and out and out not in there: fault("exit 0 without its output")
        if rc == 0 and as_json:
            try: output = json.loads(output)
            except ValueError: fault("not JSON: " + output[:80])
        said = re.sub(r"\S*" + re.escape(os.path.basename(self.path)), "FILE", said)
        return rc, output if isinstance(output, dict) or not as_json else {}, said.strip().split("\n")[-1]

    def go(self):
        src, f = self.path, facts(self.path)
        rc, told, why = self.run("encode", src, out="e.png", as_json=True)
        self.encoding = self.last
        self.run("inspect", src)
        self.run("decode", src, out="d0.png")
        self.run("strip", src, out="s0")
        hdr, _, hdr_why = self.run("hdr-encode", src, out="g.jpg")
        if hdr == 0 and f["kind"] == "jpeg": self.gain_map()  # others are compressed anew
        result = {"kind": f["kind"], "gainmap": f["gainmap"] and (hdr_why if hdr else "read")}
        if rc: return {**result, "state": "refused", "why": why, "others": self.others(f["kind"])}
        space = f"{told.get('space')} ({told.get('space_from')})"
        return {**result, "state": "ok", "space": space, "checked": self.accepted(f, told, space)}

    def others(self, kind):
        """Whether ImageMagick reads the file without a word."""
        if kind in (None, "exr"): return False
        try: return not program("convert", f"{kind}:{self.path}[0]", "null:")[1]
        except subprocess.TimeoutExpired: return False

    def gain_map(self):
        made, g = self.last, f"{self.folder}/g"
        if not np.array_equal(magick(self.path, "jpeg"), magick(g + ".jpg", "jpeg")):
            self.fault("hdr-encode: changes the picture", made)
        if self.run("hdr-decode", "g.jpg", out="g.exr")[0] == 0:
            how = unlike_gain_map(self.path, g + ".exr")
            if how: self.fault("hdr-encode: " + how, made)

    def accepted(self, f, told, space):
        """What encode made is right, and so is what the other commands make of it. True, or why there is no truth."""
        src, area = self.path, told.get("width", 0) * told.get("height", 0)
        if area > LARGEST: return "too large for this script"
        base, says, checked = self.pixels("e.png"), facts(self.folder + "/e.png"), True
        if not says.get("srgb") or "icc" in says: self.fault("colour: the base does not say sRGB")
        # Rule: a raw is developed; what its TIFF says is of the preview.
        if told.get("space_from") == "camera raw": f = {"kind": None, "no truth": "a camera raw, developed"}
        if "preview" in f: self.fault("geometry: " + f["preview"])
        try:
            seen = slice(None)
            # Rule: where alpha is 0 the base has a colour of its own; where associated alpha is near 0 none is left.
            if told.get("alpha"):
                alpha = alphas_of(self.folder + "/e.png", {"kind": "png"})[0]
                seen = alpha > (0.1 if f.get("associated") or f["kind"] in ("exr", "heif", "avif", "jxl") else 0)
            how = differs(truths(src, f), base, seen) if np.any(np.ones(base.shape[:2], bool)[seen]) else None
            if how: self.fault(f"{how}; read as {space}")
            if told.get("alpha") and f["kind"] not in ("exr", "ppm", "hdr"):
                wrong = lambda a: a.shape != alpha.shape or (np.abs(a - alpha) * 255 > 1.5).mean() > SHARE
                if all(map(wrong, alphas_of(src, f))): self.fault("alpha: not as other programs read it")
        except (ValueError, subprocess.TimeoutExpired) as e:
            checked = str(e)
            if re.match("cICP|the ICC", checked): self.fault(f"colour: {checked}, yet it was read as {space}")
        self.run("encode", src, out="again.png", area=area, fill=165)
        if not np.array_equal(self.pixels("again.png"), base): self.fault("old memory: a second run gives other pixels")
        if not self.run("inspect", "e.png", as_json=True, area=area)[1].get("belongs"):
            self.fault("inspect: not its own network")
        if self.run("decode", "e.png", out="d.png", area=area)[0] == 0: self.decoded(base, told, area)
        else: self.fault("decode: refuses what encode made")
        if self.run("strip", "e.png", out="s.png", area=area)[0] == 0:
            if self.run("inspect", "s.png")[0] == 0: self.fault("strip: leaves a network")
            if not np.array_equal(self.pixels("s.png"), base): self.fault("strip: changes pixels")
        rc, _, why = self.run("hdr-encode", "e.png", src, out="h.png", area=area)
        made = self.last
        # Rule: an HDR picture that is not all numbers is refused, as nothing could give them back
        if rc and "is not HDR" not in why and "not a number" not in why: self.fault("hdr-encode: refuses a base and its source: " + why[-80:], made)
        if rc == 0 and self.run("hdr-decode", "h.png", out="h.exr", area=area)[0] == 0:
            psnr = self.run("compare", src, "h.exr", as_json=True, area=area)[1].get("psnr")
            if psnr is not None and psnr < 20: self.fault(f"hdr-encode: {psnr:.1f} dB from the source", made)
        return checked

    def decoded(self, base, told, area):
        """The decoded picture is near its source by the tool's own measure, and near the base by other programs."""
        psnr = self.run("compare", self.path, "d.png", as_json=True, area=area)[1].get("psnr")
        clip = told.get("psnr_clip") or 99
        # Rule: what encode clamped, and said so, stays clamped.
        # Rule: where alpha is 0 neither the base nor what comes back has the source's colour.
        hidden = told.get("alpha") and (alphas_of(self.folder + "/e.png", {"kind": "png"})[0] == 0).any()
        if psnr is not None and not told.get("clamped") and not hidden and psnr < min(40, clip - 1):
            self.fault(f"decode: {psnr:.1f} dB from the source, {clip:.1f} without a network")
        inside = ((base > 0) & (base < 255)).all(2)
        self.others_out(area)
        d = self.folder + "/d.png"
        how = inside.sum() > 100 and differs(truths(d, facts(d)), base, inside)
        if how: self.fault("decode: inside sRGB, " + how)

    def others_out(self, area):
        """The decoded picture in other formats is the same one."""
        if area > 1 << 19: return  # they take their time
        for name, least in (("d.jxl", 90), ("d.avif", 45), ("d.tif", 90)):
            if self.run("decode", "e.png", out=name, area=area)[0]: self.fault("decode: does not write " + name)
            else:
                rc, told, _ = self.run("compare", "d.png", name, as_json=True, area=area)
                psnr = told.get("psnr")
                if rc or (psnr is not None and psnr < least): self.fault(f"{name}: {psnr} dB from the PNG")

# All files.

def one(o, name):
    folder = f"{o.out}/scratch/{threading.get_ident()}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    way = Way(o, os.path.join(o.folder, name), folder)
    begin, result = time.monotonic(), {"state": "ok"}
    try: result = way.go()
    except Exception as e: way.fault(f"this script: {type(e).__name__}: {e}")
    return {"file": name, **result, "faults": way.faults, "peak_mb": way.peak >> 20, "slowest": round(way.slowest, 2),
            "seconds": round(time.monotonic() - begin, 2)}

def report(results):
    rows, kinds, reasons, unchecked = defaultdict(Counter), defaultdict(list), defaultdict(list), Counter()
    for r in results:
        state = "FAULT" if r["faults"] else "unchecked" if r.get("checked", True) is not True else r["state"]
        for folder in (os.path.dirname(r["file"]) or ".", "all"): rows[folder][state] += 1
        for what in {re.sub(r"[\d.]+", "N", w)[:100] for w, _ in r["faults"]}: kinds[what].append(r["file"])
        if state == "refused": reasons[re.sub(r"\d+", "N", r["why"])[:100]].append(r)
        if state == "unchecked": unchecked[r["checked"]] += 1
    states = "ok", "unchecked", "refused", "FAULT"
    by_count = lambda groups: sorted(groups.items(), key=lambda i: -len(i[1]))
    print(f"{'folder':40}" + "".join(f"{s:>10}" for s in states))
    for name in sorted(rows, key=lambda n: (n == "all", n)):
        print(f"{name:40}" + "".join(f"{rows[name][s]:10}" for s in states))
    print("\nrefused; how many of these ImageMagick reads without a word; why")
    for why, rs in by_count(reasons): print(f"{len(rs):6} {sum(r['others'] for r in rs):6}  {why}   [{rs[0]['file']}]")
    print("\nok, but unchecked, as there is no truth")
    for why, n in unchecked.most_common(): print(f"{n:6}  {why}")
    print("\nfaults")
    for what, names in by_count(kinds): print(f"{len(names):6}  {what}   [{names[0]}]")
    return 1 if kinds else 0

def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("folder")
    a.add_argument("--only", default="*", help="a pattern of paths in the folder, such as 'odd_exr/*'")
    a.add_argument("--tool", default="build/gamutmlp")
    a.add_argument("--out", default="build/world")
    a.add_argument("--jobs", type=int, default=2)
    o = a.parse_args()
    o.tool, o.out, o.folder = map(os.path.abspath, (o.tool, o.out, o.folder))
    with open(o.tool, "rb") as tool: o.sanitized = b"__asan_init" in tool.read()
    os.makedirs(o.out, exist_ok=True)
    files = sorted(os.path.relpath(os.path.join(d, n), o.folder) for d, _, names in os.walk(o.folder) for n in names)
    files = [n for n in files if fnmatch.fnmatch(n, o.only) and not re.search(r"(^|/)LICENSES/|\.(tsv|md|txt)$", n)]
    results, bad, begin = [], 0, time.monotonic()
    with open(o.out + "/results.jsonl", "w") as log, open(o.out + "/faults.txt", "w") as faults, \
         concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(one, o, n) for n in files]):
            r = done.result()
            results.append(r)
            bad += bool(r["faults"])
            print(json.dumps(r), file=log, flush=True)
            for what, command in r["faults"]: print(f"{r['file']}\n    {what}\n    {command}", file=faults, flush=True)
            left = (time.monotonic() - begin) / len(results) * (len(files) - len(results)) / 60
            if sys.stderr.isatty():
                print(f"\r{len(results)} of {len(files)} files, {bad} with faults, {left:.0f} min left   ", end="", file=sys.stderr,
                  flush=True)
    print(file=sys.stderr)
    shutil.rmtree(o.out + "/scratch", ignore_errors=True)
    status = report(sorted(results, key=lambda r: r["file"]))
    print(f"\n{o.out}/results.jsonl, {o.out}/faults.txt")
    return status

if __name__ == "__main__":
    sys.exit(main())
