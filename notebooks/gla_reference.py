"""Gated linear attention (arXiv 2312.06635) in plain PyTorch, under the names and by the equations of flash-linear-attention's
`GLAForCausalLM`, whose own kernels need a GPU: token by token, a head's state S of [key, value] at a time.

    q, k, v = W x, each through a causal convolution of its channels and SiLU (use_short_conv)
    g = max(logsigmoid(W1 W0 x + b) / gate_logit_normalizer, clamp_min)
    S = diag(e^g) S + k v^T;  o = S^T q / sqrt(key);  y = W_o (rms_norm(o) * silu(W_g x))
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from relatives import rms_norm
from safetensors.torch import load_file
from torch import Tensor


def columns(config: dict) -> tuple[int, int]:
    """Of all keys, and of all values."""
    return int(config["hidden_size"] * config["expand_k"]), int(config["hidden_size"] * config["expand_v"])


class Gla:
    def __init__(self, directory: Path, **changes):
        self.config = json.loads((directory / "config.json").read_text()) | changes
        self.tensors = load_file(directory / "model.safetensors")

    def convolved(self, x: Tensor, name: str) -> Tensor:
        if not self.config["use_short_conv"]:
            return x
        weight = self.tensors[name + ".weight"]
        before = F.pad(x.T, (weight.shape[-1] - 1, 0))
        return F.silu(F.conv1d(before, weight, groups=len(weight))).T

    def attend(self, x: Tensor, at: str) -> Tensor:
        heads, epsilon = self.config["num_heads"], self.config["norm_eps"]
        q, k, v = (
            self.convolved(x @ self.tensors[f"{at}{n}_proj.weight"].T, f"{at}{n}_conv1d").unflatten(-1, (heads, -1))
            for n in "qkv"
        )
        low = x @ self.tensors[at + "gk_proj.0.weight"].T
        decay = F.linear(low, self.tensors[at + "gk_proj.1.weight"], self.tensors[at + "gk_proj.1.bias"])
        decay = F.logsigmoid(decay.unflatten(-1, (heads, -1))) / self.config["gate_logit_normalizer"]
        if self.config["clamp_min"] is not None:
            decay = decay.clamp(min=self.config["clamp_min"])
        state, outputs = torch.zeros(heads, q.shape[-1], v.shape[-1]), []
        for t in range(len(x)):
            state = decay[t].exp()[..., None] * state + k[t][..., None] * v[t][:, None]
            outputs.append(torch.einsum("hkv,hk->hv", state, q[t]) / q.shape[-1] ** 0.5)
        norm = "g_norm_swish_gate" if self.config["fuse_norm"] else "g_norm"
        normed = rms_norm(torch.stack(outputs), self.tensors[f"{at}{norm}.weight"], epsilon).flatten(1)
        gate = F.silu(x @ self.tensors[at + "g_proj.weight"].T)
        return (normed * gate) @ self.tensors[at + "o_proj.weight"].T

    def __call__(self, ids: Tensor) -> Tensor:
        epsilon = self.config["norm_eps"]
        h = self.tensors["model.embeddings.weight"][ids]
        for number in range(self.config["num_hidden_layers"]):
            at = f"model.layers.{number}."
            h = h + self.attend(rms_norm(h, self.tensors[at + "attn_norm.weight"], epsilon), at + "attn.")
            x = rms_norm(h, self.tensors[at + "mlp_norm.weight"], epsilon)
            gate, up, down = (self.tensors[f"{at}mlp.{name}_proj.weight"] for name in ("gate", "up", "down"))
            h = h + (F.silu(x @ gate.T) * (x @ up.T)) @ down.T
        return rms_norm(h, self.tensors["model.norm.weight"], epsilon) @ self.tensors["lm_head.weight"].T
