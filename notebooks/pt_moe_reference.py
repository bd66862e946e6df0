"""PT-MoE (arXiv 2507.13575) straight from its equations: a track at a time, every expert for every token.

    h_i = embed(ids)                                        i = track, l = layer from 0
    each l: h_i += Attn_i(N1_i(h_i));  h_i += F_i(N2_i(h_i))
            if (l + 1) % D == 0: every h_i = mean over tracks of h
    F is an MLP, or  sum over the k likeliest experts e of  p_e / (sum of the k) * expert_e(x),
            p = softmax(cap * tanh(W x / cap)) over the track's own experts
    logits = N_f(h) E^T

Queries and keys are normed by head. Local layers see `sliding_window` tokens and turn queries and keys; global ones see all
and turn nothing. It shares nothing with `track_model.py`, and takes the checkpoint's tensors by their names.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CONFIG = dict(
    model_type="parallel_track",
    vocab_size=96,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=4,
    num_attention_heads=2,
    num_key_value_heads=2,
    head_dim=8,
    num_tracks=4,
    track_block_depth=2,
    track_combine="mean",
    max_position_embeddings=256,
    rope_theta=500.0,
    rms_norm_eps=1e-5,
    tie_word_embeddings=True,
    use_qk_norm=True,
    layer_types=["sliding_attention"] * 3 + ["full_attention"],
    sliding_window=9,
    no_rope_layers=[1, 1, 1, 0],
    num_experts=5,
    num_experts_per_tok=2,
    moe_intermediate_size=12,
    decoder_sparse_step=2,
    norm_topk_prob=True,
    router_logit_softcapping=1.5,
    hidden_act="silu",
    bos_token_id=None,
    eos_token_id=None,
)


def shapes(config: dict) -> dict[str, tuple[int, ...]]:
    """The tensors of a checkpoint."""
    hidden, dim = config["hidden_size"], config["head_dim"]
    heads = config["num_attention_heads"] * dim
    tensors = {"model.embed_tokens.weight": (config["vocab_size"], hidden), "model.norm.weight": (hidden,)}
    for track in range(config["num_tracks"]):
        for layer in range(config["num_hidden_layers"]):
            at = f"model.tracks.{track}.layers.{layer}."
            tensors |= {at + f"{name}_layernorm.weight": (hidden,) for name in ("input", "post_attention")}
            tensors |= {at + f"self_attn.{name}_proj.weight": (heads, hidden) for name in "qkv"}
            tensors |= {at + f"self_attn.{name}_norm.weight": (dim,) for name in "qk"}
            tensors[at + "self_attn.o_proj.weight"] = (hidden, heads)
            if has_experts(config, layer):
                tensors[at + "mlp.gate.weight"] = (config["num_experts"], hidden)
                for expert in range(config["num_experts"]):
                    tensors |= mlp_shapes(f"{at}mlp.experts.{expert}.", hidden, config["moe_intermediate_size"])
            else:
                tensors |= mlp_shapes(at + "mlp.", hidden, config["intermediate_size"])
    return tensors


def mlp_shapes(at: str, hidden: int, width: int) -> dict[str, tuple[int, int]]:
    shapes = {at + f"{name}_proj.weight": (width, hidden) for name in ("gate", "up")}
    return shapes | {at + "down_proj.weight": (hidden, width)}


def has_experts(config: dict, layer: int) -> bool:
    return (layer + 1) % config["decoder_sparse_step"] == 0


def logits(tensors: dict[str, Tensor], config: dict, ids: Tensor) -> Tensor:
    """ids [time] -> logits [time, vocab]."""
    embedding = tensors["model.embed_tokens.weight"]
    tracks = range(config["num_tracks"])
    h = [embedding[ids] for _ in tracks]
    for layer in range(config["num_hidden_layers"]):
        for track in tracks:
            weights = Weights(tensors, f"model.tracks.{track}.layers.{layer}.", config)
            h[track] = h[track] + attention(weights, layer, weights.norm("input_layernorm", h[track]))
            x = weights.norm("post_attention_layernorm", h[track])
            h[track] = h[track] + (mixture(weights, x) if has_experts(config, layer) else mlp(weights, "mlp.", x))
        if (layer + 1) % config["track_block_depth"] == 0:
            mean = sum(h) / len(h)
            h = [mean for _ in tracks]
    return Weights(tensors, "model.", config).norm("norm", h[0]) @ embedding.T


class Weights:
    """Those of one layer of one track."""

    def __init__(self, tensors: dict[str, Tensor], at: str, config: dict):
        self.tensors, self.at, self.config = tensors, at, config

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.tensors[f"{self.at}{name}.weight"].T

    def norm(self, name: str, x: Tensor) -> Tensor:
        mean_square = (x * x).mean(-1, keepdim=True)
        return x / (mean_square + self.config["rms_norm_eps"]).sqrt() * self.tensors[f"{self.at}{name}.weight"]


def attention(weights: Weights, layer: int, x: Tensor) -> Tensor:
    config = weights.config
    time, dim = len(x), config["head_dim"]
    q, k, v = (weights.linear(f"self_attn.{name}_proj", x).view(time, -1, dim) for name in "qkv")
    q, k = weights.norm("self_attn.q_norm", q), weights.norm("self_attn.k_norm", k)
    if config["no_rope_layers"][layer]:
        q, k = turned(q, config), turned(k, config)
    behind = torch.arange(time)[:, None] - torch.arange(time)[None, :]  # how far a key lies behind its query
    seen = behind >= 0
    if config["layer_types"][layer] == "sliding_attention":
        seen &= behind < config["sliding_window"]
    scores = torch.einsum("qhd,khd->hqk", q, k) / dim**0.5
    shares = scores.masked_fill(~seen, float("-inf")).softmax(-1)
    return weights.linear("self_attn.o_proj", torch.einsum("hqk,khd->qhd", shares, v).reshape(time, -1))


def turned(x: Tensor, config: dict) -> Tensor:
    half = config["head_dim"] // 2
    angles = torch.arange(len(x))[:, None] * config["rope_theta"] ** (-torch.arange(half) / half)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    low, high = x[..., :half], x[..., half:]
    return torch.cat((low * cos - high * sin, high * cos + low * sin), -1)


def mlp(weights: Weights, at: str, x: Tensor) -> Tensor:
    gate = weights.linear(at + "gate_proj", x)
    return weights.linear(at + "down_proj", F.silu(gate) * weights.linear(at + "up_proj", x))


def mixture(weights: Weights, x: Tensor) -> Tensor:
    config = weights.config
    scores = weights.linear("mlp.gate", x)
    cap = config["router_logit_softcapping"]
    if cap:
        scores = cap * torch.tanh(scores / cap)
    shares = scores.softmax(-1)
    least = shares.sort(-1, descending=True).values[:, config["num_experts_per_tok"] - 1 :][:, :1]
    shares = torch.where(shares >= least, shares, 0)
    if config["norm_topk_prob"]:
        shares = shares / shares.sum(-1, keepdim=True)
    experts = [mlp(weights, f"mlp.experts.{expert}.", x) for expert in range(config["num_experts"])]
    return sum(share[:, None] * expert for share, expert in zip(shares.T, experts))
