"""The Python module against the tool's files, and its own rules. TOOL: the tool's path."""
import copy
import os
import pickle
import random
import signal
import struct
import subprocess
import time
import zlib

import gamutmlp
import numpy as np
import pytest

TOOL = os.environ["TOOL"]


def picture(height=120, width=160):
    """ProPhoto, 16 bit: smooth, with a noise that is always the same, and colours outside sRGB."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(1).random((height, width, 3)) * 0.03
    vivid = np.stack([0.5 + 0.45 * np.sin(x / 17), 0.5 + 0.45 * np.cos(y / 13), 0.5 + 0.45 * np.sin((x + y) / 23)], -1)
    return np.round((0.05 + 0.9 * vivid + noise) / 1.05 * 65535 * 0.95).astype(np.uint16)


def write_ppm(path, pixels):
    depth = 255 if pixels.dtype == np.uint8 else 65535
    with open(path, "wb") as f:
        f.write(b"P6 %d %d %d\n" % (pixels.shape[1], pixels.shape[0], depth))
        f.write(pixels.astype(">u2" if depth > 255 else np.uint8).tobytes())


def read_png16(path):
    """Of 16-bit RGB without interlacing, which is what the tool writes."""
    data, at, packed = open(path, "rb").read(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        part = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", part[:10])
            assert (depth, colour) == (16, 2)
        packed += part if kind == b"IDAT" else b""
        at += size + 12
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 6 * width)
    above, out = np.zeros(6 * width, int), []
    for row in rows:
        line = row[1:].astype(int)
        for i in range(6 * width) if row[0] else ():
            left = line[i - 6] if i >= 6 else 0
            up, corner = above[i], above[i - 6] if i >= 6 else 0
            paeth = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            line[i] = (line[i] + (0, left, up, (left + up) // 2, paeth)[row[0]]) & 255
        out.append(line)
        above = line
    return np.array(out, np.uint8).view(">u2").reshape(height, width, 3).astype(np.uint16)


def png(pixels):
    """A PNG file of 8-bit pixels, by the standard's first choices."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def tool(*args):
    return subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def wide():
    return picture()


@pytest.fixture(scope="module")
def base(wide):
    return gamutmlp.reduce(wide, "prophoto")


@pytest.fixture(scope="module")
def net(base, wide):
    return gamutmlp.train(base, wide, "prophoto", iterations=60)


def test_the_tool_makes_the_same_network_and_pixels(tmp_path, wide, base):
    write_ppm(tmp_path / "wide.ppm", wide)
    r = tool("encode", tmp_path / "wide.ppm", tmp_path / "out.png", "--from", "prophoto", "--iterations", 60)
    assert r.returncode == 0, r.stderr
    theirs = gamutmlp.open((tmp_path / "out.png").read_bytes())
    ours = gamutmlp.train(base, wide, "prophoto", iterations=60)
    assert ours.method == theirs.method == "residual"
    assert np.array_equal(ours.weights, theirs.weights)
    theirs.check(base)
    assert tool("decode", tmp_path / "out.png", tmp_path / "back.png").returncode == 0
    assert np.array_equal(ours.decode(base), read_png16(tmp_path / "back.png"))


def test_the_tool_reads_our_file(tmp_path, base, net):
    (tmp_path / "ours.png").write_bytes(gamutmlp.embed(png(base), net))
    assert tool("inspect", tmp_path / "ours.png").returncode == 0
    assert tool("decode", tmp_path / "ours.png", tmp_path / "back.png").returncode == 0
    assert np.array_equal(net.decode(base), read_png16(tmp_path / "back.png"))


def test_what_was_lost_comes_back(wide, base, net):
    mask = gamutmlp.out_of_gamut(wide, "prophoto")
    assert mask.dtype == bool and 0.1 < mask.mean() < 0.9
    def psnr(pixels):
        linear = [gamutmlp.convert(p, "prophoto", "prophoto-linear", np.float32) for p in (wide, pixels)]
        return -10 * np.log10(np.mean(np.square(linear[0] - linear[1], dtype=np.float64)[mask]))
    clipped = gamutmlp.convert(base, "srgb", "prophoto", np.uint16)
    assert psnr(net.decode(base)) > psnr(clipped) + 6
    assert net.report is not None and net.report.iterations == 60 and net.report.saturated > 0


def test_reduce_is_the_definition(wide, base):
    """Linear light, the matrix of two published spaces, clipping, the sRGB curve: in double, by hand."""
    code = wide / 65535.0
    light = np.where(code < 16 * 0.001953125, code / 16, np.maximum(code, 1e-9) ** 1.8)
    m = np.array([[2.0343675, -0.7276345, -0.3067331], [-0.2288268, 1.2317534, -0.0029266],
                  [-0.0085584, -0.1532682, 1.1618266]])
    srgb = np.clip(light @ m.T, 0, 1)
    tone = np.where(srgb <= 0.0031308, 12.92 * srgb, 1.055 * srgb ** (1 / 2.4) - 0.055)
    assert np.abs(tone * 255 - base).max() < 0.502


def test_threads_change_nothing(base, wide):
    nets = [gamutmlp.train(base, wide, "prophoto", iterations=20, threads=n) for n in (1, 2, 5)]
    assert len({bytes(n) for n in nets}) == 1
    assert np.array_equal(nets[0].decode(base, threads=1), nets[0].decode(base, threads=3))


def test_blobs_and_files(base, net):
    blob = bytes(net)
    assert len(blob) <= 4096
    file = gamutmlp.embed(png(base), blob)
    assert gamutmlp.extract(file) == blob
    assert bytes(gamutmlp.open(file)) == blob
    for other in bytearray(file), memoryview(b"before" + file)[6:]:
        assert bytes(gamutmlp.open(other)) == blob
        assert gamutmlp.strip(other) == gamutmlp.strip(file)
    assert gamutmlp.embed(memoryview(png(base)), memoryview(blob)) == file
    with pytest.raises(gamutmlp.Error, match="no network"):
        gamutmlp.extract(gamutmlp.strip(file))
    with pytest.raises(gamutmlp.Error, match="byte"):
        gamutmlp.Net(blob[:-1])
    with pytest.raises(gamutmlp.Error):
        gamutmlp.embed(b"neither", blob)


def test_arrays_are_used_where_they_lie(base, wide, net):
    whole = net.decode(base)
    room = np.zeros((base.shape[0] + 2, base.shape[1] + 5, 3), np.uint16)
    out = room[1:-1, 2:-3]
    assert net.decode(base, out=out) is out
    assert np.array_equal(out, whole)
    assert not room[0].any() and not room[-1].any() and not room[:, :2].any() and not room[:, -3:].any()
    flipped = base[::-1].copy()[::-1]  # rows from below
    assert flipped.strides[0] < 0
    assert np.array_equal(net.decode(flipped), whole)
    alpha = np.dstack([base, np.full(base.shape[:2], 77, np.uint8)])
    four = net.decode(alpha, out=np.zeros(base.shape[:2] + (4,), np.uint16))
    assert np.array_equal(four[..., :3], whole) and (four[..., 3] == 77 * 257).all()
    for dtype in (np.uint8, np.float16, np.float32):
        assert net.decode(base, "p3", dtype).dtype == dtype


@pytest.mark.parametrize("bad, error", [
    (lambda b: b[..., 0], ValueError), (lambda b: b[:, ::2], ValueError), (lambda b: b.transpose(1, 0, 2), ValueError),
    (lambda b: b.astype(np.int32), TypeError), (lambda b: b[:0], ValueError), (lambda b: b.tolist(), TypeError),
    (lambda b: np.broadcast_to(b[:1], b.shape), ValueError),
    (lambda b: np.lib.stride_tricks.as_strided(b, strides=(3, 3, 1)), ValueError),
    (lambda b: b.astype(">u2"), TypeError), (lambda b: b[:-1], gamutmlp.Error), (lambda b: b.astype(np.uint16), gamutmlp.Error),
])
def test_what_is_no_base(base, net, bad, error):
    with pytest.raises(error):
        net.decode(bad(base))


def test_wrong_words(base, wide, net):
    for call in (lambda: gamutmlp.reduce(wide, "none"), lambda: gamutmlp.train(base, wide, "prophoto", preset="best"),
                 lambda: net.decode(base, "xyz"), lambda: gamutmlp.reduce(wide, "prophoto", adaptation="none")):
        with pytest.raises(ValueError):
            call()
    readonly = np.zeros(base.shape, np.uint16)
    readonly.flags.writeable = False
    with pytest.raises(ValueError, match="written"):
        net.decode(base, out=readonly)
    room = np.zeros((base.shape[0] + 1,) + base.shape[1:], np.uint8)
    with pytest.raises(ValueError, match="shares"):
        net.decode(room[1:], out=room[:-1])
    beside = np.hstack([base, np.zeros_like(base)])  # each within the other's bounds
    net.decode(beside[:, :base.shape[1]], dtype=np.uint8, out=beside[:, base.shape[1]:])
    assert np.array_equal(beside, np.hstack([base, net.decode(base, dtype=np.uint8)]))


@pytest.mark.parametrize("error, says, call", [
    (TypeError, "space is None", lambda b, w, n: gamutmlp.reduce(w, None)),
    (TypeError, "space is b'srgb'", lambda b, w, n: gamutmlp.reduce(w, b"srgb")),
    (TypeError, "space is 5", lambda b, w, n: n.decode(b, 5)),
    (ValueError, "space 'prophoto.x00x' is not", lambda b, w, n: gamutmlp.reduce(w, "prophoto\0x")),
    (ValueError, "space '' is not", lambda b, w, n: n.decode(b, "")),
    (TypeError, "base_space is None", lambda b, w, n: gamutmlp.reduce(w, "prophoto", base_space=None)),
    (TypeError, "base_space is None", lambda b, w, n: gamutmlp.train(b, w, "prophoto", base_space=None)),
    (TypeError, "to is None", lambda b, w, n: gamutmlp.convert(w, "prophoto", None)),
    (ValueError, "uint16: 'sycc' has 8 bits only", lambda b, w, n: gamutmlp.convert(w, "prophoto", "sycc")),
    (TypeError, "start is bytes", lambda b, w, n: gamutmlp.train(b, w, "prophoto", start=bytes(n))),
    (TypeError, "progress is int", lambda b, w, n: gamutmlp.train(b, w, "prophoto", progress=3)),
    (OverflowError, "budget -1", lambda b, w, n: gamutmlp.train(b, w, "prophoto", budget=-1)),
    (TypeError, "iterations 1.5", lambda b, w, n: gamutmlp.train(b, w, "prophoto", iterations=1.5)),
    (TypeError, "headroom '1'", lambda b, w, n: n.decode(b, headroom="1")),
    (TypeError, "white_nits None", lambda b, w, n: gamutmlp.convert(w, "prophoto", "p3", white_nits=None)),
    (TypeError, "threads 2.5", lambda b, w, n: n.decode(b, threads=2.5)),
    (ValueError, "lost is nan", lambda b, w, n: n.decode(b, lost=float("nan"))),
    (ValueError, "lost is 2", lambda b, w, n: n.decode(b, lost=2)),
    (TypeError, "net is int", lambda b, w, n: gamutmlp.embed(png(b), 5)),
    (TypeError, "net is str", lambda b, w, n: gamutmlp.embed(png(b), "net")),
    (TypeError, "file is str", lambda b, w, n: gamutmlp.open("photo.png")),
    (TypeError, "blob is int", lambda b, w, n: gamutmlp.Net(5)),
])
def test_wrong_kinds_of_arguments(base, wide, net, error, says, call):
    with pytest.raises(error, match=says):
        call(base, wide, net)


def test_progress(base, wide):
    seen = []
    gamutmlp.train(base, wide, "prophoto", iterations=5, progress=lambda step, steps: seen.append((step, steps)))
    assert seen == [(i, 5) for i in range(5)]
    with pytest.raises(gamutmlp.Error, match="cancelled"):
        gamutmlp.train(base, wide, "prophoto", iterations=5, progress=lambda step, steps: step < 2)
    with pytest.raises(gamutmlp.Error, match="cancelled"):
        gamutmlp.train(base, wide, "prophoto", iterations=5, progress=lambda step, steps: np.bool_(step < 2))
    with pytest.raises(ZeroDivisionError):
        gamutmlp.train(base, wide, "prophoto", iterations=5, progress=lambda step, steps: 1 // 0)

    class Log(list):  # false, as long as it is empty
        def __call__(self, step, steps):
            self.append(step)
            if step == 2:
                raise Empty

    class Empty(Exception):
        def __bool__(self):
            return False
    log = Log()
    with pytest.raises(Empty):
        gamutmlp.train(base, wide, "prophoto", iterations=5, progress=log)
    assert log == [0, 1, 2]


class Alarm(Exception):
    pass


@pytest.fixture
def alarm():
    """alarm(seconds): a signal then, whose handler raises, as Ctrl-C's does."""
    def handler(*_):
        raise Alarm
    before = signal.signal(signal.SIGALRM, handler)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("progress", [None, lambda step, steps: None])
def test_a_signal_ends_training(base, wide, alarm, capfd, progress):
    begin = time.monotonic()
    gamutmlp.train(base, wide, "prophoto", iterations=200, progress=progress)
    some = time.monotonic() - begin
    with pytest.raises(Alarm):
        alarm(some / 4)
        gamutmlp.train(base, wide, "prophoto", iterations=10000, progress=progress)
    assert time.monotonic() - begin < 20 * some
    assert capfd.readouterr().err == ""


def test_a_signal_loses_no_part_of_a_file(net, alarm, capfd):
    file = png(np.zeros((500, 500, 3), np.uint8))
    begin = time.monotonic()
    whole, ended = [gamutmlp.embed(file, net) for _ in range(20)][0], 0
    took, chance = (time.monotonic() - begin) / 20, random.Random(1)
    for _ in range(500):
        made = whole
        try:
            alarm(chance.uniform(took / 20, took))
            made = gamutmlp.embed(file, net)
            alarm(0)
        except Alarm:
            ended += 1
        assert made == whole
    assert ended > 0
    assert capfd.readouterr().err == ""


def test_other_pictures_and_edits(base, net):
    with pytest.raises(gamutmlp.Error):
        net.check(255 - base)
    turned = np.ascontiguousarray(np.rot90(base, -1))
    with pytest.raises(gamutmlp.Error):
        net.check(turned)
    moved = gamutmlp.Net(bytes(net))
    moved.follow(turned)
    moved.check(turned)
    back = np.rot90(moved.decode(turned))
    assert np.abs(back.astype(int) - net.decode(base)).max() < 200
    h, w = base.shape[0] // 2, base.shape[1] // 2
    half = np.uint8(base[:2 * h, :2 * w].reshape(h, 2, w, 2, 3).mean((1, 3)) + 0.5)
    moved = gamutmlp.Net(bytes(net))
    moved.follow(half)
    light = gamutmlp.convert(net.decode(base), "prophoto", "prophoto-linear", np.float32)
    light = light[:2 * h, :2 * w].reshape(h, 2, w, 2, 3).mean((1, 3))
    error = np.abs(moved.decode(half, "prophoto-linear", np.float32) - light)
    assert error.mean() < 0.01
    assert not np.array_equal(moved.decode(half), moved.decode(half, lost=0.5))
    for twin in copy.copy(moved), copy.deepcopy(moved), pickle.loads(pickle.dumps(moved)):
        assert np.array_equal(twin.decode(half), moved.decode(half)) and bytes(twin) == bytes(moved)
    twin = copy.copy(net)
    twin.follow(half)
    assert twin.report == net.report is not None
    net.check(base)  # its own still


def test_hdr():
    sdr = gamutmlp.reduce(picture(), "prophoto")
    light = gamutmlp.convert(sdr, "srgb", "srgb-linear", np.float32)
    hdr = np.float32(light * (1 + 3 * light ** 2))
    net = gamutmlp.train_hdr(sdr, hdr, "srgb-linear", iterations=200)
    assert net.method == "difference" and len(bytes(net)) <= 5120
    back = net.decode(sdr, dtype=np.float32)
    assert back.max() > 2
    assert np.mean(np.abs(back - hdr)) < 0.05 * np.mean(hdr)
    assert net.decode(sdr, dtype=np.float32, headroom=0.5).max() < back.max()


def test_a_base_in_another_space(tmp_path):
    srgb = gamutmlp.reduce(picture(), "prophoto")
    sdr = gamutmlp.convert(srgb, "srgb", "p3")
    light = gamutmlp.convert(sdr, "p3", "p3-linear", np.float32)
    net = gamutmlp.train_hdr(sdr, np.float32(light * (1 + 3 * light ** 2)), "p3-linear", base_space="p3", iterations=5)
    assert b"sRGB" not in gamutmlp.embed(png(sdr), net) and b"sRGB" not in gamutmlp.embed(png(sdr), bytes(net))
    assert b"sRGB" in gamutmlp.embed(png(sdr), net, leave_untagged=False)
    (tmp_path / "plain.png").write_bytes(png(sdr))
    (tmp_path / "net.gmlp").write_bytes(bytes(net))
    r = tool("embed", tmp_path / "plain.png", tmp_path / "net.gmlp", tmp_path / "out.png")
    assert r.returncode == 0, r.stderr
    assert (tmp_path / "out.png").read_bytes() == gamutmlp.embed(png(sdr), net)
    for space in "srgb", "sycc":
        base = gamutmlp.reduce(picture(), "prophoto", base_space=space)
        net = gamutmlp.train(base, picture(), "prophoto", base_space=space, iterations=5)
        assert b"sRGB" in gamutmlp.embed(png(srgb), net)
        assert b"sRGB" not in gamutmlp.embed(png(srgb), net, leave_untagged=True)


def test_nothing_was_lost():
    grey = np.repeat(np.arange(256, dtype=np.uint16).reshape(16, 16, 1) * 200 + 100, 3, 2)
    base = gamutmlp.reduce(grey, "prophoto")
    net = gamutmlp.train(base, grey, "prophoto")
    assert net.method == "none" and net.weights.size == 0
    assert np.array_equal(net.decode(base), gamutmlp.convert(base, "srgb", "prophoto", np.uint16))


def test_versions():
    r = tool("--version")
    assert gamutmlp.version() in r.stdout
