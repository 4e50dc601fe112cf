#!/usr/bin/env python3
"""PyTorch's time for the training step of preset default on a GPU, which the one of gamutmlp_cuda.cu is compared with.

    tests/cuda/step.py [--seconds N] [--batch N ...] [--optimizer muon adam]
    tests/cuda/step.py --cpu           small and without a GPU: that it runs, and that both gradients are the same

The same network, loss and optimisers, on samples and tables of features that lie on the device, and nothing but the
step: no copies, no waiting for the host. PyTorch gets its best: half inputs or TF32, autograd or derivatives by hand
(their sums over the batch in pieces), eager or compiled, many steps in one CUDA graph. Each batch, optimiser and
precision is prepared in a process of its own, all at the same time; then they are timed one after the other.

Prints a line of JSON for each variant, then one with "best" for each batch and optimiser; on stderr what was left out
and why. Fails if one of these has no best variant.
"""
import argparse
import itertools
import json
import math
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time

BEGIN = time.monotonic()
# Processes compile side by side.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

WIDTH, FEATURES, OUTPUTS = 32, 96, 3
PADDED = 8  # outputs in memory, so that rows of halves are aligned; zeros
ROWS, COLUMNS = 4000, 6000
OCTAVES = {"rows": 9, "columns": 9, "codes": 4, "means": 3}
INSIDE_WEIGHT = 0.25  # of a sample that is not out of gamut
ITERATIONS = 1000  # of the schedule of rates
MUON_RATE = 0.023
ADAM_RATE = {"muon": 5e-3, "adam": 1e-2}
POLAR = ((8.205160, -22.901934, 16.460724), (4.066395, -2.861154, 0.518400), (3.909595, -2.823352, 0.525037))
MATRICES = 2 * FEATURES * WIDTH  # W1 and, with rows of zeros below, W2: Muon's, as one stack
REST = (WIDTH, WIDTH, WIDTH * PADDED, PADDED)  # b1, b2, W3, b3: Adam's
CHECKED = 200  # steps over which the loss has to fall


class TimeUp(BaseException):
    """Not an Exception: compilers must not take it for a failure of their own."""


def time_up(*_):
    raise TimeUp


def within(seconds):
    """TimeUp is raised after so long, and again: a failure on the way out may take its place. 0: never."""
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3) if seconds else 0, 1 if seconds else 0)


def table(entries, octaves, device):
    """Sine and cosine of pi 2^k x, x from -1 to 1."""
    x = torch.linspace(-1, 1, entries, dtype=torch.float64, device=device)[:, None]
    a = x * (math.pi * 2.0 ** torch.arange(octaves, dtype=torch.float64, device=device))
    return torch.stack((a.sin(), a.cos()), 2).reshape(entries, 2 * octaves).float()


def gather(tables, samples, at):
    """Features of samples. Rows and columns are below 2^15, so that int16, which PyTorch indexes, holds them too."""
    return torch.cat((tables["rows"][samples["row"][at].long()], tables["columns"][samples["column"][at].long()],
                      tables["codes"][samples["code"][at].long()].flatten(1),
                      tables["means"][samples["mean"][at].long()].flatten(1)), 1)


def weights_of(samples, at):
    return samples["out_of_gamut"][at][:, None] * (1.0 - INSIDE_WEIGHT) + INSIDE_WEIGHT


def make_data(count, device):
    """Tables, and samples whose targets are those of another network."""
    torch.manual_seed(1)
    tables = {name: table({"rows": ROWS, "columns": COLUMNS}.get(name, 256), octaves, device)
              for name, octaves in OCTAVES.items()}
    samples = {
        "row": torch.randint(ROWS, (count,), device=device).to(torch.int16),
        "column": torch.randint(COLUMNS, (count,), device=device).to(torch.int16),
        "code": torch.randint(256, (count, 3), device=device).to(torch.uint8),
        "mean": torch.randint(256, (count, 6), device=device).to(torch.uint8),
        "out_of_gamut": torch.rand(count, device=device) < 0.8,
    }
    w1 = torch.randn(FEATURES, WIDTH, device=device) / math.sqrt(FEATURES)
    w2 = torch.randn(WIDTH, OUTPUTS, device=device) / math.sqrt(WIDTH)
    samples["target"] = torch.cat([torch.relu(gather(tables, samples, at) @ w1) @ w2
                                   for at in torch.arange(count, device=device).split(1 << 18)])
    return tables, samples


class Step(torch.nn.Module):
    """A call is one step. All of it is in buffers, which are changed in place."""

    def __init__(self, data, batch, optimizer, half, by_hand):
        super().__init__()
        tables, samples = data
        self.tables, self.samples = list(tables), list(samples)
        self.batch, self.muon, self.halves, self.by_hand = batch, optimizer == "muon", half, by_hand
        # Gradients of halves have to be scaled up out of the denormals.
        self.scale = 1024.0 if half else 1.0
        self.pieces = max(1, min(batch // 128, 256, max(16, batch // 1024)))
        device = samples["row"].device
        for name, value in tables.items():
            self.register_buffer("table_" + name, value.half() if half else value.clone())
        for name, value in samples.items():
            self.register_buffer("sample_" + name, value)
        self.register_buffer("weights", torch.zeros(MATRICES + sum(REST), device=device))
        slow = sum(REST) if self.muon else MATRICES + sum(REST)
        self.register_buffer("momentum", torch.zeros(2, FEATURES, WIDTH, device=device))
        self.register_buffer("m", torch.zeros(slow, device=device))
        self.register_buffer("v", torch.zeros(slow, device=device))
        self.register_buffer("loss", torch.zeros((), device=device))
        self.register_buffer("count", torch.zeros(1, dtype=torch.int64, device=device))
        rates = []
        for step in range(ITERATIONS):
            left = 2.0 * (ITERATIONS - step) / ITERATIONS
            rate = (0.01 + 0.99 * left if left < 1.0 else 1.0) * min(1.0, (step + 1) / 5.0)
            rates.append((MUON_RATE * rate, ADAM_RATE[optimizer] * rate / (1.0 - 0.9 ** (step + 1)),
                          1.0 / math.sqrt(1.0 - 0.97 ** (step + 1))))
        self.register_buffer("rates", torch.tensor(rates, device=device))
        self.start()

    def start(self):
        """Weights at random, moments 0."""
        generator = torch.Generator().manual_seed(2)
        for state in (self.weights, self.momentum, self.m, self.v, self.loss, self.count):
            state.zero_()
        w1, w2, _, _, w3, _ = self.parts(self.weights)
        for w, outputs in ((w1, WIDTH), (w2, WIDTH), (w3, OUTPUTS)):
            bound = math.sqrt(6.0 / (w.shape[0] + outputs))
            w[:, :outputs] = ((torch.rand(w.shape[0], outputs, generator=generator) * 2 - 1) * bound).to(w.device)

    @staticmethod
    def parts(w):
        """W1, W2, b1, b2, W3, b3 of all weights."""
        b1, b2, w3, b3 = w[MATRICES:].split(REST)
        return (w[: FEATURES * WIDTH].view(FEATURES, WIDTH),
                w[FEATURES * WIDTH :][: WIDTH * WIDTH].view(WIDTH, WIDTH), b1, b2, w3.view(WIDTH, PADDED), b3)

    @staticmethod
    def network(parts, f):
        w1, w2, b1, b2, w3, b3 = parts
        h1 = torch.relu(torch.addmm(b1, f, w1))
        h2 = torch.relu(torch.addmm(b2, h1, w2))
        return h1, h2, torch.addmm(b3, h2, w3)

    def over_batch(self, a, b):
        """a^T b, in pieces that multiprocessors share."""
        a, b = a.view(self.pieces, -1, a.shape[1]), b.view(self.pieces, -1, b.shape[1])
        return torch.bmm(a.transpose(1, 2), b).sum(0, dtype=torch.float32)

    def gradient(self, f, target, weight):
        """The gradient of the scaled loss by each part, and the loss."""
        w = self.weights.half() if self.halves else self.weights
        share = self.scale / (OUTPUTS * self.batch)
        if not self.by_hand:
            def loss_of(parts):
                out = self.network(parts, f)[2][:, :OUTPUTS].float()
                return ((out - target).square() * weight).sum() * share
            grads, loss = torch.func.grad_and_value(loss_of)(self.parts(w))
            return [g.float() for g in grads], loss / self.scale
        parts = self.parts(w)
        h1, h2, out = self.network(parts, f)
        error = out[:, :OUTPUTS].float() - target
        loss = (error.square() * weight).sum() * (share / self.scale)
        d3 = F.pad(error * weight * (2 * share), (0, PADDED - OUTPUTS)).to(f.dtype)
        d2 = torch.mm(d3, parts[4].t()) * (h2 > 0)
        d1 = torch.mm(d2, parts[1].t()) * (h1 > 0)
        return [self.over_batch(f, d1), self.over_batch(h1, d2), d1.sum(0, dtype=torch.float32),
                d2.sum(0, dtype=torch.float32), self.over_batch(h2, d3), d3.sum(0, dtype=torch.float32)], loss

    def forward(self):
        tables = {name: getattr(self, "table_" + name) for name in self.tables}
        samples = {name: getattr(self, "sample_" + name) for name in self.samples}
        at = (self.count * self.batch + torch.arange(self.batch, device=self.count.device)) % len(samples["row"])
        g, loss = self.gradient(gather(tables, samples, at), samples["target"][at], weights_of(samples, at))
        muon_rate, adam_rate, root = self.rates.index_select(0, self.count.clamp(max=ITERATIONS - 1))[0].unbind()
        first = torch.stack((g[0], F.pad(g[1], (0, 0, 0, FEATURES - WIDTH)))) / self.scale
        rest = torch.cat([x.flatten() for x in g[2:]]) / self.scale
        if not self.muon:
            rest = torch.cat((first.flatten(), rest))
        self.m.mul_(0.9).add_(rest, alpha=1.0 - 0.9)
        self.v.mul_(0.97).addcmul_(rest, rest, value=1.0 - 0.97)
        change = self.m / (self.v.sqrt() * root + 1e-8) * adam_rate
        if self.muon:
            self.momentum.mul_(0.9).add_(first)
            x = torch.add(first, self.momentum, alpha=0.9)
            x = x * (x.square().sum((1, 2), keepdim=True) + 1e-30).rsqrt()
            for a, b, c in POLAR:
                y = torch.bmm(x.transpose(1, 2), x)
                x = torch.baddbmm(x, x, torch.baddbmm(y, y, y, beta=b, alpha=c), beta=a)
            change = torch.cat(((x * muon_rate).flatten(), change))
        self.weights.sub_(change)
        self.loss.copy_(loss)
        self.count.add_(1)


def check_gradients(data, batch):
    """Derivatives by hand against autograd, and Muon's step against singular values, in double."""
    double = [{name: v.double() if v.is_floating_point() else v for name, v in part.items()} for part in data]
    found = []
    for by_hand in (False, True):
        step = Step(double, batch, "muon", False, by_hand).double()
        at = torch.arange(batch)
        grads, loss = step.gradient(gather(double[0], double[1], at), double[1]["target"][at],
                                    weights_of(double[1], at))
        found.append([g.double() for g in grads] + [loss])
    worst = max(((a - b).abs().max() / a.abs().max()).item() for a, b in zip(*found))
    assert worst < 1e-5, worst
    # The first step of W1 and W2: the gradient with each singular value where the iteration takes it.
    step = Step(double, batch, "muon", False, True).double()
    before = step.weights.clone()
    step()
    for was, now, g in zip(step.parts(before), step.parts(step.weights), found[0][:2]):
        u, values, v = torch.linalg.svd(g, full_matrices=False)
        values = values / values.square().sum().sqrt()
        for a, b, c in POLAR:
            values = a * values + b * values**3 + c * values**5
        expected = u * values @ v * (MUON_RATE / 5)
        worst = max(worst, ((was - now - expected).abs().max() / expected.abs().max()).item())
    assert worst < 1e-4, worst


def wait(step):
    if step.count.is_cuda:
        torch.cuda.synchronize()


def captured(call, steps):
    """`steps` calls as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        for _ in range(steps):
            call()
    return graph.replay


def check_loss(step, run, steps):
    """The losses of the first step and of a training's last, from the start; a run is `steps` of them."""
    step.start()
    step()
    first = step.loss.item()
    step.start()
    runs = math.ceil(CHECKED / steps)
    for _ in range(runs):
        run()
    wait(step)
    if step.count.item() != runs * steps:
        raise ArithmeticError(f"{step.count.item()} steps were counted, not {runs * steps}")
    if not bool(torch.isfinite(step.weights).all()):
        raise ArithmeticError("weights are not finite")
    last = step.loss.item()
    if not last < 0.5 * first:
        raise ArithmeticError(f"the loss does not fall: {first:.3g}, then {last:.3g}")
    return first, last


def measure(step, run, steps, least, warm):
    """Seconds of a step: the median of 5 timings of at least `least` steps each, after `warm` seconds of them."""
    calls, timings = math.ceil(least / steps), []
    step.start()
    begin = time.monotonic()
    while time.monotonic() < begin + warm:
        run()
        wait(step)
    for _ in range(5):
        if step.count.is_cuda:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            for _ in range(calls):
                run()
            end.record()
            end.synchronize()
            timings.append(1e-3 * begin.elapsed_time(end) / (calls * steps))
        else:
            begin = time.perf_counter()
            for _ in range(calls):
                run()
            timings.append((time.perf_counter() - begin) / (calls * steps))
    if not bool(torch.isfinite(step.weights).all()):
        raise ArithmeticError("weights are not finite after the timing")
    return statistics.median(timings)


def reason(e):
    text = " ".join(str(e).split())
    return f"{type(e).__name__}: {text[:300]}" if text else type(e).__name__


def precision(job):
    return "half" if job["half"] else "float" if job["cpu"] else "TF32"


def prepare(job, data):
    """Makes and checks all variants of a job: [(name, step, run, steps of a run, losses)], [what failed]."""
    import torch._dynamo
    import torch._inductor.config
    torch._inductor.config.assert_indirect_indexing = False  # indices are known to be right
    if job["tuned"]:
        torch._inductor.config.compile_threads = os.cpu_count() or 1
    many = 20 if job["batch"] <= 16384 else 4
    modes = {"max-autotune": "max-autotune-no-cudagraphs", "reduce-overhead": "reduce-overhead"}
    ways = ["max-autotune"] if job["tuned"] else ["eager", "compiled"]
    if job["half"] and not job["cpu"] and not job["tuned"]:
        ways.append("reduce-overhead")
    made, failed, name = [], [], precision(job)
    try:
        for way, by_hand in itertools.product(ways, (True, False)):
            name = f"{precision(job)}, {'by hand' if by_hand else 'autograd'}, {way}"
            try:
                step = Step(data, job["batch"], job["optimizer"], job["half"], by_hand)
                run, steps = step, 1
                if way != "eager":
                    run = torch.compile(step, mode=modes.get(way), fullgraph=True, dynamic=False)
                    for _ in range(3):
                        run()
                if not job["cpu"] and way != "reduce-overhead":
                    run, steps = captured(run, many), many
                made.append((name, step, run, steps, check_loss(step, run, steps)))
            except Exception as e:
                failed.append(f"{name}: {reason(e)}")
    except TimeUp:
        within(0)
        failed.append(f"{name} and what follows: time was up")
    return made, failed


def work(connection, log, job, samples, ready, end):
    """A process: prepares, says so, and times when it is told to."""
    os.dup2(log.fileno(), 2)
    signal.signal(signal.SIGALRM, time_up)
    try:
        within(ready - time.monotonic())
        torch.set_float32_matmul_precision("high")
        torch.set_num_threads(1)
        data = make_data(samples, "cpu" if job["cpu"] else "cuda")
        if job["cpu"]:
            check_gradients(data, job["batch"])
        made, failed = prepare(job, data)
        within(end - time.monotonic())
        connection.send((len(made), failed, "CPU" if job["cpu"] else torch.cuda.get_device_name()))
        if not made or not connection.recv():
            return
        lines, failed = [], []
        least = 4 if job["cpu"] else 200 if job["batch"] <= 16384 else 40
        for name, step, run, steps, losses in made:
            try:
                taken = measure(step, run, steps, least, 0.05 if lines else 0.3)
                lines.append({"batch": job["batch"], "optimizer": job["optimizer"], "variant": name,
                              "us_per_step": round(1e6 * taken, 2), "samples_per_s": round(job["batch"] / taken),
                              "loss": [float(f"{x:.3g}") for x in losses]})
            except Exception as e:
                failed.append(f"{name}: {reason(e)}")
        connection.send((lines, failed))
    except TimeUp:
        within(0)
        connection.send((0, ["time was up"], ""))
    except Exception as e:
        connection.send((0, [reason(e)], ""))


class Process:
    def __init__(self, job, samples, ready, end):
        self.job, self.log = job, tempfile.TemporaryFile("w+")
        context = multiprocessing.get_context("fork")  # PyTorch is loaded once; no GPU is in use yet
        self.connection, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, self.log, job, samples, ready, end))
        self.process.start()
        other.close()

    def tell(self, texts):
        for text in texts:
            print(f"# batch {self.job['batch']}, {self.job['optimizer']}: {text}", file=sys.stderr, flush=True)

    def answer(self, until):
        """What it sends; None, and it is ended, if nothing comes."""
        try:
            if self.connection.poll(max(0.0, until - time.monotonic())):
                return self.connection.recv()
            said = "no answer in time"
        except (EOFError, OSError):
            said = "its process died"
        self.log.seek(0)
        self.tell([f"{precision(self.job)}: {said}"] + self.log.read().splitlines()[-5:])
        self.end()
        return None

    def prepared(self, until):
        """How many variants are ready, and the name of the device."""
        made, failed, device = self.answer(until) or (0, [], "")
        self.tell(failed)
        return made, device

    def results(self, until):
        if time.monotonic() > until:
            self.tell([f"{precision(self.job)}: not timed, time was up"])
            self.end()
            return []
        self.connection.send(True)
        lines, failed = (self.answer(until) or (0, []))[:2]
        self.tell(failed)
        for line in lines or []:
            print(json.dumps(line), flush=True)
        self.end()
        return lines or []

    def end(self):
        self.process.join(0.2)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=float, default=75, help="bound of everything; what does not fit is left out")
    p.add_argument("--batch", type=int, nargs="+", help="2048 262144 65536")
    p.add_argument("--optimizer", nargs="+", choices=["muon", "adam"], default=["muon", "adam"])
    p.add_argument("--cpu", action="store_true", help="small, without a GPU")
    a = p.parse_args()
    end, ready = BEGIN + a.seconds - 1, BEGIN + 0.6 * a.seconds
    samples = 1 << 14 if a.cpu else 1 << 20
    batches = a.batch or ([2048] if a.cpu else [2048, 262144, 65536])

    def job(optimizer, batch, half, tuned):
        return {"batch": batch, "optimizer": optimizer, "half": half, "tuned": tuned, "cpu": a.cpu}

    results, processes, device = [], [], ""
    try:
        for parts in itertools.product(a.optimizer, batches, (True, False), (False,)):
            processes.append(Process(job(*parts), samples, ready - 2, end))
        prepared = [p.prepared(ready) for p in processes]
        for p, (made, name) in zip(processes, prepared):
            device = device or name
            if made:
                results += p.results(end)
        # These time variants of every kernel: with the GPU to themselves, after all others.
        for batch in batches[:2] if not a.cpu else []:
            if end - time.monotonic() < 12:
                print(f"# batch {batch}, max-autotune: no time left", file=sys.stderr)
                continue
            p = Process(job(a.optimizer[0], batch, True, True), samples, end - 4, end)
            processes.append(p)
            if p.prepared(end - 2)[0]:
                results += p.results(end)
    finally:
        for p in processes:
            p.end()
    missing = 0
    for optimizer, batch in itertools.product(a.optimizer, batches):
        found = [r for r in results if (r["optimizer"], r["batch"]) == (optimizer, batch)]
        if found:
            best = min(found, key=lambda r: r["us_per_step"])
            print(json.dumps({"best": True, **best, "device": device, "torch": torch.__version__}))
        else:
            missing += 1
            print(f"# batch {batch}, {optimizer}: no result", file=sys.stderr)
    print(f"# {time.monotonic() - BEGIN:.0f} s", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
