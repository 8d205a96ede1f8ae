"""The trainer's model and optimizer stated once more, in plain eager PyTorch.

This is the peer that parity.py compares artui-train with and that bench/torch_bench.py times.
It is written from the mathematics of karpathy/autoresearch's train.py, for a PyTorch as old as
1.13 (Debian 12), so RMSNorm, the sliding window and the optimizer are written out here.

Everything is fp32 unless the caller runs it under autocast. Three roundings of the original are
left out on purpose, because they belong to its machine and not to its model: embedding tables
kept in bf16, rotary tables kept in bf16, and learning rates rounded to bf16 inside Muon.

Shapes: B rows, T positions, C width, H heads, D = C / H, V vocabulary, L layers.
"""

import math

import torch
import torch.nn.functional as F

SOFTCAP = 15.0
GATE_CHANNELS = 32
ROPE_BASE = 10000.0
RMS_EPS = 1.1920929e-07  # fp32 machine epsilon, what rms_norm takes when told nothing


def has_value_embedding(layer, n_layer):
    """Every second layer, counted so that the last one is among them."""
    return (n_layer - 1 - layer) % 2 == 0


def window_of(layer, n_layer, seq_len, pattern):
    """How far back a query looks: keys i - window .. i. The last layer always looks all the way."""
    if layer == n_layer - 1 or pattern[layer % len(pattern)] == "L":
        return seq_len
    return seq_len // 2


def param_shapes(V, L, H, C):
    """Name -> shape, in the order in which the original registers its parameters."""
    shapes = {"resid_lambdas": (L,), "x0_lambdas": (L,), "transformer.wte.weight": (V, C)}
    for i in range(L):
        at = f"transformer.h.{i}."
        for name in ("c_q", "c_k", "c_v", "c_proj"):
            shapes[at + f"attn.{name}.weight"] = (C, C)
        if has_value_embedding(i, L):
            shapes[at + "attn.ve_gate.weight"] = (H, GATE_CHANNELS)
        shapes[at + "mlp.c_fc.weight"] = (4 * C, C)
        shapes[at + "mlp.c_proj.weight"] = (C, 4 * C)
    shapes["lm_head.weight"] = (V, C)
    for i in range(L):
        if has_value_embedding(i, L):
            shapes[f"value_embeds.{i}.weight"] = (V, C)
    return shapes


def flops_per_token(V, L, H, C, T, pattern):
    """Forward and backward: 6 a matrix weight, 12 C a key looked at (window counted, causality not)."""
    matrices = sum(math.prod(s) for n, s in param_shapes(V, L, H, C).items()
                   if n.startswith("transformer.h.") or n == "lm_head.weight")
    keys = sum(min(window_of(i, L, T, pattern), T) for i in range(L))
    return 6 * matrices + 12 * C * keys


def rms(x):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + RMS_EPS)


class Gpt:
    """Forward pass over a dict of parameters. Autograd does the rest."""

    def __init__(self, V, L, H, C, T, pattern):
        self.V, self.L, self.H, self.C, self.T = V, L, H, C, T
        self.D = C // H
        angle = torch.arange(T, dtype=torch.float64)[:, None] * (
            ROPE_BASE ** (-torch.arange(self.D // 2, dtype=torch.float64) * 2 / self.D))
        self.cos = angle.cos().float()  # [T, D/2]
        self.sin = angle.sin().float()
        back = torch.arange(T)[:, None] - torch.arange(T)[None, :]  # query minus key
        self.mask = []  # per layer [T, T]: 0 where seen, -inf where not
        for i in range(L):
            seen = (back >= 0) & (back <= window_of(i, L, T, pattern))
            self.mask.append(torch.zeros(T, T).masked_fill(~seen, -math.inf))

    def rope(self, x):
        """Rotate the pair (x[d], x[d + D/2]) of every head by minus the position's angle."""
        lo, hi = x.chunk(2, -1)
        return torch.cat((lo * self.cos + hi * self.sin, hi * self.cos - lo * self.sin), -1)

    def attention(self, p, i, x, idx):
        B, T, C = x.shape
        at = f"transformer.h.{i}.attn."
        heads = lambda name: F.linear(x, p[at + name]).view(B, T, self.H, self.D)
        q, k, v = heads("c_q.weight"), heads("c_k.weight"), heads("c_v.weight")
        if has_value_embedding(i, self.L):
            table = F.embedding(idx, p[f"value_embeds.{i}.weight"]).view(B, T, self.H, self.D)
            gate = 2 * torch.sigmoid(F.linear(x[..., :GATE_CHANNELS], p[at + "ve_gate.weight"]))
            v = v + gate.unsqueeze(-1) * table
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # [B, H, T, D]
        q, k = rms(self.rope(q)) * self.D ** -0.5, rms(self.rope(k))
        scores = torch.matmul(q, k.transpose(-1, -2)) + self.mask[i]
        y = torch.matmul(torch.softmax(scores, -1), v)
        return F.linear(y.transpose(1, 2).reshape(B, T, C), p[at + "c_proj.weight"])

    def mlp(self, p, i, x):
        at = f"transformer.h.{i}.mlp."
        hidden = F.relu(F.linear(x, p[at + "c_fc.weight"])).square()
        return F.linear(hidden, p[at + "c_proj.weight"])

    def logits(self, p, idx):
        """[B, T] tokens -> [B, T, V] soft-capped logits."""
        x0 = x = rms(F.embedding(idx, p["transformer.wte.weight"]))
        for i in range(self.L):
            x = p["resid_lambdas"][i] * x + p["x0_lambdas"][i] * x0
            x = x + self.attention(p, i, rms(x), idx)
            x = x + self.mlp(p, i, rms(x))
        z = F.linear(rms(x), p["lm_head.weight"]).float()
        return SOFTCAP * torch.tanh(z / SOFTCAP)

    def losses(self, p, idx, targets):
        """Nats at each position [B, T]; 0 where the target is -1."""
        z = self.logits(p, idx)
        flat = F.cross_entropy(z.view(-1, self.V), targets.view(-1), ignore_index=-1,
                               reduction="none")
        return flat.view(targets.shape)


# Minimax-optimal quintics of the "polar express" (Amsel et al., 2025), for five iterations with
# the norm divided by 1.02: each maps singular values s to a s + b s^3 + c s^5.
POLAR = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
MUON_BETA2 = 0.95
ADAM_EPS = 1e-10
X0_BETAS = (0.96, 0.95)


def polar(g, dtype):
    """About U V^T of each matrix of g [N, rows, cols], in the smaller Gram's five products."""
    x = g.to(dtype)
    tall = g.shape[-2] > g.shape[-1]
    if tall:
        x = x.transpose(-1, -2)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-6)
    for a, b, c in POLAR:
        gram = torch.bmm(x, x.transpose(-1, -2))
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    if tall:
        x = x.transpose(-1, -2)
    return x.float()


class MuonAdamW:
    """Muon with NorMuon's variance reduction for the blocks' matrices, Adam for the rest.

    A step is a dict: matrix_lr, embedding_lr, unembedding_lr, scalar_lr, beta1, beta2,
    muon_momentum, weight_decay; names and meaning are those of struct model_step.
    """

    def __init__(self, params, C, polar_dtype=torch.bfloat16):
        self.t = 0
        self.polar_dtype = polar_dtype
        self.adam_scale = (C / 768) ** -0.5
        self.adam, self.muon = {}, {}
        by_shape = {}
        for name, w in params.items():
            if name.startswith("transformer.h."):
                by_shape.setdefault(tuple(w.shape), []).append(name)
            else:
                self.adam[name] = (torch.zeros_like(w), torch.zeros_like(w))
        for (rows, cols), names in by_shape.items():
            per_unit = (rows, 1) if rows >= cols else (1, cols)
            self.muon[(rows, cols)] = (names, torch.zeros(len(names), rows, cols),
                                       torch.zeros(len(names), *per_unit))

    def adam_rule(self, name, s):
        betas = (s["beta1"], s["beta2"])
        if name == "x0_lambdas":
            return s["scalar_lr"], X0_BETAS
        if name == "resid_lambdas":
            return s["scalar_lr"] * 0.01, betas
        if name == "lm_head.weight":
            return s["unembedding_lr"] * self.adam_scale, betas
        return s["embedding_lr"] * self.adam_scale, betas

    @torch.no_grad()
    def step(self, params, grads, s):
        self.t += 1
        for name, (mean, var) in self.adam.items():
            lr, (b1, b2) = self.adam_rule(name, s)
            mean.lerp_(grads[name], 1 - b1)
            var.mul_(b2).addcmul_(grads[name], grads[name], value=1 - b2)
            root = (var / (1 - b2 ** self.t)).sqrt_().add_(ADAM_EPS)
            params[name].addcdiv_(mean, root, value=-lr / (1 - b1 ** self.t))
        for (rows, cols), (names, speed, second) in self.muon.items():
            self.step_muon(params, grads, s, rows, cols, names, speed, second)

    def step_muon(self, params, grads, s, rows, cols, names, speed, second):
        mu = s["muon_momentum"]
        g = torch.stack([grads[n] for n in names])
        speed.lerp_(g, 1 - mu)
        u = polar(torch.lerp(g, speed, mu), self.polar_dtype)
        # NorMuon: even out the rows (or columns) by their running mean square, keep the norm.
        along = -1 if rows >= cols else -2
        mean_sq = u.square().mean(along, keepdim=True)
        second.lerp_(mean_sq, 1 - MUON_BETA2)
        scale = second.clamp_min(1e-10).rsqrt()
        before = mean_sq.sum((-2, -1), keepdim=True).sqrt()
        after = (mean_sq * scale.square()).sum((-2, -1), keepdim=True).sqrt()
        u = u * scale * (before / after.clamp_min(1e-10))
        lr = s["matrix_lr"] * max(1.0, rows / cols) ** 0.5
        w = torch.stack([params[n] for n in names])
        # Cautious decay: only where the update and the weight agree in sign.
        w -= lr * u + lr * s["weight_decay"] * w * ((u * w) >= 0)
        for n, new in zip(names, w):
            params[n].copy_(new)


def muon_momentum(step):
    return 0.85 + (0.95 - 0.85) * min(step / 300, 1.0)
