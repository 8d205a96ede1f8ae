"""Parity of artui-train with PyTorch: logits, losses, every gradient, the optimizer's steps.

    /usr/bin/python3 tests/interop/parity.py [--kernel NAME] [--case TEXT] [--keep DIR]

gpt_torch.py states model and optimizer a second time, independently, in fp32. Here each case
draws weights (none of them zero, so that every path carries signal) and a batch, has the C
program parity_dump run them through the trainer's model, and compares. BIN names the build
(default build/release). One line per group of checks, "ok" or "FAIL"; exit 1 on any FAIL.

Tolerances. The trainer multiplies in bf16 (8 bits of mantissa: a relative rounding of 2^-9 on
each operand) and adds in fp32; the statement here is fp32 throughout. So the yardstick for
everything that has passed through products is PyTorch itself under bf16 autocast on the same
weights and batch: the trainer may be off by at most AUTOCAST_FACTOR times what PyTorch's bf16 is
off by, plus a small floor, and never by more than the ceiling of its group. --measure prints the
figure and the limit of every check. What involves no bf16 product (Adam, counts) is held to fp32
rounding. Muon has no ceiling on gradients of low rank: there Newton-Schulz enlarges rounding a
thousandfold in PyTorch as well, so the cases "given gradients" compare it where it is tame, at
the floors. Its gate matrices of 1 to 4 rows average nothing out and have floors of their own.
"""

import argparse
import dataclasses
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch

import gpt_torch

KERNELS = ("plain", "avx2", "avx512", "avx512bf16", "avx512fp16", "amx")
NO_KERNEL = 3  # exit status of parity_dump

AUTOCAST_FACTOR = 2.0
LOGITS_MAX_ABS = 0.30     # of logits that span -15 .. 15
LOGITS_REL = 0.015        # |difference| / |logits|, root mean squares
LOSS_MEAN = 0.01          # nats, of the batch's mean loss
LOGITS_FLOOR, LOSS_FLOOR, GRAD_FLOOR = 0.002, 0.002, 0.01
GRAD_COSINE = 0.999
GRAD_REL = 0.045
# The gradient of a per-layer scalar is one sum over a whole residual stream, whose terms cancel:
# its error does not shrink with it. d(mean loss)/d(scalar) itself is 0.01 to 0.2.
SCALAR_ABS = 0.003
ADAM_REL = 1e-4           # fp32, a fast reciprocal root allowed
# Floors of Muon's update for matrices and for gates: relative difference; gain, the inner product
# with the peer's update over the peer's own (noise averages out); norms of the rows or columns
# that NorMuon evens out.
MUON_FACTOR = 3.0  # one draw of PyTorch's noise is not yet its spread
MUON_FLOOR = (0.02, 0.004, 0.01)
# These floors times so much for the gradients of real batches: with two tokens or 32 columns they
# have a rank of a few, and the polar iteration lifts bf16's noise in all other directions.
# What pins the optimizer tightly is the run on given gradients of full rank, at once these floors.
NATURAL = 4.0
GATE_FLOOR = (0.25, 0.15, 0.20)

STEP_FIELDS = ("matrix_lr", "embedding_lr", "unembedding_lr", "scalar_lr", "beta1", "beta2",
               "muon_momentum", "weight_decay")
STEPS = (  # unlike each other in everything, so that no field can stand in for another
    dict(zip(STEP_FIELDS, (0.04, 0.6, 0.004, 0.5, 0.8, 0.95, 0.85, 0.2))),
    dict(zip(STEP_FIELDS, (0.03, 0.4, 0.006, 0.3, 0.75, 0.9, 0.9, 0.35))),
    dict(zip(STEP_FIELDS, (0.01, 0.1, 0.002, 0.1, 0.85, 0.97, 0.95, 0.05))),
)
# Given gradients come in enough steps for NorMuon's memory of 0.95 to be told from another; the
# momentum is low, so that what a step is given shows in its update.
LONG_STEPS = tuple(dict(STEPS[s % 3], muon_momentum=0.3 + 0.05 * (s % 3)) for s in range(10))
TRAIN, OPTIM, INIT = range(3)  # what a case file asks for


@dataclasses.dataclass
class Case:
    V: int
    L: int
    H: int
    D: int
    T: int
    pattern: str
    rows: int = 1
    micro: int = 1
    threads: int = 1
    spare_rows: int = 0       # the model is opened for this many more
    unscored: float = 0.1     # share of targets that are -1
    slow: bool = True         # also run with the plain kernel

    @property
    def C(self):
        return self.H * self.D

    def __str__(self):
        return (f"L{self.L}-{self.pattern}-H{self.H}x{self.D}-V{self.V}-T{self.T}"
                f"-B{self.rows}{f'x{self.micro}' if self.micro > 1 else ''}-{self.threads}t")

    def shape(self):
        return self.V, self.L, self.H, self.C, self.T, self.pattern


# Between them: depth 1 2 4 5 (value embeddings on the odd, on the even, on all layers), windows
# L SL SSL SSSL, heads 1 2 4, head widths 32 64 128 256, vocabularies that need padding and not,
# rows that do and do not divide by the threads, several micro-batches, no and many unscored.
CASES = (
    Case(256, 1, 1, 32, 64, "L", rows=4, unscored=0),
    Case(257, 2, 2, 32, 64, "SL", rows=3, threads=2),
    Case(1000, 2, 1, 64, 128, "S", rows=4, micro=2, unscored=0.5),
    Case(256, 4, 4, 32, 128, "SSSL", rows=3, spare_rows=2, threads=2),
    Case(257, 5, 2, 64, 128, "SSSL", rows=3, micro=2, threads=2),
    Case(2, 2, 4, 64, 64, "SSL", rows=1, micro=8, threads=2),
    Case(1000, 3, 1, 256, 96, "SL", rows=4, threads=1, slow=False),
    Case(256, 4, 2, 128, 256, "SSSL", rows=4, threads=2, slow=False),
)
OPTIM_CASES = (Case(257, 2, 4, 32, 32, "L"), Case(96, 1, 2, 128, 32, "L", threads=2))


class Report:
    """Counts and prints the groups of checks."""

    def __init__(self, measure):
        self.passed = self.failed = self.skipped = 0
        self.measure = measure

    def group(self, name, checks):
        """checks: (what, value, limit), all of which must be value <= limit (NaN fails)."""
        bad = [c for c in checks if not c[1] <= c[2]]
        worst = max(checks, key=lambda c: c[1] / c[2] if c[2] else math.inf if c[1] else 0)
        tell = lambda c: f"{c[0]} {c[1]:.3g} (limit {c[2]:.3g})"
        if bad:
            self.failed += 1
            print(f"FAIL {name}: {len(bad)} of {len(checks)}: " + "; ".join(map(tell, bad[:6])))
        else:
            self.passed += 1
            print(f"ok {name}: {len(checks)} checks, nearest {tell(worst)}")
        if self.measure:
            for c in checks:
                print("    " + tell(c))
        sys.stdout.flush()


def relative(x, y):
    """|x - y| / |y|, root mean squares; 0 when both are nothing."""
    d, n = (x - y).double().norm().item(), y.double().norm().item()
    return d / n if n else (math.inf if d else 0.0)


def cosine_gap(x, y):
    x, y = x.double().flatten(), y.double().flatten()
    n = x.norm() * y.norm()
    return 1 - (torch.dot(x, y) / n).item() if n else float(x.norm() != y.norm())


def draw_params(case, gen):
    """Weights of a trained model's size: nothing is zero and the logits reach into the soft cap."""
    params = {}
    for name, dims in gpt_torch.param_shapes(case.V, case.L, case.H, case.C).items():
        w = torch.randn(dims, generator=gen)
        if name == "resid_lambdas":
            w = 1 + 0.2 * w
        elif name == "x0_lambdas":
            w = 0.3 + 0.2 * w
        elif name == "lm_head.weight":
            w = w * 4 / case.C ** 0.5
        elif name.endswith("ve_gate.weight"):
            w = w * 0.4
        elif "c_q" in name or "c_k" in name:
            w = w * 1.5 / case.C ** 0.5
        elif not name.startswith(("transformer.wte", "value_embeds")):
            w = w / dims[-1] ** 0.5
        params[name] = w
    return params


def draw_batches(case, gen):
    """[steps, micro, (inputs, targets), rows * T] and a probe row. No two equal tokens in a row."""
    def draw(rows):
        ids = torch.randint(case.V, (rows, case.T + 1), generator=gen)
        hide = torch.rand((rows, case.T), generator=gen) < case.unscored
        return ids[:, :-1].contiguous(), ids[:, 1:].masked_fill(hide, -1).contiguous()
    return [[draw(case.rows) for _ in range(case.micro)] for _ in STEPS], draw(1)


class Dump:
    """Writes case files, runs parity_dump, reads what it wrote."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, case, kernel, what, tensors=(), batches=(), scale=1.0, seed=0,
            rules=STEPS):
        """name -> tensor or float; None when this CPU lacks the kernel."""
        path, result = (os.path.join(self.folder, f) for f in ("case", "result"))
        with open(path, "wb") as f:
            f.write(struct.pack("<I10if2i32s16s", 0x31495241, case.V, case.L, case.H, case.C,
                                case.T, case.rows, case.micro, case.rows + case.spare_rows,
                                case.threads, len(rules), scale, what, seed,
                                case.pattern.encode(), kernel.encode()))
            for s in rules:
                f.write(struct.pack("<8d", *(s[k] for k in STEP_FIELDS)))
            for w in tensors:
                f.write(w.contiguous().numpy().astype("<f4").tobytes())
            for ids in batches:
                f.write(ids.contiguous().numpy().astype("<i4").tobytes())
        done = subprocess.run([self.program, path, result], check=False, timeout=300,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode == NO_KERNEL:
            return None
        if done.returncode:
            raise RuntimeError(f"parity_dump {case} {kernel}: status {done.returncode}: "
                               + done.stderr.strip())
        return self.read(result)

    @staticmethod
    def read(path):
        head, out = struct.Struct("<96s4iq"), {}
        with open(path, "rb") as f:
            while block := f.read(head.size):
                name, is_f64, n_dims, d0, d1, count = head.unpack(block)
                data = np.fromfile(f, "<f8" if is_f64 else "<f4", count)
                if len(data) != count:
                    raise RuntimeError(f"{path} ends too early")
                name = name.rstrip(b"\0").decode()
                out[name] = (float(data[0]) if is_f64 and count == 1 else
                             torch.from_numpy(data).view((d0, d1)[:n_dims] if n_dims else -1))
        return out


def take(out, prefix):
    """The tensors recorded as "<prefix><parameter>", by parameter, in recorded order."""
    return {k[len(prefix):]: v for k, v in out.items() if k.startswith(prefix)}


def order_wrong(recorded, case):
    """How many parameters differ in name, order or shape from named_parameters()."""
    want = gpt_torch.param_shapes(case.V, case.L, case.H, case.C)
    have = [(n, tuple(w.shape)) for n, w in recorded.items()]
    pairs = zip(have, [(n, tuple(s)) for n, s in want.items()])
    return sum(a != b for a, b in pairs) + abs(len(have) - len(want))


class Reference:
    """What PyTorch says of one case's first step: exact (fp32), and as good as bf16 gets."""

    def __init__(self, case, params, batch, scale, bf16):
        self.model = gpt_torch.Gpt(*case.shape())
        p = {n: w.clone().requires_grad_(True) for n, w in params.items()}
        self.logits, self.losses = [], []
        for idx, targets in batch:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                z = self.model.logits(p, idx)
                losses = self.model.losses(p, idx, targets)
            self.logits.append(z.detach().flatten())
            self.losses.append(losses.detach().flatten())
            (losses.sum() * scale).backward()
        self.grads = {n: w.grad for n, w in p.items()}


def limit(peer_error, floor, ceiling=math.inf, factor=AUTOCAST_FACTOR):
    """What a group allows, given PyTorch's own bf16 error on the very same numbers."""
    return min(ceiling, floor + factor * peer_error)


def check_forward(report, name, out, ref, ref16):
    exact, half = ref.logits[0], ref16.logits[0]
    mean = lambda r: torch.cat(r.losses).sum().item()
    scored = max(1, sum(int((x != 0).sum()) for x in ref.losses))
    first = max(1, int((ref.losses[0] != 0).sum()))
    rel16 = relative(half, exact)
    report.group(name + " logits and losses", [
        ("logits largest difference", (out["logits"] - exact).abs().max().item(),
         limit((half - exact).abs().max().item(), 0.02, LOGITS_MAX_ABS)),
        ("logits relative", relative(out["logits"], exact), limit(rel16, LOGITS_FLOOR, LOGITS_REL)),
        ("losses relative", relative(out["losses"], ref.losses[0]),
         limit(relative(ref16.losses[0], ref.losses[0]), LOSS_FLOOR, 0.05)),
        ("mean loss, nats", abs(out["losses"].sum() - ref.losses[0].sum()).item() / first,
         LOSS_MEAN),
        ("training's mean loss, nats", abs(out["loss_sum.0"] - mean(ref)) / scored, LOSS_MEAN),
        ("losses of unscored targets", out["losses"][ref.losses[0] == 0].abs().sum().item(), 0),
        ("logits beyond the soft cap", out["logits"].abs().max().item(), gpt_torch.SOFTCAP),
        ("a pass between micro-batches differs", float(not torch.equal(
            out["logits"], out["again_logits"]) or not torch.equal(
            out["losses"], out["again_losses"])), 0),
    ])


def check_grads(report, name, grads, ref, ref16):
    checks = []
    for n, exact in ref.grads.items():
        rel16 = relative(ref16.grads[n], exact)
        rel = relative(grads[n], exact)
        if n in ("resid_lambdas", "x0_lambdas"):
            off = (grads[n] - exact).abs()
            checks.append((n + " largest difference", off.max().item(),
                           SCALAR_ABS + GRAD_FLOOR * exact.abs().max().item()))
            continue
        checks.append((n + " relative", rel, limit(rel16, GRAD_FLOOR, GRAD_REL)))
        checks.append((n + " 1 - cosine", cosine_gap(grads[n], exact), 1 - GRAD_COSINE))
        if n.startswith(("transformer.wte", "value_embeds")):
            absent = ~exact.any(1)  # tokens that the batch lacks
            checks.append((n + " of absent tokens", grads[n][absent].abs().sum().item(), 0))
    report.group(name + " gradients", checks)


def muon_checks(name, have, want, exact, slack):
    """have: the trainer's update; want, exact: the peer's with polar in bf16 and in fp32."""
    floor = GATE_FLOOR if name.endswith("ve_gate.weight") else MUON_FLOOR
    along = -1 if have.shape[0] >= have.shape[1] else -2
    gain_off = lambda u: abs((u * exact).sum().item() / exact.square().sum().item() - 1)
    units = lambda u: u.double().norm(dim=along)
    measures = (("relative", lambda u: relative(u, exact)), ("gain", gain_off),
                ("row or column norms", lambda u: relative(units(u), units(exact))))
    return [(f"{name} {what}", off(have), limit(off(want), low * slack, factor=MUON_FACTOR))
            for (what, off), low in zip(measures, floor)]


def check_optimizer(report, name, case, start, grads_of, params_of, rules=STEPS, slack=NATURAL):
    """Step by step, from the trainer's own weights and gradients: only the optimizer is compared."""
    peers = {dtype: gpt_torch.MuonAdamW(start, case.C, dtype)
             for dtype in (torch.float32, torch.bfloat16)}
    before, adam, muon = start, [], []
    for s, rule in enumerate(rules):
        grads, after = grads_of(s), params_of(s)
        new = {}
        for dtype, peer in peers.items():
            new[dtype] = {n: w.clone() for n, w in before.items()}
            peer.step(new[dtype], grads, rule)
        for n in start:
            at = f"step {s + 1} {n}"
            update = lambda p, n=n: p[n] - before[n]
            have, exact = update(after), update(new[torch.float32])
            if n.startswith("transformer.h."):
                muon += muon_checks(at, have, update(new[torch.bfloat16]), exact, slack)
            else:
                # the weights' own rounding is in both updates: half a unit in the last place each
                ulp = before[n].abs().max().item() * 2.0 ** -23 / max(
                    exact.square().mean().sqrt().item(), 1e-30)
                adam.append((at, relative(have, exact), ADAM_REL + ulp))
        before = after
    report.group(name + " Adam", adam)
    report.group(name + " Muon", muon)


def check_probe(report, name, case, out, probe):
    """The weights after the steps, used: by the model that trained and by one that cannot train."""
    model = gpt_torch.Gpt(*case.shape())
    params = take(out, f"param.{len(STEPS) - 1}.")
    with torch.no_grad():
        exact = model.logits(params, probe[0]).flatten()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = model.logits(params, probe[0]).flatten()
    report.group(name + " after training", [
        ("logits relative", relative(out["probe_logits"], exact),
         limit(relative(half, exact), LOGITS_FLOOR, 2 * LOGITS_REL)),
        ("an untrainable model's logits differ",
         float(not torch.equal(out["probe_logits"], out["reader_logits"])), 0),
        ("an untrainable model's losses differ",
         float(not torch.equal(out["probe_losses"], out["reader_losses"])), 0),
    ])


def check_sizes(report, name, case, out, recorded):
    count = sum(math.prod(s) for s in
                gpt_torch.param_shapes(case.V, case.L, case.H, case.C).values())
    flops = gpt_torch.flops_per_token(*case.shape())
    report.group(name + " names, shapes, sizes", [
        ("parameters out of order", order_wrong(recorded, case), 0),
        ("num_params off by", abs(out["num_params"] - count), 0),
        ("flops_per_token off by", abs(out["flops"] - flops), 0),
    ])


def run_train_case(report, dump, case, kernels, seed):
    gen = torch.Generator().manual_seed(seed)
    params = draw_params(case, gen)
    steps, probe = draw_batches(case, gen)
    scored = max(1, sum(int((t >= 0).sum()) for _, t in steps[0]))
    scale = struct.unpack("f", struct.pack("f", 1 / scored))[0]
    flat = [x for micro in steps for pair in micro for x in pair] + list(probe)
    ref = Reference(case, params, steps[0], scale, bf16=False)
    ref16 = Reference(case, params, steps[0], scale, bf16=True)
    for kernel in kernels:
        if kernel == "plain" and not case.slow:
            continue
        out = dump.run(case, kernel, TRAIN, params.values(), flat, scale)
        if out is None:
            continue
        name = f"{kernel} {case}"
        check_sizes(report, name, case, out, take(out, "grad.0."))
        check_forward(report, name, out, ref, ref16)
        check_grads(report, name, take(out, "grad.0."), ref, ref16)
        check_optimizer(report, name, case, params, lambda s, o=out: take(o, f"grad.{s}."),
                        lambda s, o=out: take(o, f"param.{s}."))
        check_probe(report, name, case, out, probe)


def draw_grads(params, gen):
    """Of full rank, so that the bf16 of Newton-Schulz costs little and the tolerances bite. Rows
    (columns) of tall (wide) matrices are uneven, otherwise in the second half of the steps than in
    the first: NorMuon's work."""
    grads = []
    for s in range(len(LONG_STEPS)):
        if s % (len(LONG_STEPS) // 2) == 0:
            uneven = {n: torch.randn((max(w.shape), 1), generator=gen).exp() for n, w in params.items()}
        step = {n: torch.randn(w.shape, generator=gen) * 10.0 ** (-1 - s % 3) for n, w in params.items()}
        for n, g in step.items():
            if g.dim() == 2 and g.shape[0] != g.shape[1]:
                g *= uneven[n] if g.shape[0] > g.shape[1] else uneven[n].T
        grads.append(step)
    return grads


def run_optim_case(report, dump, case, kernels, seed):
    gen = torch.Generator().manual_seed(seed)
    params = draw_params(case, gen)
    grads = draw_grads(params, gen)
    flat = list(params.values()) + [g for step in grads for g in step.values()]
    for kernel in kernels:
        out = dump.run(case, kernel, OPTIM, flat, rules=LONG_STEPS)
        if out is not None:
            check_optimizer(report, f"{kernel} {case} given gradients", case, params,
                            lambda s: grads[s], lambda s, o=out: take(o, f"param.{s}."),
                            LONG_STEPS, 1.0)


def moments(w):
    """Mean, standard deviation and largest magnitude, the mean in standard errors."""
    w = w.double()
    sd = w.std().item()
    return abs(w.mean().item()) / (sd / w.numel() ** 0.5), sd, w.abs().max().item()


def run_init_case(report, dump, kernel):
    """The initial weights have autoresearch's distributions and follow the seed alone."""
    case = Case(512, 3, 2, 64, 64, "L")
    first = take(dump.run(case, kernel, INIT, seed=7), "init.")
    twin = take(dump.run(dataclasses.replace(case, threads=2), kernel, INIT, seed=7), "init.")
    other = take(dump.run(case, kernel, INIT, seed=8), "init.")
    bound = (3 / case.C) ** 0.5
    checks = [("threads change the weights",
               float(any(not torch.equal(first[n], twin[n]) for n in first)), 0)]
    for n, w in first.items():
        if n == "resid_lambdas" or n == "x0_lambdas":
            value = 1.0 if n == "resid_lambdas" else 0.1
            checks.append((n, (w - value).abs().max().item(), 1e-7))
        elif n.endswith(("c_proj.weight", "ve_gate.weight")):
            checks.append((n, w.abs().max().item(), 0))
        else:
            checks.append((n + " ignores the seed", float(torch.equal(w, other[n])), 0))
            off, sd, top = moments(w)
            normal = n in ("transformer.wte.weight", "lm_head.weight")
            want = {"transformer.wte.weight": 1.0, "lm_head.weight": 0.001}.get(n, case.C ** -0.5)
            checks.append((n + " mean, in standard errors", off, 4.5))
            checks.append((n + " standard deviation off by", abs(sd / want - 1), 0.03))
            if not normal:
                checks.append((n + " largest", top, bound * (1 + 1e-6)))
                checks.append((n + " does not reach its bound", bound - top, bound * 0.01))
            else:
                checks.append((n + " has no tail", want * 3.5 - top, 0))
    report.group("initial weights", checks)


def check_repeats(report, dump, kernel):
    """The same case twice, and on another thread count: equal bits, and equal but for rounding."""
    case = dataclasses.replace(CASES[3], threads=2)
    gen = torch.Generator().manual_seed(99)
    params = draw_params(case, gen)
    steps, probe = draw_batches(case, gen)
    flat = [x for micro in steps for pair in micro for x in pair] + list(probe)
    run = lambda c: dump.run(c, kernel, TRAIN, params.values(), flat, 0.002)
    a, b, one = run(case), run(case), run(dataclasses.replace(case, threads=1))
    differs = lambda x, y: sum(not torch.equal(torch.as_tensor(x[k]), torch.as_tensor(y[k])) for k in x)
    spread = max(relative(one[k], a[k]) for k in a if k.startswith("grad.0."))
    report.group(f"{kernel} repeats", [
        ("records that differ in a second run", differs(a, b), 0),
        ("gradients of one thread and of two", spread, 1e-3),
    ])


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    ap.add_argument("--kernel", help="only this one")
    ap.add_argument("--case", default="", help="only cases whose name contains this")
    ap.add_argument("--keep", help="leave the last case and result files in this folder")
    ap.add_argument("--measure", action="store_true", help="print every check's value and limit")
    args = ap.parse_args()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    build = os.environ.get("BIN", "build/release")
    program = os.path.join(build if os.path.isabs(build) else os.path.join(top, build),
                           "tests", "parity_dump")
    if not os.access(program, os.X_OK):
        sys.exit(f"FAIL {program} is missing: build it with `make tools`")
    folder = args.keep or tempfile.mkdtemp(prefix="artui-parity-")
    os.makedirs(folder, exist_ok=True)
    dump, report = Dump(program, folder), Report(args.measure)
    try:
        kernels = []
        for k in [args.kernel] if args.kernel else KERNELS:
            if dump.run(CASES[0], k, INIT) is None:
                print(f"SKIP kernel {k}: this processor lacks it")
                report.skipped += 1
            else:
                kernels.append(k)
        for i, case in enumerate(CASES):
            if args.case in str(case):
                run_train_case(report, dump, case, kernels, 1000 + i)
        for i, case in enumerate(OPTIM_CASES):
            if args.case in str(case):
                run_optim_case(report, dump, case, kernels, 2000 + i)
        if not args.case:
            for k in kernels:
                check_repeats(report, dump, k)
            run_init_case(report, dump, kernels[-1] if kernels else "plain")
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"parity: {report.passed} passed, {report.failed} failed")
    sys.exit(1 if report.failed or not report.passed else 0)


if __name__ == "__main__":
    main()
