#!/usr/bin/env python3
"""The library against PyTorch, which is an independent implementation of the same network.

    tests/pytorch.py gradient          gradients against autograd, in double
    tests/pytorch.py letnet            the general network: its solution, loss and one-step gradient, likewise
    tests/pytorch.py paper SCENE.png   preset paper against the same recipe here, on a crop
    tests/pytorch.py step              time of one training step, side by side (a ratio)

Run by "make pytorch", which builds what they need. SCENE.png is a 16-bit ROMM picture.
"""
import ctypes as C
import json
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import torch

torch.set_num_threads(2)


class Mlp(C.Structure):
    _fields_ = [("activation", C.c_int), ("bias", C.c_int), ("width", C.c_int), ("bands", C.c_uint8 * 11)]


class Image(C.Structure):
    _fields_ = [("data", C.c_void_p), ("width", C.c_uint32), ("height", C.c_uint32), ("stride", C.c_ssize_t),
                ("type", C.c_int), ("channels", C.c_int), ("space", C.c_int), ("plane_stride", C.c_ssize_t)]


def pointer(a):
    return a.ctypes.data_as(C.c_void_p)


def encode(x, bands):
    """Equation 4, inputs in [-1,1], interleaved sine and cosine."""
    parts = []
    for i, k in enumerate(bands):
        if k:
            a = x[:, i : i + 1] * (torch.pi * 2.0 ** torch.arange(k, dtype=x.dtype))
            parts.append(torch.stack((torch.sin(a), torch.cos(a)), 2).reshape(x.shape[0], 2 * k))
    return torch.cat(parts, 1)


def split(flat, features, width):
    out, at = [], 0
    for shape in ((features, width), (width,), (width, width), (width,), (width, 3), (3,)):
        n = int(np.prod(shape))
        out.append(flat[at : at + n].reshape(shape))
        at += n
    return out


def network(f, p, activation):
    w1, b1, w2, b2, w3, b3 = p
    return activation(activation(f @ w1 + b1) @ w2 + b2) @ w3 + b3


def gradient(lib):
    rng = np.random.default_rng(1)
    worst = 0.0
    for width, bands, act, bias in ((32, (8,) * 5, 0, 0), (32, (12,) * 5, 0, 1), (64, (6, 4, 0, 9, 2, 0, 3, 1, 2, 0, 5), 1, 0), (8, (1,) * 5, 0, 0)):
        m = Mlp(act, bias, width, (C.c_uint8 * 11)(*bands))
        count = lib.gmlp_mlp_weights(C.byref(m))
        w = np.zeros(count, np.float32)
        assert lib.gmlp_mlp_init(C.byref(m), C.c_uint64(3), C.c_float(1), pointer(w)) == 0
        x = rng.uniform(-1, 1, (300, 11)).astype(np.float32)
        t = rng.uniform(-1, 1, (300, 3)).astype(np.float32)
        g = np.zeros(count, np.float32)
        loss = C.c_double()
        assert lib.gmlp_mlp_gradient(C.byref(m), pointer(w), pointer(x), pointer(t), C.c_size_t(300), C.byref(loss), pointer(g), 0, None) == 0
        flat = torch.tensor(w, dtype=torch.float64, requires_grad=True)
        f = encode(torch.tensor(x, dtype=torch.float64), bands)
        out = network(f, split(flat, f.shape[1], width), torch.sin if act else torch.relu)
        ref = ((out - torch.tensor(t, dtype=torch.float64)) ** 2).mean()
        ref.backward()
        if bias:  # b2 and b3 do not train
            late = split(flat.grad, f.shape[1], width)
            late[3].zero_(), late[5].zero_()
        err = float(np.abs(flat.grad.numpy() - g).max() / np.abs(flat.grad.numpy()).max())
        worst = max(worst, err, abs(loss.value - ref.item()) / ref.item())
        print(f"width {width:3} bands {bands}: largest difference of the gradient {err:.1e} of its largest value")
    assert worst < 1e-5, worst


class Letnet(C.Structure):
    _fields_ = [("channels", C.c_int), ("hidden", C.c_int), ("weights", C.c_void_p), ("alloc", C.c_void_p * 3)]


class ExpandOptions(C.Structure):
    _fields_ = [("clip_margin", C.c_int), ("iterations", C.c_int), ("tolerance", C.c_double), ("adaptation", C.c_int),
                ("alpha", C.c_int), ("isa", C.c_int), ("threads", C.c_void_p * 2), ("alloc", C.c_void_p * 3)]


class LetnetLoss(C.Structure):
    _fields_ = [("error", C.c_double), ("clipped", C.c_double), ("pixels", C.c_uint64), ("residual", C.c_float)]


def letnet(lib):
    """>>letnet as its text has it, by torch's own convolutions in double; the solution by plain iteration."""
    srgb, prophoto, srgb_linear, u8, f32 = 1, 4, 65, 1, 4
    rng = np.random.default_rng(2)
    worst = 0.0
    matrix = np.zeros(9)
    assert lib.gmlp_space_matrix(srgb, prophoto, 0, pointer(matrix)) == 0
    to_prophoto = torch.tensor(matrix.reshape(3, 3))
    for c, hidden, w, h, iterations in ((32, 48, 37, 23, 0), (16, 32, 5, 8, 0), (64, 16, 1, 3, 0), (32, 48, 37, 23, 1)):
        lib.gmlp_letnet_weights.restype = C.c_size_t
        count = lib.gmlp_letnet_weights(c, hidden)
        net = Letnet()
        assert lib.gmlp_letnet_init(c, hidden, C.c_uint64(5), None, C.byref(net)) == 0
        weights = np.ctypeslib.as_array(C.cast(net.weights, C.POINTER(C.c_float)), (count,))
        weights += rng.uniform(-0.03, 0.03, count).astype(np.float32)
        codes = rng.integers(-60, 316, (h, w, 3)).clip(0, 255).astype(np.uint8)
        y = codes / 255.0
        light = np.where(y <= 0.04045, y / 12.92, ((y + 0.055) / 1.055) ** 2.4)
        wide = (light + rng.uniform(-0.2, 0.2, light.shape)).astype(np.float32)
        base_view = Image(pointer(codes), w, h, 0, u8, 3, srgb, 0)
        wide_view = Image(pointer(wide), w, h, 0, f32, 3, srgb_linear, 0)
        opts = ExpandOptions(iterations=iterations, tolerance=1e-6)
        loss, g = LetnetLoss(), np.zeros(count, np.float32)
        assert lib.gmlp_letnet_gradient(C.byref(net), C.byref(base_view), C.byref(wide_view), C.byref(opts), C.byref(loss), pointer(g)) == 0
        flat = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
        parts, at = [], 0
        for shape in ((3, 3, 9, c), (c,), (3, 3, c, c), (c,), (3, 3, c, hidden), (hidden,), (3, 3, hidden, c), (c,),
                      (c, 8), (8,), (8, c), (c,), (3, 3, c, 3), (3,)):
            n = int(np.prod(shape))
            parts.append(flat[at : at + n].reshape(shape))
            at += n
        assert at == count

        def conv(x, i):
            return torch.nn.functional.conv2d(x, parts[i].permute(3, 2, 0, 1), parts[i + 1], padding=1)

        low, high = codes == 0, codes == 255
        mask = torch.tensor((low | high).any(2) & (codes.max(2) != 0) & (codes.min(2) != 255))
        features = torch.tensor(np.concatenate((2 * y - 1, low, high), 2)).permute(2, 0, 1)[None]

        def step(z, x):
            u = conv(torch.tanh(conv(torch.tanh(z + x), 4)), 6)
            mean = (u * mask).sum((2, 3)) / mask.sum()
            s = torch.sigmoid(torch.relu(mean @ parts[8] + parts[9]) @ parts[10] + parts[11])
            return s[:, :, None, None] * u + x

        x = conv(torch.tanh(conv(features, 0)), 2)
        with torch.no_grad():
            z = before = torch.zeros_like(x)
            if not iterations:
                for _ in range(2000):
                    z, before = step(z, x), z
            assert (z - before).abs().max() < 1e-12, "the test's own network has no solution"
        o = conv(step(z, x), 12)[0].permute(1, 2, 0) / 16
        sign = torch.tensor(np.where(low, -1.0, np.where(high, 1.0, 0.0))) * mask[:, :, None]
        before = torch.tensor(light - wide.astype(float))
        error = (((before + sign * o) @ to_prophoto.T) ** 2 * mask[:, :, None]).sum()
        clipped = ((before @ to_prophoto.T) ** 2 * mask[:, :, None]).sum()
        torch.log(1 + error / (clipped + 1e-5 * mask.sum())).backward()
        errors = [abs(loss.error - error.item()) / error.item(), abs(loss.clipped - clipped.item()) / clipped.item(),
                  float(np.abs(flat.grad.numpy() - g).max() / np.abs(flat.grad.numpy()).max())]
        assert loss.pixels == int(mask.sum())
        worst = max(worst, *errors)
        print(f"letnet {c} x {hidden}, {w} x {h}, {iterations or 50} iterations: residual {loss.residual:.1e}; error, clipped, gradient differ by "
              + ", ".join(f"{e:.1e}" for e in errors))
        lib.gmlp_letnet_free(C.byref(net))
    assert worst < 1e-4, worst


def read_png(path):
    """16-bit RGB, not interlaced."""
    data = open(path, "rb").read()
    w, h, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (depth, kind) == (16, 2)
    at, packed = 8, b""
    while at < len(data):
        (n,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + n]
        at += n + 12
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(h, 1 + 6 * w)
    out = np.zeros((h, 6 * w), np.uint8)
    for y in range(h):
        kind, line, up = rows[y, 0], rows[y, 1:].astype(int), out[y - 1].astype(int) if y else np.zeros(6 * w, int)
        for x in range(0, 6 * w, 6) if kind in (1, 3, 4) else (0,):
            if kind == 0 or kind == 2:
                line = line + (up if kind == 2 else 0)
                break
            a, c = (line[x - 6 : x], up[x - 6 : x]) if x else (np.zeros(6, int), np.zeros(6, int))
            b = up[x : x + 6]
            q = a + b - c
            paeth = np.where((abs(q - a) <= abs(q - b)) & (abs(q - a) <= abs(q - c)), a, np.where(abs(q - b) <= abs(q - c), b, c))
            line[x : x + 6] = (line[x : x + 6] + (a if kind == 1 else (a + b) // 2 if kind == 3 else paeth)) & 255
        out[y] = line & 255
    return out.view(">u2").reshape(h, w, 3)


def romm_decode(v):
    return np.where(v < 16 / 512, v / 16, v**1.8)


def random64(seed, counter):
    """SplitMix64 as a function of a counter (numpy wraps modulo 2^64)."""
    z = np.uint64(seed) + (counter + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def kept(indices, share):
    """One pixel in `share`, evenly spaced over the ranks."""
    total = len(indices)
    keep = (total + share - 1) // share
    rank = np.arange(total)
    return indices[(rank + 1) * keep // total > rank * keep // total]


def paper(lib, path, iterations=600, batch=16384):
    """GamutMLP's recipe, the constant-one input included, in PyTorch and here, on the same crop. A constant
    rate leaves the result noisy (about 1 dB from seed to seed, in both), so both start from the same
    weights and draw the same samples."""
    codes = np.ascontiguousarray(read_png(path)[:384, :384].astype(np.uint16))
    h, w = codes.shape[:2]
    base = np.zeros((h, w, 3), np.uint8)
    wide = Image(codes.ctypes.data, w, h, 0, 2, 3, 4)
    small = Image(base.ctypes.data, w, h, 0, 1, 3, 1)
    assert lib.gmlp_reduce(C.byref(wide), C.byref(small), None, None) == 0
    m3 = np.zeros(9)
    assert lib.gmlp_space_matrix(4, 65, 0, pointer(m3)) == 0
    to_srgb = m3.reshape(3, 3)
    linear = romm_decode(codes / 65535.0)
    s = linear @ to_srgb.T
    og = ((s < -1e-6) | (s > 1 + 1e-6)).any(2) & ~(s < 0).all(2) & ~(s > 1).all(2)
    b = base / 255.0
    clipped = np.where(b <= 0.04045, b / 12.92, ((b + 0.055) / 1.055) ** 2.4) @ np.linalg.inv(to_srgb).T
    y, x = np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij")
    inputs = torch.tensor(np.concatenate((np.stack((y, x), 2), 2 * clipped - 1), 2).reshape(-1, 5), dtype=torch.float32)
    target = torch.tensor(2 * (linear - clipped).reshape(-1, 3), dtype=torch.float32)
    flat = og.reshape(-1)
    keep = torch.tensor(np.concatenate((kept(np.flatnonzero(flat), 5), kept(np.flatnonzero(~flat), 50))))

    def psnr(out):
        e = ((out.reshape(h, w, 3) - linear) ** 2)
        return -10 * np.log10(e.mean()), -10 * np.log10(e[og].mean())

    bands = (12,) * 5
    m = Mlp(0, 1, 32, (C.c_uint8 * 11)(*bands))
    start = np.zeros(lib.gmlp_mlp_weights(C.byref(m)), np.float32)
    assert lib.gmlp_mlp_init(C.byref(m), C.c_uint64(0), C.c_float(1), pointer(start)) == 0
    params = [p.clone().requires_grad_(i not in (3, 5)) for i, p in enumerate(split(torch.tensor(start), 120, 32))]
    adam = torch.optim.Adam([p for p in params if p.requires_grad], lr=5e-3)
    for step in range(iterations):
        draw = random64(0, np.uint64(step) * np.uint64(1 << 32) + np.arange(batch, dtype=np.uint64))
        pick = keep[torch.tensor(((draw >> np.uint64(32)) * np.uint64(len(keep)) >> np.uint64(32)).astype(np.int64))]
        loss = ((network(encode(inputs[pick], bands), params, torch.relu) - target[pick]) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        out = torch.cat([network(encode(i, bands), params, torch.relu) for i in inputs.split(65536)]).numpy()
    theirs = psnr(np.clip(clipped + out.reshape(h, w, 3) / 2, 0, 1))

    recovered = np.zeros((h, w, 3), np.float32)
    result = Image(recovered.ctypes.data, w, h, 0, 4, 3, 68)
    assert lib.gmlp_test_paper(C.byref(small), C.byref(wide), iterations, batch, C.byref(result)) == 0
    ours = psnr(recovered.astype(np.float64))
    print(f"clip {psnr(clipped)[0]:.2f} / {psnr(clipped)[1]:.2f} dB (all / OG); PyTorch {theirs[0]:.2f} / {theirs[1]:.2f}; here {ours[0]:.2f} / {ours[1]:.2f}")
    assert abs(theirs[1] - ours[1]) < 0.3 and abs(theirs[0] - ours[0]) < 0.3


def step(lib):
    """One step of preset default's network: encoding, forward, backward and Adam in PyTorch, eager, against the same and Muon here; 2 threads."""
    bands, width = (9, 9, 4, 4, 4, 3, 3, 3, 3, 3, 3), 32
    for batch, steps in ((2048, 300), (65536, 12)):
        torch.manual_seed(0)
        inputs = torch.rand(batch, 11) * 2 - 1
        target = torch.rand(batch, 3)
        params = [torch.randn(s) * 0.1 for s in ((96, width), (width,), (width, width), (width,), (width, 3), (3,))]
        params = [p.requires_grad_() for p in params]
        adam = torch.optim.Adam(params, lr=1e-3)

        def torch_step():
            loss = ((network(encode(inputs, bands), params, torch.relu) - target) ** 2).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()

        ratios = []
        for _ in range(3):
            for _ in range(3):
                torch_step()
            t = time.perf_counter()
            for _ in range(steps):
                torch_step()
            theirs = (time.perf_counter() - t) / steps
            run = subprocess.run(["build/gamutmlp", "bench", ".", "--only", "train", "--threads", "2", "--json"],
                                 capture_output=True, check=True)
            ours = json.loads(run.stdout)[f"step_{batch}_seconds"]
            ratios.append((theirs / ours, theirs, ours))
        r, theirs, ours = sorted(ratios)[1]
        print(f"batch {batch:5}: PyTorch {torch.__version__} {1e3 * theirs:7.3f} ms, here {1e3 * ours:7.3f} ms, {r:.1f} times as fast")


if __name__ == "__main__":
    library = C.CDLL("build/libgamutmlp.so")
    library.gmlp_mlp_weights.restype = C.c_size_t
    {"gradient": gradient, "letnet": letnet, "paper": paper, "step": step}[sys.argv[1]](library, *sys.argv[2:])
