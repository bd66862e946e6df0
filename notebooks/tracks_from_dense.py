"""Starts an n-track model from a trained dense one of the same total size, instead of from random weights.

The narrow stream is a projection of the dense one, the same for all tracks: h' = h P, P [hidden, narrow] the main directions of the dense
model's streams after its layers (largest eigenvectors of the second moments, each layer's scaled to a trace of 1). Every module is written in the
new directions; a norm's weight w goes into the matrices behind it, and sqrt(hidden / narrow) remains of it, as the same length has fewer
dimensions:

    W' = W diag(w) P      of q, k, v, gate and up;      W' = (n / c) P^T W      of o and down;      E' = E P

Track i takes a run of key heads with their query heads and a run of FFN columns, evenly spaced; the narrow tracks together have c times as many
as the dense model has, so each is in about c tracks, and the mean over n tracks is made the sum by n / c.
"""

import torch
from torch import Tensor
from track_model import TrackModel, rotation


@torch.no_grad()
def directions(dense: TrackModel, ids: Tensor, narrow: int) -> Tensor:
    """P [copies, hidden, narrow] from the streams of `ids` [copies, batch, time]."""
    turn = rotation(ids.shape[2], dense.config, ids.device)
    h, moments = dense.embed_tokens(ids), 0
    for layer in dense.layers:
        h = h + layer.attention(h, turn)
        h = h + layer.feed_forward(h)
        flat = h.flatten(1, 2).double()
        moment = flat.mT @ flat
        moments = moments + moment / moment.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
    return torch.linalg.eigh(moments).eigenvectors[:, :, -narrow:].float()


def runs(whole: int, part: int, tracks: int) -> Tensor:
    """[tracks, part]: which of `whole` each track takes, evenly spaced and around the end."""
    first = torch.arange(tracks) * whole // tracks
    return (first[:, None] + torch.arange(part)) % whole


@torch.no_grad()
def split(dense: TrackModel, model: TrackModel, ids: Tensor) -> None:
    """Fills `model`, a parallel track of as many copies, from `dense`; streams are measured on `ids` [copies, batch, time]."""
    big, small, copies, n = dense.config, model.config, model.copies, model.config.num_tracks
    assert (
        dense.copies == copies and big.num_hidden_layers == small.num_hidden_layers and big.head_dim == small.head_dim
    )
    group = small.num_attention_heads // small.num_key_value_heads
    assert big.num_attention_heads // big.num_key_value_heads == group, "query heads a key head differ"
    p = directions(dense, ids, small.hidden_size)
    longer = (big.hidden_size / small.hidden_size) ** 0.5
    keys = runs(big.num_key_value_heads, small.num_key_value_heads, n)
    queries = (keys[:, :, None] * group + torch.arange(group)).flatten(1)
    rows = {
        name: (heads[:, :, None] * big.head_dim + torch.arange(big.head_dim)).flatten(1)
        for name, heads in dict(q=queries, k=keys).items()
    }
    columns = runs(big.intermediate_size, small.intermediate_size, n)

    def read(
        weight: Tensor, norm: Tensor, taken: Tensor
    ) -> Tensor:  # [copies, out, hidden] -> [copies * tracks, part, narrow]
        return ((weight * norm[:, None]) @ p)[:, taken].flatten(0, 1)

    def write(
        weight: Tensor, taken: Tensor, whole: int
    ) -> Tensor:  # [copies, hidden, in] -> [copies * tracks, narrow, part]
        return (p.mT @ weight)[:, :, taken].movedim(2, 1).flatten(0, 1) * (whole / taken.shape[1])

    model.embed_tokens.weight.copy_(dense.embed_tokens.weight @ p)
    for ours, theirs in zip(model.layers, dense.layers):
        norm = theirs.input_layernorm.weight
        for name in "qkv":
            weight = getattr(theirs.self_attn, f"{name}_proj").weight
            getattr(ours.self_attn, f"{name}_proj").weight.copy_(read(weight, norm, rows["q" if name == "q" else "k"]))
        heads = big.num_attention_heads * big.head_dim
        ours.self_attn.o_proj.weight.copy_(write(theirs.self_attn.o_proj.weight, rows["q"], heads))
        norm = theirs.post_attention_layernorm.weight
        for name in ("gate_proj", "up_proj"):
            getattr(ours.mlp, name).weight.copy_(read(getattr(theirs.mlp, name).weight, norm, columns))
        ours.mlp.down_proj.weight.copy_(write(theirs.mlp.down_proj.weight, columns, big.intermediate_size))
        for norm in (ours.input_layernorm, ours.post_attention_layernorm):
            norm.weight.fill_(longer)
    model.norm.weight.copy_(longer * torch.einsum("chn,ch->cn", p.square(), dense.norm.weight))
