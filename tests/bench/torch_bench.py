"""Time the PyTorch twin of artui-train: forward, backward and optimizer step. Prints one JSON line.

    /usr/bin/python3 tests/bench/torch_bench.py --precision bf16 --threads 2 --seconds 10

The model is tests/interop/gpt_torch.py, which parity.py shows to be the trainer's own. Two
precisions: fp32, and bf16 autocast (matrix products in bf16 through oneDNN, the rest in fp32).
bench_vs_torch.sh sets the environment (OpenMP waits, BLAS) that was found fastest for each.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

import torch

import gpt_torch


def init(shape):
    """Weights of the size autoresearch starts from; their values do not matter for the time."""
    torch.manual_seed(1)
    V, L, H, C, _, _ = shape
    params = {}
    for name, dims in gpt_torch.param_shapes(V, L, H, C).items():
        if name == "resid_lambdas":
            w = torch.ones(dims)
        elif name == "x0_lambdas":
            w = torch.full(dims, 0.1)
        elif name == "transformer.wte.weight":
            w = torch.randn(dims)
        elif name == "lm_head.weight":
            w = torch.randn(dims) * 0.001
        else:
            w = torch.empty(dims).uniform_(-1, 1) * (3 / C) ** 0.5
        params[name] = w.requires_grad_(True)
    return params


def faster_polar(width):
    """Muon's products in bf16, as autoresearch has them, unless this CPU does fp32 faster."""
    g, best = torch.randn(4, width, width), {}
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        for _ in range(5):
            start = time.perf_counter()
            gpt_torch.polar(g, dtype)
            best[name] = min(best.get(name, math.inf), time.perf_counter() - start)
    return min(best, key=best.get)


def time_steps(args):
    shape = (args.vocab, args.depth, args.heads, args.width, args.seq, args.window)
    params = init(shape)
    model = gpt_torch.Gpt(*shape)
    if args.polar == "auto":
        args.polar = faster_polar(args.width)
    polar_dtype = torch.bfloat16 if args.polar == "bf16" else torch.float32
    optimizer = gpt_torch.MuonAdamW(params, args.width, polar_dtype)
    rule = dict(matrix_lr=0.04, embedding_lr=0.6, unembedding_lr=0.004, scalar_lr=0.5,
                beta1=0.8, beta2=0.95, muon_momentum=0.9, weight_decay=0.1)
    micro = args.tokens // (args.rows * args.seq)
    batch = torch.randint(args.vocab, (micro, args.rows, args.seq + 1))
    autocast = (torch.autocast("cpu", dtype=torch.bfloat16) if args.precision == "bf16"
                else contextlib.nullcontext())

    def step():
        for rows in batch:
            with autocast:
                losses = model.losses(params, rows[:, :-1], rows[:, 1:].contiguous())
            (losses.sum() / args.tokens).backward()
        middle = time.perf_counter()
        optimizer.step(params, {n: w.grad for n, w in params.items()}, rule)
        for w in params.values():
            w.grad = None
        return middle

    begin = time.perf_counter()
    for _ in range(args.warmup):
        step()
        if time.perf_counter() - begin > args.limit / 3:
            break
    whole, update = [], []
    end = time.perf_counter() + args.seconds
    while time.perf_counter() < end or len(whole) < 3:
        start = time.perf_counter()
        if whole and start - begin > args.limit:
            break
        middle = step()
        whole.append(time.perf_counter() - start)
        update.append(time.perf_counter() - middle)
    return whole, update


def cpu_name():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    ap.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    ap.add_argument("--polar", choices=("auto", "fp32", "bf16"), default="auto",
                    help="precision of Muon's products (auto: the faster here)")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--seconds", type=float, default=10)
    ap.add_argument("--warmup", type=int, default=3)
    ap.add_argument("--limit", type=float, default=30,
                    help="seconds after which one measured step must do")
    ap.add_argument("--depth", type=int, default=4)
    ap.add_argument("--width", type=int, default=256)
    ap.add_argument("--heads", type=int, default=2)
    ap.add_argument("--seq", type=int, default=256)
    ap.add_argument("--vocab", type=int, default=256)
    ap.add_argument("--window", default="L")
    ap.add_argument("--tokens", type=int, default=4096, help="tokens a step")
    ap.add_argument("--rows", type=int, default=0, help="rows a pass (0: the whole step at once)")
    ap.add_argument("--profile", action="store_true", help="where the time goes, instead")
    args = ap.parse_args()
    args.rows = args.rows or args.tokens // args.seq
    if args.tokens % (args.rows * args.seq):
        ap.error("--tokens must be a multiple of --rows times --seq")
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)

    if args.profile:
        with torch.profiler.profile() as prof:
            time_steps(args)
        print(prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=30))
        return
    whole, update = time_steps(args)
    seconds = statistics.median(whole)
    flops = gpt_torch.flops_per_token(args.vocab, args.depth, args.heads, args.width,
                                      args.seq, args.window)
    print(json.dumps({
        "program": "torch", "version": torch.__version__, "cpu": cpu_name(),
        "precision": args.precision, "polar": args.polar, "threads": args.threads,
        "depth": args.depth, "width": args.width, "heads": args.heads,
        "seq_len": args.seq, "vocab": args.vocab, "window": args.window, "tokens_per_step": args.tokens,
        "rows": args.rows, "steps": len(whole), "step_ms": round(seconds * 1e3, 3),
        "step_ms_min": round(min(whole) * 1e3, 3),
        "optimizer_ms": round(statistics.median(update) * 1e3, 3),
        "tokens_per_second": round(args.tokens / seconds, 1),
        "gflops": round(args.tokens / seconds * flops / 1e9, 2),
    }))


if __name__ == "__main__":
    main()
