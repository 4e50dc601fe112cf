#!/usr/bin/env python3
"""Trains the general network of 'gamutmlp expand' on a GPU: letnet_gpu.py FOLDER OUT.gmlp [SECONDS]

The recipe of 'gamutmlp expand-train', whose text and gamutmlp.h's >>letnet say what is computed, with more weights and
thirty times as many pieces. Needs numpy and torch. FOLDER has photographs as NAME.npy, light of scenes as
NAME.scene.npy: height x width x 3 of linear ProPhoto, halves. The package 'gamutmlp' makes them of any pixels, here
16-bit ones of a TIFF in ProPhoto:

    numpy.save("NAME.npy", gamutmlp.convert(pixels, "prophoto", "prophoto-linear", numpy.float16))

The solver differs from the header's: Anderson's with a history of two, a fixed number of iterations, in bfloat16.
"""
import math
import pathlib
import struct
import sys
import time
import zlib

import numpy as np
import torch
import torch.nn.functional as F

CHANNELS, HIDDEN = 32, 48
BATCH, PIECE, TILE, TILES, VIVID = 64, 64, 96, 40, 28
ITERATIONS, RATE, DECAY, CAUTION = 8, 0.003, 0.05, 0.85
GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"


def tensor(values):
    return torch.tensor(values, dtype=torch.float32, device=DEVICE)


# ---- colour

def primaries(xy, white):
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in xy]).T
    xyz = np.array([white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
    return columns * np.linalg.solve(columns, xyz), xyz


PROPHOTO, D50 = primaries([(.734699, .265301), (.159597, .840403), (.036598, .000105)], (.3457, .3585))
SRGB, D65 = primaries([(.64, .33), (.3, .6), (.15, .06)], (.3127, .3290))
BRADFORD = np.array([[.8951, .2664, -.1614], [-.7502, 1.7135, .0367], [.0389, -.0685, 1.0296]])
ADAPT = np.linalg.inv(BRADFORD) @ np.diag((BRADFORD @ D65) / (BRADFORD @ D50)) @ BRADFORD
FROM_PROPHOTO = tensor(np.linalg.inv(SRGB) @ ADAPT @ PROPHOTO)
TO_PROPHOTO = tensor(np.linalg.inv(np.linalg.inv(SRGB) @ ADAPT @ PROPHOTO))
LUMINANCE = (.2880, .7119, .0001)


def product(v, m):
    """In float32: a matrix unit's product is less exact."""
    return torch.stack([m[i, 0] * v[:, 0] + m[i, 1] * v[:, 1] + m[i, 2] * v[:, 2] for i in range(3)], 1)


def styled(v, scene, gain, saturation):
    v = v * gain
    grey = sum(LUMINANCE[c] * v[:, c] for c in range(3))[:, None]
    v = grey + saturation * (v - grey)
    return torch.where(scene > 0, 1 - torch.exp(-1.5 * v.clamp(min=0)), v).clamp(0, 1)


def codes(v):
    v = v.clamp(0, 1)
    return (torch.where(v <= .0031308, 12.92 * v, 1.055 * v.clamp(min=1e-6) ** (1 / 2.4) - .055) * 255).round()


def light(code):
    v = code / 255
    return torch.where(v <= .04045, v / 12.92, ((v + .055) / 1.055) ** 2.4)


def saturated(code, margin):
    least, most = code.amin(1), code.amax(1)
    return ((least <= margin) | (most >= 255 - margin)) & (most != 0) & (least != 255)


# ---- what a JPEG does to the codes

PLACE = np.arange(8)
DCT = tensor(np.cos((2 * PLACE[None] + 1) * PLACE[:, None] * np.pi / 16) / 2 * np.where(PLACE, 1, .5 ** .5)[:, None])
TABLE_Y = tensor([[16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
                  [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77],
                  [24, 35, 55, 64, 81, 104, 113, 92], [49, 64, 78, 87, 103, 121, 120, 101],
                  [72, 92, 95, 98, 112, 100, 103, 99]])
TABLE_C = torch.full((8, 8), 99., device=DEVICE)
TABLE_C[:4, :4] = tensor([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])


def quantized(plane, table):
    n, h, w = plane.shape
    block = DCT @ plane.reshape(n, h // 8, 8, w // 8, 8).permute(0, 1, 3, 2, 4) @ DCT.T
    block = (block / table[:, None, None]).round() * table[:, None, None]
    return (DCT.T @ block @ DCT).permute(0, 1, 3, 2, 4).reshape(n, h, w)


def through_jpeg(code, quality):
    """The first half with 4:2:0, the others with 4:4:4; qualities of 50 and above."""
    scale = (200 - 2 * quality)[:, None, None]
    table_y, table_c = (((t * scale + 50) / 100).floor().clamp(1, 255) for t in (TABLE_Y, TABLE_C))
    r, g, b = code.unbind(1)
    y = .299 * r + .587 * g + .114 * b
    half, chroma = len(code) // 2, []
    for plane in ((b - y) / 1.772, (r - y) / 1.402):
        small = quantized(F.avg_pool2d(plane[:half, None], 2)[:, 0], table_c[:half])
        chroma.append(torch.cat([F.interpolate(small[:, None], scale_factor=2, mode="bilinear")[:, 0],
                                 quantized(plane[half:], table_c[half:])]))
    y = quantized(y - 128, table_y) + 128
    r, b = y + 1.402 * chroma[1], y + 1.772 * chroma[0]
    return torch.stack([r, (y - .299 * r - .114 * b) / .587, b], 1).round().clamp(0, 255)


# ---- pieces

def share(tile, scene, level, saturation):
    v = torch.tensor(tile[::2, ::2].astype(np.float32).transpose(2, 0, 1)[None])
    v = styled(v, torch.tensor(scene), level, saturation)
    return saturated(codes(product(v, FROM_PROPHOTO.cpu())), 0).float().mean().item()


class Photographs:
    """TILES tiles of each, VIVID of them with clipped colours if there are; the others as they come."""

    def __init__(self, folder):
        tiles, self.scene, self.level, self.first, self.count = [], [], [], [], []
        for path in sorted(pathlib.Path(folder).glob("*.npy")):
            image = np.load(path, mmap_mode="r")
            scene = float(path.name.endswith(".scene.npy"))
            grey = np.clip(image[::4, ::4].astype(np.float32) @ np.array(LUMINANCE), 1e-6, 60000)
            level = .18 / math.exp(np.log(grey).mean()) if scene else 1.
            chosen = self.cut(image, scene, level, np.random.default_rng(len(self.first)))
            self.first.append(len(tiles))
            self.count.append(len(chosen))
            self.scene.append(scene)
            self.level.append(level)
            tiles += chosen
        if not tiles:
            sys.exit(f"{folder}: no .npy file in it")
        self.tiles = torch.tensor(np.stack(tiles)).to(DEVICE)
        self.scene, self.level = tensor(self.scene), tensor(self.level)
        self.first, self.count = (torch.tensor(x, device=DEVICE) for x in (self.first, self.count))

    @staticmethod
    def cut(image, scene, level, random):
        h, w = image.shape[:2]
        if h < TILE or w < TILE:
            whole = np.pad(image, ((0, max(0, TILE - h)), (0, max(0, TILE - w)), (0, 0)), "symmetric")
            return [np.clip(whole[:TILE, :TILE].astype(np.float32), 0, 60000).astype(np.float16)]
        places = [(int(random.integers(h - TILE + 1)), int(random.integers(w - TILE + 1))) for _ in range(130)]
        tiles = [np.clip(image[y:y + TILE, x:x + TILE].astype(np.float32), 0, 60000).astype(np.float16)
                 for y, x in places]
        plain = [share(t, scene, level, 1.6 if scene else 1.) for t in tiles]
        order = [i for i in range(130) if plain[i] > .04][:VIVID]
        if len(order) < VIVID: # those that more saturation clips first
            vivid = [share(t, scene, level, 2. if scene else 1.25) for t in tiles]
            order += [i for i in sorted(range(130), key=lambda i: -vivid[i]) if i not in order][:VIVID - len(order)]
        order += [i for i in range(130) if i not in order][:TILES - len(order)]
        return [tiles[i] for i in order]

    def pieces(self):
        """Linear sRGB, codes, their clip margin, and whether enough is saturated; a quarter has been JPEGs."""
        def between(a, b):
            return a + (b - a) * torch.rand(BATCH, device=DEVICE)

        def below(n):
            return torch.minimum((torch.rand(BATCH, device=DEVICE) * n).long(), torch.as_tensor(n, device=DEVICE) - 1)

        wide = (slice(None), None, None, None)
        of = below(torch.full((BATCH,), len(self.first), device=DEVICE))
        scene = self.scene[of]
        restyled = (torch.rand(BATCH, device=DEVICE) < .5).float()
        stops = torch.where(scene > 0, between(-1, 1.5), between(-.7, .4)) * restyled
        gain = self.level[of][:, None] * 2 ** torch.stack(
            [stops + restyled * between(-.25, .25), stops, stops + restyled * between(-.25, .25)], 1)
        saturation = torch.where(scene > 0, between(1.2, 1.9), 1 + restyled * between(-.1, .5))
        along = torch.arange(PIECE, device=DEVICE)
        edge = torch.full((BATCH,), TILE - PIECE + 1, device=DEVICE)
        best = None
        for _ in range(3): # the first place where enough is saturated
            tile = self.first[of] + below(self.count[of])
            y = (below(edge)[:, None] + along)[:, :, None].expand(BATCH, PIECE, PIECE)
            x = (below(edge)[:, None] + along)[:, None].expand(BATCH, PIECE, PIECE)
            way = torch.rand(3, BATCH, 1, 1, device=DEVICE) < .5
            y, x = torch.where(way[0], y.flip(1), y), torch.where(way[1], x.flip(2), x)
            y, x = torch.where(way[2], y.transpose(1, 2), y), torch.where(way[2], x.transpose(1, 2), x)
            v = self.tiles[tile[wide], y[:, None], x[:, None], torch.arange(3, device=DEVICE)[None, :, None, None]]
            v = styled(v.float(), scene[wide], gain[:, :, None, None], saturation[wide])
            linear = product(v, FROM_PROPHOTO)
            code = codes(linear)
            enough = saturated(code, 0).float().mean((1, 2)) >= 1 / 32
            if best is None:
                best = linear, code, enough
            else:
                keep = best[2][wide]
                best = (torch.where(keep, best[0], linear), torch.where(keep, best[1], code), best[2] | enough)
        linear, code, enough = best
        jpegs = BATCH // 4
        code = torch.cat([through_jpeg(code[:jpegs], between(75, 99).floor()[:jpegs]), code[jpegs:]])
        margin = torch.zeros(BATCH, 1, 1, device=DEVICE)
        margin[:jpegs] = 8
        return linear, code, margin, enough.float()


# ---- the network: one vector of weights, in the file's order

LAYERS = (("x1", 9, CHANNELS), ("x2", CHANNELS, CHANNELS), ("f1", CHANNELS, HIDDEN), ("f2", HIDDEN, CHANNELS),
          ("v1", CHANNELS, 8), ("v2", 8, CHANNELS), ("o", CHANNELS, 3))


def start():
    random, parts = np.random.default_rng(3), []
    for name, i, o in LAYERS:
        taps = 1 if name[0] == "v" else 9
        bound = {"f2": .5, "o": .3}.get(name, 1) * math.sqrt(6 / (taps * (i + o)))
        parts += [random.uniform(-bound, bound, taps * i * o), np.zeros(o)]
    return tensor(np.concatenate(parts))


def layers(weights):
    net, at = {}, 0
    for name, i, o in LAYERS:
        taps = 1 if name[0] == "v" else 9
        matrix = weights[at:at + taps * i * o]
        net[name] = matrix.view(i, o) if taps == 1 else matrix.view(3, 3, i, o).permute(3, 2, 0, 1)
        at += taps * i * o
        net[name + " bias"] = weights[at:at + o]
        at += o
    return net


def conv(v, net, name):
    matrix = net[name].to(v.dtype).contiguous(memory_format=torch.channels_last)
    return F.conv2d(v, matrix, net[name + " bias"].to(v.dtype), padding=1)


def apply(net, z, x, mask):
    u = conv(torch.tanh(conv(torch.tanh(z + x), net, "f1")), net, "f2")
    mean = (u.float() * mask).sum((2, 3)) / mask.sum((2, 3)).clamp(min=1)
    s = torch.sigmoid(F.relu(mean @ net["v1"] + net["v1 bias"]) @ net["v2"] + net["v2 bias"])
    return s[:, :, None, None].to(u.dtype) * u + x


def dot(a, b):
    return (a.float() * b.float()).sum((1, 2, 3))


@torch.no_grad()
def solve(net, x, mask):
    x = x.to(torch.bfloat16) if GPU else x
    z = apply(net, torch.zeros_like(x), x, mask)
    f = apply(net, z, x, mask)
    last, z = [(f, f - z)], f
    for _ in range(ITERATIONS - 2):
        f = apply(net, z, x, mask)
        r = f - z
        steps = [(f - g, r - s) for g, s in last]
        gram = [[dot(a[1], b[1]) for b in steps] for a in steps]
        to = [dot(a[1], r) for a in steps]
        for k in range(len(steps)):
            gram[k][k] = gram[k][k] * (1 + 1e-5) + 1e-20
        if len(steps) == 2:
            whole = (gram[0][0] * gram[1][1] - gram[0][1] ** 2).clamp(min=0) + 1e-6 * gram[0][0] * gram[1][1]
            by = [(to[0] * gram[1][1] - to[1] * gram[0][1]) / whole, (to[1] * gram[0][0] - to[0] * gram[0][1]) / whole]
        else:
            by = [to[0] / gram[0][0]]
        z = f - sum(b.clamp(-8, 8)[:, None, None, None].to(f.dtype) * s[0] for b, s in zip(by, steps))
        last = [last[-1], (f, r)]
    return z.float(), (dot(r, r) / (dot(f, f) + 1e-20)).sqrt()


def losses(weights, linear, code, margin):
    net, margin = layers(weights), margin[:, None]
    mask = saturated(code, margin[:, 0])[:, None].float()
    low, high = code <= margin, code >= 255 - margin
    x = torch.cat([2 * code / 255 - 1, low.float(), high.float()], 1).contiguous(memory_format=torch.channels_last)
    x = conv(torch.tanh(conv(x, net, "x1")), net, "x2")
    z, residual = solve({k: v.detach() for k, v in net.items()}, x.detach(), mask)
    o = conv(apply(net, z, x, mask), net, "o") / 16
    before = light(code) - linear
    sign = high.float() - low.float()
    # inwards counts little, as it will be left out
    now = before + sign * F.leaky_relu(o, .1)
    error, clipped = ((product(d, TO_PROPHOTO) ** 2 * mask).sum((1, 2, 3)) for d in (now, before))
    pixels = mask.sum((1, 2, 3))
    return torch.log1p(error / (clipped + 1e-5 * pixels + 1e-30)) * (pixels > 0), residual


def write(weights, path):
    weights = weights.detach().cpu().numpy().copy()
    weights[-(27 * CHANNELS + 3):] *= CAUTION
    data = b"gLET" + bytes([1, CHANNELS // 16, HIDDEN // 16, 0]) + weights.astype("<f2").tobytes()
    pathlib.Path(path).write_bytes(data + struct.pack("<I", zlib.crc32(data)))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    seconds = float(sys.argv[3]) if len(sys.argv) == 4 else 400.
    torch.manual_seed(5)
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    photographs = Photographs(sys.argv[1])
    weights = start().requires_grad_(True)
    mean = weights.detach().clone() # of the last steps: this is what is written
    first, second = torch.zeros_like(weights), torch.zeros_like(weights)
    rate, done, sums = tensor(0.), tensor(0.), torch.zeros(3, device=DEVICE)

    def step():
        with torch.no_grad():
            linear, code, margin, enough = photographs.pieces()
        loss, residual = losses(weights, linear, code, margin)
        loss = (loss * enough).sum() / enough.sum().clamp(min=1)
        gradient, = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            gradient = torch.nan_to_num(torch.nan_to_num(gradient) / gradient.norm().clamp(min=1))
            done.add_(1)
            first.mul_(.9).add_(gradient, alpha=.1)
            second.mul_(.99).addcmul_(gradient, gradient, value=.01)
            weights.mul_(1 - DECAY * rate)
            weights.sub_(rate * (first / (1 - .9 ** done)) / ((second / (1 - .99 ** done)).sqrt() + 1e-8))
            mean.lerp_(weights, .0015)
            sums.add_(torch.stack([loss.detach(), residual.mean(), torch.ones_like(loss)]))

    run = step
    if GPU: # a step is some hundred kernels: started one by one they would wait for the processor
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(4):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        run = graph.replay
    began, shown, steps = time.time(), time.time(), 0
    print(f"# {len(photographs.first)} photographs, {len(weights)} weights, batch {BATCH} of {PIECE} x {PIECE}")
    while (part := (time.time() - began) / seconds) < 1:
        rate.fill_(RATE * min(1, (steps + 1) / 300) * .5 * (1 + math.cos(math.pi * part)))
        for _ in range(10 if GPU else 1):
            run()
            steps += 1
        if time.time() - shown > 20:
            shown = time.time()
            loss, residual, n = sums.tolist()
            sums.zero_()
            print(f"step {steps} loss {loss / n:.4f} residual {residual / n:.2g} s {shown - began:.0f}", flush=True)
    write(mean, sys.argv[2])


if __name__ == "__main__":
    main()
