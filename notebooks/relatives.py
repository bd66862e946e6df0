"""Two relatives of parallel track in plain PyTorch, a whole sequence at a time: every track's stream beside the others, no ranks.

Desync residual (arXiv 2501.06589), n tracks, modules (attention and MLP in turn) counted from 1, the model's last one always summed:

    every k-th module:  r_i = sum over tracks of (f_i + r_i / n);   the others:  r_i = r_i + f_i

Delayed all-reduce, as kogai/laneformer-2b-it has it: n lanes, layers counted from 0, a delay of d layers:

    l >= d:  h_i = h_i + o_i + (sum over lanes of o[l-d] - o_i[l-d])
    l < d:   h_i = h_i + sum over lanes of o  (use_early_comm),  else  h_i = h_i + sqrt(n) o_i
    end:     logits = E N(sum of h_i)  (pre_norm_lane_agg),  else  logits = E mean of N_i(h_i)

Weights are read under the names of the checkpoints: `model.tracks.{i}.layers.{l}.` and llama's names, or Laneformer's own, whose lanes
are stacked, [lanes, out, in], and whose rotary pairs stand side by side.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return x / (x.pow(2).mean(dim=-1, keepdim=True) + epsilon).sqrt() * weight


def attend(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """[time, heads, dim], keys and values with fewer heads; a token sees itself and the `window - 1` before it, all with window 0."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    scores = torch.einsum("shd,thd->hst", q, k) / q.shape[-1] ** 0.5
    distance = torch.arange(len(q))[:, None] - torch.arange(len(q))[None]
    hidden = (distance < 0) | ((distance >= window) if window else torch.tensor(False))
    return torch.einsum("hst,thd->shd", scores.masked_fill(hidden, float("-inf")).softmax(dim=-1), v).flatten(1)


def angles(time: int, dim: int, theta: float) -> Tensor:
    """position * theta^(-2j/dim), [time, 1, dim / 2]."""
    return torch.outer(torch.arange(time).float(), theta ** -(torch.arange(0, dim, 2).float() / dim))[:, None]


def turn_halves(x: Tensor, theta: float) -> Tensor:
    """Dimension j turns with dimension j + dim/2. x is [time, heads, dim]."""
    turn = angles(len(x), x.shape[-1], theta)
    low, high = x.chunk(2, dim=-1)
    return torch.cat((low * turn.cos() - high * turn.sin(), high * turn.cos() + low * turn.sin()), dim=-1)


def turn_pairs(x: Tensor, theta: float) -> Tensor:
    """Dimension 2j turns with dimension 2j + 1: complex numbers times e^(i angle)."""
    turn = torch.polar(torch.ones(()), angles(len(x), x.shape[-1], theta))
    return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * turn).flatten(-2)


class Desync:
    def __init__(self, directory: Path, **changes):
        self.config = json.loads((directory / "config.json").read_text()) | changes
        self.weights = load_file(directory / "model.safetensors")

    def module(self, track: int, number: int, x: Tensor) -> Tensor:
        c = self.config
        at = f"model.tracks.{track}.layers.{number // 2}."
        name = at + ("post_attention_layernorm.weight" if number % 2 else "input_layernorm.weight")
        x = rms_norm(x, self.weights[name], c["rms_norm_eps"])

        def linear(name: str, y: Tensor) -> Tensor:
            return y @ self.weights[at + name + ".weight"].T

        if number % 2:
            return linear("mlp.down_proj", F.silu(linear("mlp.gate_proj", x)) * linear("mlp.up_proj", x))
        q, k, v = (linear(f"self_attn.{p}_proj", x).unflatten(1, (-1, c["head_dim"])) for p in "qkv")
        q, k = turn_halves(q, c["rope_theta"]), turn_halves(k, c["rope_theta"])
        return linear("self_attn.o_proj", attend(q, k, v, 0))

    def __call__(self, ids: Tensor) -> Tensor:  # [time] -> [time, vocab]
        c = self.config
        n, modules = c["num_tracks"], 2 * c["num_hidden_layers"]
        r = [self.weights["model.embed_tokens.weight"][ids]] * n
        for number in range(modules):
            f = [self.module(i, number, r[i]) for i in range(n)]
            if (number + 1) % c["reduce_every"] == 0 or number + 1 == modules:
                r = [sum(f[i] + r[i] / n for i in range(n))] * n
            else:
                r = [r[i] + f[i] for i in range(n)]
        return rms_norm(r[0], self.weights["model.norm.weight"], c["rms_norm_eps"]) @ self.weights["lm_head.weight"].T


class Laneformer:
    def __init__(self, directory: Path, **changes):
        self.config = json.loads((directory / "config.json").read_text()) | changes
        self.weights = load_file(directory / "model.safetensors")

    def norm(self, name: str, lane: int, x: Tensor) -> Tensor:
        own = self.weights.get(f"model.{name}.scale")
        weight = self.weights[f"model.{name}.weight"] if own is None else own[lane]
        return rms_norm(x, weight, self.config["norm_eps"])

    def window(self, layer: int) -> int:
        c = self.config
        count, layers = c.get("sliding_window_n_layers", 0), c["num_hidden_layers"]
        slides = layer < count or layer >= layers + count
        return c["sliding_window"] if slides and layer not in c.get("unclamped_layers", []) else 0

    def module(self, lane: int, number: int, x: Tensor) -> Tensor:
        c, layer = self.config, number // 2

        def linear(name: str, y: Tensor) -> Tensor:
            return y @ self.weights[f"model.layers.{layer}.{name}.weight"][lane].T

        if number % 2:
            x = self.norm(f"layers.{layer}.ffn_norm", lane, x)
            return linear("feed_forward.w2", F.silu(linear("feed_forward.w1", x)) * linear("feed_forward.w3", x))
        x = self.norm(f"layers.{layer}.attention_norm", lane, x)
        dim = c["hidden_size"] // c["num_attention_heads"]
        q, k, v = (linear(f"attention.w{p}", x).unflatten(1, (-1, dim)) for p in "qkv")
        q, k = turn_pairs(q, c["rope_theta"]), turn_pairs(k, c["rope_theta"])
        return linear("attention.wo", attend(q, k, v, self.window(layer)))

    def __call__(self, ids: Tensor) -> Tensor:  # [time] -> [time, vocab]
        c = self.config
        n, late = c["num_lanes"], 2 * c["broadcast_delay"]
        h = [self.weights["model.tok_embeddings.weight"][ids]] * n
        outputs = []
        for number in range(2 * c["num_hidden_layers"]):
            o = [self.module(i, number, h[i]) for i in range(n)]
            outputs.append(o)
            if number >= late:
                past = outputs[number - late]
                h = [h[i] + o[i] + (sum(past) - past[i]) for i in range(n)]
            elif c["use_early_comm"]:
                h = [h[i] + sum(o) for i in range(n)]
            else:
                h = [h[i] + n**0.5 * o[i] for i in range(n)]
        if c["pre_norm_lane_agg"]:
            end = self.norm("norm", 0, sum(h))
        else:
            end = sum(self.norm("norm", i, h[i]) for i in range(n)) / n
        return end @ self.weights["lm_head.weight"].T
