#!/usr/bin/env python3
"""Trains the general network of 'gamutmlp expand' on a GPU.

    letnet_gpu.py cut FOLDER TILES.npz --test LIST      tiles of all photographs in a folder
    letnet_gpu.py train TILES.npz OUT.gmlp --test LIST  without those that LIST names, and what it is worth on them

gamutmlp.h's >>letnet says what is computed, and docs/letnet.md why it is trained in this way. Needs numpy and torch.
FOLDER has photographs as NAME.npy, light of scenes as NAME.scene.npy: height x width x 3 of linear ProPhoto, halves.
The package 'gamutmlp' makes them of any pixels, here 16-bit ones of a TIFF in ProPhoto:

    numpy.save("NAME.npy", gamutmlp.convert(pixels, "prophoto", "prophoto-linear", numpy.float16))

The solver differs from the header's: Anderson's with a history of two, a fixed number of iterations, in bfloat16.
"""
import argparse
import math
import pathlib
import struct
import sys
import time
import zlib

import numpy as np
import torch
import torch.nn.functional as F

GROUPS, PIECES, PIECE = 8, 8, 64 # a step looks at so many photographs, pieces of each, pixels of a piece's side
BATCH = GROUPS * PIECES
TILE, TILES, VIVID, TRIED = 96, 40, 28, 130
ENOUGH, RATE, DECAY = 1 / 32, 0.003, 0.05
CAUTIONS = 1., .95, .9, .85, .8, .7
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


def cut(image, scene, level, random, even):
    """TILES tiles, VIVID of them with clipped colours if there are; or, even, as they come."""
    h, w = image.shape[:2]
    if h < TILE or w < TILE:
        image = np.pad(image, ((0, max(0, TILE - h)), (0, max(0, TILE - w)), (0, 0)), "symmetric")[:TILE, :TILE]
        h, w = image.shape[:2]
        return [np.clip(image.astype(np.float32), 0, 60000).astype(np.float16)]
    places = [(int(random.integers(h - TILE + 1)), int(random.integers(w - TILE + 1))) for _ in range(TRIED)]
    tiles = [np.clip(image[y:y + TILE, x:x + TILE].astype(np.float32), 0, 60000).astype(np.float16) for y, x in places]
    if even:
        return tiles[:TILES]
    plain = [share(t, scene, level, 1.6 if scene else 1.) for t in tiles]
    order = [i for i in range(TRIED) if plain[i] > .04][:VIVID]
    if len(order) < VIVID: # those that more saturation clips first
        vivid = [share(t, scene, level, 2. if scene else 1.25) for t in tiles]
        order += [i for i in sorted(range(TRIED), key=lambda i: -vivid[i]) if i not in order][:VIVID - len(order)]
    order += [i for i in range(TRIED) if i not in order][:TILES - len(order)]
    return [tiles[i] for i in order]


def listed(path):
    return pathlib.Path(path).read_text().split() if path else []


def cut_all(a):
    tiles, names, scenes, levels, counts = [], [], [], [], []
    test = listed(a.test)
    for path in sorted(pathlib.Path(a.folder).glob("*.npy")):
        image = np.load(path, mmap_mode="r")
        scene = path.name.endswith(".scene.npy")
        name = path.name[:-len(".scene.npy" if scene else ".npy")]
        grey = np.clip(image[::4, ::4].astype(np.float32) @ np.array(LUMINANCE), 1e-6, 60000)
        levels.append(.18 / math.exp(np.log(grey).mean()) if scene else 1.)
        chosen = cut(image, float(scene), levels[-1], np.random.default_rng(len(names)), name in test)
        names.append(name)
        scenes.append(float(scene))
        counts.append(len(chosen))
        tiles += chosen
    np.savez(a.tiles, tiles=np.stack(tiles), names=names, scene=scenes, level=levels, count=counts)


class Photographs:
    def __init__(self, path, keep):
        data = np.load(path)
        ends = np.cumsum(data["count"])
        which = [i for i, name in enumerate(data["names"]) if keep(name)]
        if not which:
            sys.exit(f"{path}: none of the photographs wanted is in it")
        self.names = data["names"][which]
        self.tiles = torch.tensor(np.concatenate([data["tiles"][ends[i] - data["count"][i]:ends[i]] for i in which]))
        self.tiles = self.tiles.to(DEVICE)
        self.scene, self.level = tensor(data["scene"][which]), tensor(data["level"][which])
        self.count = torch.tensor(data["count"][which], device=DEVICE)
        self.first = self.count.cumsum(0) - self.count

    def pieces(self):
        """Linear sRGB, codes and their clip margin, PIECES of each photograph in turn; a quarter has been JPEGs."""
        def between(a, b):
            return spread(a + (b - a) * torch.rand(GROUPS, device=DEVICE), PIECES)

        def below(n):
            return torch.minimum((torch.rand(BATCH, device=DEVICE) * n).long(), torch.as_tensor(n, device=DEVICE) - 1)

        wide = (slice(None), None, None, None)
        of = (between(0, 1) * len(self.first)).long().clamp(max=len(self.first) - 1)
        scene = self.scene[of]
        restyled = (between(0, 1) < .5).float()
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
            enough = saturated(code, 0).float().mean((1, 2)) >= ENOUGH
            if best is None:
                best = linear, code, enough
            else:
                keep = best[2][wide]
                best = (torch.where(keep, best[0], linear), torch.where(keep, best[1], code), best[2] | enough)
        linear, code, _ = best
        jpegs = BATCH // 4
        code = torch.cat([through_jpeg(code[:jpegs], between(75, 99).floor()[:jpegs]), code[jpegs:]])
        margin = torch.zeros(BATCH, 1, 1, device=DEVICE)
        margin[:jpegs] = 8
        return linear, code, margin


# ---- the network: one vector of weights, in the file's order

class Network:
    """Its sizes, and how it is applied."""

    def __init__(self, a):
        c, h = a.channels, a.hidden
        self.iterations, self.together = a.iterations, a.together
        self.floor, self.by_photographs = a.floor, a.whole
        self.sizes = c, h
        self.layers = (("x1", 9, c), ("x2", c, c), ("f1", c, h), ("f2", h, c), ("v1", c, 8), ("v2", 8, c), ("o", c, 3))
        self.keep = torch.cat([part for name, i, o in self.layers for part in (
            torch.ones(i * o) if name[0] == "v" else
            (torch.arange(9) == 4 if a.pixels else torch.ones(9)).float().repeat_interleave(i * o),
            torch.ones(o))]).to(DEVICE)

    def start(self):
        random, parts = np.random.default_rng(3), []
        for name, i, o in self.layers:
            taps = 1 if name[0] == "v" else 9
            bound = {"f2": .5, "o": .3}.get(name, 1) * math.sqrt(6 / (taps * (i + o)))
            parts += [random.uniform(-bound, bound, taps * i * o), np.zeros(o)]
        return tensor(np.concatenate(parts)) * self.keep

    def parts(self, weights):
        net, at = {}, 0
        for name, i, o in self.layers:
            taps = 1 if name[0] == "v" else 9
            matrix = weights[at:at + taps * i * o]
            net[name] = matrix.view(i, o) if taps == 1 else matrix.view(3, 3, i, o).permute(3, 2, 0, 1)
            at += taps * i * o
            net[name + " bias"] = weights[at:at + o]
            at += o
        return net

    def apply(self, net, z, x, mask, together):
        u = conv(torch.tanh(conv(torch.tanh(z + x), net, "f1")), net, "f2")
        total, count = (u.float() * mask).sum((2, 3)), mask.sum((2, 3))
        if together > 1: # the mean is one of so many pieces of a photograph
            total, count = (spread(summed(v, together), together) for v in (total, count))
        mean = total / count.clamp(min=1)
        s = torch.sigmoid(F.relu(mean @ net["v1"] + net["v1 bias"]) @ net["v2"] + net["v2 bias"])
        return s[:, :, None, None].to(u.dtype) * u + x

    @torch.no_grad()
    def solve(self, net, x, mask, together):
        if self.iterations == 1:
            return torch.zeros_like(x), torch.ones(len(x), device=DEVICE)
        x = x.to(torch.bfloat16) if GPU else x
        z = self.apply(net, torch.zeros_like(x), x, mask, together)
        f = self.apply(net, z, x, mask, together)
        last, z = [(f, f - z)], f
        for _ in range(self.iterations - 2):
            f = self.apply(net, z, x, mask, together)
            r = f - z
            steps = [(f - g, r - s) for g, s in last]
            gram = [[dot(a[1], b[1]) for b in steps] for a in steps]
            to = [dot(a[1], r) for a in steps]
            for k in range(len(steps)):
                gram[k][k] = gram[k][k] * (1 + 1e-5) + 1e-20
            if len(steps) == 2:
                whole = (gram[0][0] * gram[1][1] - gram[0][1] ** 2).clamp(min=0) + 1e-6 * gram[0][0] * gram[1][1]
                by = [(to[0] * gram[1][1] - to[1] * gram[0][1]) / whole,
                      (to[1] * gram[0][0] - to[0] * gram[0][1]) / whole]
            else:
                by = [to[0] / gram[0][0]]
            z = f - sum(b.clamp(-8, 8)[:, None, None, None].to(f.dtype) * s[0] for b, s in zip(by, steps))
            last = [last[-1], (f, r)]
        return z.float(), (dot(r, r) / (dot(f, f) + 1e-20)).sqrt()

    def outwards(self, weights, code, margin, together):
        """o, which way each channel goes, the saturated pixels, and the residual."""
        net, margin = self.parts(weights), margin[:, None]
        mask = saturated(code, margin[:, 0])[:, None].float()
        low, high = code <= margin, code >= 255 - margin
        x = torch.cat([2 * code / 255 - 1, low.float(), high.float()], 1).contiguous(memory_format=torch.channels_last)
        x = conv(torch.tanh(conv(x, net, "x1")), net, "x2")
        z, residual = self.solve({k: v.detach() for k, v in net.items()}, x.detach(), mask, together)
        return conv(self.apply(net, z, x, mask, together), net, "o") / 16, high.float() - low.float(), mask, residual

    def loss(self, weights, linear, code, margin):
        o, sign, mask, residual = self.outwards(weights, code, margin, self.together)
        before = light(code) - linear
        # inwards counts little, as it will be left out
        now = before + sign * F.leaky_relu(o, .1)
        error, clipped = ((product(d, TO_PROPHOTO) ** 2 * mask).sum((1, 2, 3)) for d in (now, before))
        pixels = mask.sum((1, 2, 3))
        loss = 0.
        for part, m in ((1 - self.by_photographs, 1), (self.by_photographs, PIECES)):
            e, c, n = (summed(v, m) for v in (error, clipped, pixels))
            some = n >= PIECE * PIECE * ENOUGH
            logarithms = torch.log(self.floor + e / (c + 1e-5 * n + 1e-30)) * some
            loss = loss + part * logarithms.sum() / some.sum().clamp(min=1)
        return loss, residual.mean()

    @torch.no_grad()
    def gains(self, weights, photographs):
        """Out-of-gamut dB of each photograph over plain inversion, by its tiles, with CAUTIONS."""
        rows = []
        for k in range(len(photographs.names)):
            at, n = photographs.first[k], int(photographs.count[k])
            scene = photographs.scene[k]
            v = photographs.tiles[at:at + n].permute(0, 3, 1, 2).float()
            v = styled(v, scene, photographs.level[k], 1.6 if scene > 0 else 1.)
            linear = product(v, FROM_PROPHOTO)
            code = codes(linear)
            o, sign, mask, _ = self.outwards(weights, code, torch.zeros(n, 1, 1, device=DEVICE),
                                             n if self.together == PIECES else 1)
            outside = ((linear.amin(1) < -.0002) | (linear.amax(1) > 1.0002))[:, None].float()
            error = [((product(light(code) + sign * F.relu(o * q) * mask, TO_PROPHOTO).clamp(0, 1) - v) ** 2 * outside)
                     .sum() for q in (0.,) + CAUTIONS]
            rows.append([10 * math.log10((error[0] + 1e-12) / (e + 1e-12)) for e in error[1:]])
        return np.array(rows)


def summed(v, pieces):
    return v.view(-1, pieces, *v.shape[1:]).sum(1)


def spread(v, pieces):
    return v[:, None].expand(-1, pieces, *v.shape[1:]).reshape(-1, *v.shape[1:])


def conv(v, net, name):
    matrix = net[name].to(v.dtype).contiguous(memory_format=torch.channels_last)
    return F.conv2d(v, matrix, net[name + " bias"].to(v.dtype), padding=1)


def dot(a, b):
    return (a.float() * b.float()).sum((1, 2, 3))


def write(weights, sizes, caution, path):
    weights = weights.detach().cpu().numpy().copy()
    weights[-(27 * sizes[0] + 3):] *= caution
    data = b"gLET" + bytes([1, sizes[0] // 16, sizes[1] // 16, 0]) + weights.astype("<f2").tobytes()
    pathlib.Path(path).write_bytes(data + struct.pack("<I", zlib.crc32(data)))


def read(path):
    return tensor(np.frombuffer(pathlib.Path(path).read_bytes()[8:-4], "<f2").astype(np.float32))


def show(title, gains, names=()):
    print(title, "mean", " ".join(f"{g:+.2f}" for g in gains.mean(0)), "| least",
          " ".join(f"{g:+.2f}" for g in gains.min(0)), flush=True)
    for name, row in zip(names, gains):
        print("   ", name, " ".join(f"{g:+.2f}" for g in row))


def train(a):
    torch.manual_seed(5)
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    test, without, only = listed(a.test), listed(a.without), listed(a.only)
    photographs = Photographs(a.tiles, lambda n: n not in test + without and (n in only or not only))
    held = [(path, Photographs(a.tiles, lambda n: n in names)) for path, names in ((a.test, test), (a.without, without))
            if names]
    network = Network(a)
    weights = (read(a.start) if a.start else network.start()).requires_grad_(True)
    mean = weights.detach().clone() # of the last steps: this is what is written
    first, second = torch.zeros_like(weights), torch.zeros_like(weights)
    rate, done, sums = tensor(0.), tensor(0.), torch.zeros(3, device=DEVICE)

    def step():
        with torch.no_grad():
            linear, code, margin = photographs.pieces()
        loss, residual = network.loss(weights, linear, code, margin)
        gradient, = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            gradient = torch.nan_to_num(torch.nan_to_num(gradient) / gradient.norm().clamp(min=1)) * network.keep
            done.add_(1)
            first.mul_(.9).add_(gradient, alpha=.1)
            second.mul_(.99).addcmul_(gradient, gradient, value=.01)
            weights.mul_(1 - DECAY * rate)
            weights.sub_(rate * (first / (1 - .9 ** done)) / ((second / (1 - .99 ** done)).sqrt() + 1e-8))
            mean.lerp_(weights, .0015)
            sums.add_(torch.stack([loss.detach(), residual, torch.ones_like(loss)]))

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
    print(f"# {len(photographs.names)} photographs, {len(photographs.tiles)} tiles, {int(network.keep.sum())} weights, "
          f"{PIECES} pieces of {PIECE} x {PIECE} of {GROUPS} photographs a step")
    print("#", {k: v for k, v in vars(a).items() if k != "run"}, flush=True)
    began, shown, steps, half, tests = time.time(), time.time(), 0, False, 1
    while (part := max((time.time() - began) / a.seconds, steps / a.steps)) < 1:
        rate.fill_(RATE * a.rate * min(1, (steps + 1) / 300) * .5 * (1 + math.cos(math.pi * part)))
        for _ in range(10 if GPU else 1):
            run()
            steps += 1
        if GPU:
            torch.cuda.synchronize()
        if part > .5 and not half: # before, it has the start's
            half = True
            mean.copy_(weights.detach())
        if time.time() - shown > a.every:
            shown = time.time()
            loss, residual, n = sums.tolist()
            sums.zero_()
            print(f"step {steps} loss {loss / n:.4f} residual {residual / n:.2g} s {shown - began:.0f}", flush=True)
        if part > tests / 12:
            tests += 1
            for path, h in held:
                gains = network.gains(mean if half else weights.detach(), h)[:, CAUTIONS.index(.85)]
                print(f"step {steps} s {time.time() - began:.0f} | mean {gains.mean():+.2f}, least {gains.min():+.2f}:",
                      path, flush=True)
            write(mean, network.sizes, a.caution, a.out)
    write(mean, network.sizes, a.caution, a.out)
    print(f"end: step {steps}, {time.time() - began:.0f} s; caution", *CAUTIONS)
    for path, h in held:
        show(path, network.gains(mean, h), h.names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    c = commands.add_parser("cut")
    c.add_argument("folder")
    c.add_argument("tiles")
    c.set_defaults(run=cut_all)
    t = commands.add_parser("train")
    t.add_argument("tiles")
    t.add_argument("out")
    for p in c, t:
        p.add_argument("--test", help="a file of names, held out")
    t.add_argument("--without", help="a file of names, likewise")
    t.add_argument("--only", help="a file of names: of the others, train on these alone")
    t.add_argument("--seconds", type=float, default=390.)
    t.add_argument("--steps", type=int, default=10 ** 9)
    t.add_argument("--every", type=float, default=20., help="seconds between two lines")
    t.add_argument("--channels", type=int, default=32)
    t.add_argument("--hidden", type=int, default=48)
    t.add_argument("--iterations", type=int, default=8, help="3 and more; 1: a plain network of convolutions")
    t.add_argument("--pixels", action="store_true", help="convolutions of 1 x 1")
    t.add_argument("--together", type=int, choices=(1, 2, 4, 8), default=1, help="pieces whose attention is one")
    t.add_argument("--floor", type=float, default=1., help="loss: log(FLOOR + error / error of clipping)")
    t.add_argument("--whole", type=float, default=0., help="share of the loss that is by photographs, not by pieces")
    t.add_argument("--caution", type=float, default=.85, help="a factor of the last layer in the file")
    t.add_argument("--rate", type=float, default=1., help="a factor of the rate")
    t.add_argument("--start", help="a network to go on from")
    t.set_defaults(run=train)
    a = parser.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
