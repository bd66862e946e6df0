"""Dense llama and its relatives with fewer or later synchronisations, in plain PyTorch.

i = track of n, l = layer from 0, N = RMSNorm with a weight of each track, sums and means over tracks:

    dense               h += Attn(N1(h));  h += Mlp(N2(h))                                       n = 1
    parallel_block      x = N1(h);  h += Attn(x) + Mlp(x)                                        n = 1, arXiv 2204.02311
    ladder              h += a;  a' = Attn(N1(h));  h += m;  m' = Mlp(N2(h));  a, m = a', m'     n = 1, arXiv 2501.06589
    parallel_track      h_i += Attn_i(N1_i(h_i));  h_i += Mlp_i(N2_i(h_i))                       arXiv 2602.07306
                        if (l + 1) % D == 0: every h_i = mean(h)
    kraken              y_i = h_i + Attn_i(N1_i(h_i));  h_i = y_i + Mlp_i(N2_i(y_i + sum(h) - h_i));  at the end J concat(h)
                        (layer 0 as a parallel track's)                                          arXiv 2408.07802
    desync_residual     modules f counted from 1, the model's last and every k-th: r_i = sum(f_i + r_i / n);  the others: r_i += f_i
                                                                                                 arXiv 2501.06589
    delayed_all_reduce  l >= d: h_i += o_i + sum(o[l-d]) - o_i[l-d];  l < d: h_i += sqrt(n) o_i; at the end sum(h)
                                                                                                 kogai/laneformer-2b-it
    logits = N_f(h) E^T                                                                          E: the embedding, or an own head

Modules are llama's: RMSNorm, grouped-query attention with rotate-half RoPE, SwiGLU, no biases. In `desync_residual` and
`delayed_all_reduce` a track is a part of a layer of the whole width; in `parallel_track` and `kraken` it is a narrower model.

The weights of all tracks are stacked, [tracks, out, in], so that a layer is one batched product whatever the number of tracks. Several
models of one configuration can lie side by side, too (`copies`), as more of the same batch; they share nothing. The checkpoint
holds one model, its tracks apart, under the names of its `model_type`; with one track it is a `llama`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

OF_TRACKS = ("parallel_track", "kraken", "desync_residual", "delayed_all_reduce")
WIRINGS = ("dense", "parallel_block", "ladder", *OF_TRACKS)
LANEFORMER_NAMES = {
    "embed_tokens": "tok_embeddings", "input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attention.wq", "self_attn.k_proj": "attention.wk", "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo", "mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3",
    "mlp.down_proj": "feed_forward.w2",
}  # fmt: skip


@dataclass(frozen=True)
class ModelConfig:
    """Sizes are per track, under the names that Hugging Face's llama configuration uses."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    wiring: str = ""  # parallel_track where there are tracks, else dense
    num_tracks: int = 1
    track_block_depth: int = 1
    track_combine: str = "mean"
    ladder_layers: int = 0  # the last so many
    reduce_every: int = 1
    broadcast_delay: int = 1
    max_position_embeddings: int = 512
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5
    tie_word_embeddings: bool = True

    def __post_init__(self):
        if not self.wiring:
            object.__setattr__(self, "wiring", "parallel_track" if self.num_tracks > 1 else "dense")
        if self.wiring not in WIRINGS:
            raise ValueError(f"wiring: {self.wiring} (one of {', '.join(WIRINGS)})")
        if self.num_tracks > 1 and self.wiring not in OF_TRACKS:
            raise ValueError(f"tracks: {self.num_tracks} (1 in a model that is {self.wiring})")
        if self.num_hidden_layers % self.track_block_depth:
            raise ValueError(f"layers: {self.num_hidden_layers} (must divide by the depth {self.track_block_depth})")
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(f"heads: {self.num_attention_heads} (must divide by {self.num_key_value_heads} KV heads)")
        if self.track_combine != "mean":
            raise ValueError(f"track_combine: {self.track_combine} (only mean)")

    @staticmethod
    def from_json(fields: dict) -> "ModelConfig":
        kind = fields["model_type"]
        rope = fields.get("rope_parameters") or fields.get("rope_scaling") or {}
        if rope.get("rope_type", "default") != "default":
            raise ValueError(f"rope_type: {rope['rope_type']} (only default)")
        fields = fields | rope
        known = {name: fields[name] for name in ModelConfig.__annotations__ if name in fields}
        if kind == "laneformer":
            lanes = fields["num_lanes"]
            parts = {name: fields[name] // lanes for name in LANE_PARTS}
            known |= parts | dict(wiring="delayed_all_reduce", num_tracks=lanes, rms_norm_eps=fields["norm_eps"])
        elif kind != "llama":
            known |= dict(wiring=kind)
        elif fields.get("parallel_block"):
            known |= dict(wiring="parallel_block")
        elif fields.get("ladder_layers"):
            known |= dict(wiring="ladder")
        return ModelConfig(**known)

    def to_json(self) -> dict:
        """What `config.json` says: the keys that its `model_type` has."""
        kind, own, last = KINDS[self.wiring]
        fields = {name: value for name, value in asdict(self).items() if name not in OWN_KEYS or name in own}
        if self.wiring == "delayed_all_reduce":
            fields |= {name: fields[name] * self.num_tracks for name in LANE_PARTS}
            fields |= dict(num_lanes=fields.pop("num_tracks"), norm_eps=fields.pop("rms_norm_eps"))
        return kind | fields | dict(hidden_act="silu") | last


LLAMA = dict(architectures=["LlamaForCausalLM"], model_type="llama")
NO_BIAS = dict(attention_bias=False, mlp_bias=False)
KINDS = {  # by wiring: how `config.json` begins, which of OWN_KEYS it has, how it ends
    "dense": (LLAMA, (), NO_BIAS),
    "parallel_block": (LLAMA, (), NO_BIAS | dict(parallel_block=True)),
    "ladder": (LLAMA, ("ladder_layers",), NO_BIAS),
    "parallel_track": (
        dict(architectures=["ParallelTrackForCausalLM"], model_type="parallel_track"),
        ("num_tracks", "track_block_depth", "track_combine"),
        NO_BIAS,
    ),
    "kraken": (dict(model_type="kraken"), ("num_tracks",), dict(norm="rms", position="rope", bias=False)),
    "desync_residual": (dict(model_type="desync_residual"), ("num_tracks", "reduce_every"), NO_BIAS),
    "delayed_all_reduce": (
        dict(model_type="laneformer"),
        ("num_tracks", "broadcast_delay"),
        dict(use_early_comm=False, pre_norm_lane_agg=True, replicated_rmsn_scale=False, lm_head_type="replicate"),
    ),
}
OWN_KEYS = (
    "wiring", "num_tracks", "track_block_depth", "track_combine", "ladder_layers", "reduce_every", "broadcast_delay",
)  # fmt: skip
LANE_PARTS = ("intermediate_size", "num_attention_heads", "num_key_value_heads")


class TrackLinear(nn.Module):
    """y[n] = x[n] W[n]^T for every track n, without bias."""

    def __init__(self, tracks: int, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(tracks, outputs, inputs))

    def forward(self, x: Tensor) -> Tensor:  # [tracks, batch, time, inputs] -> [tracks, batch, time, outputs]
        return torch.bmm(x.flatten(1, 2), self.weight.mT).unflatten(1, x.shape[1:3])


class TrackNorm(nn.Module):
    """RMSNorm with a weight per track; the mean square is taken in fp32."""

    def __init__(self, tracks: int, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(tracks, size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), x.shape[-1:], eps=self.eps) * self.weight[:, None, None, :]


class Embedding(nn.Module):
    """A table a copy."""

    def __init__(self, copies: int, vocabulary: int, size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(copies, vocabulary, size))

    def forward(self, ids: Tensor) -> Tensor:  # [copies, batch, time] -> [copies, batch, time, size]
        copies, vocabulary, _ = self.weight.shape
        first = torch.arange(copies, device=ids.device)[:, None, None] * vocabulary
        return F.embedding(ids + first, self.weight.flatten(0, 1))


def rotation(time: int, config: ModelConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin of position * theta^(-2j/head_dim), both [time, head_dim], the two halves alike."""
    exponents = torch.arange(0, config.head_dim, 2, device=device).float() / config.head_dim
    angles = torch.arange(time, device=device).float()[:, None] * config.rope_theta**-exponents
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate-half RoPE: dimension j turns with dimension j + head_dim/2."""
    low, high = x.chunk(2, dim=-1)
    return (x * cos + torch.cat((-high, low), dim=-1) * sin).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, config: ModelConfig, tracks: int):
        super().__init__()
        hidden, size = config.hidden_size, config.head_dim
        self.head_dim = size
        self.grouped = config.num_attention_heads != config.num_key_value_heads
        self.q_proj = TrackLinear(tracks, hidden, config.num_attention_heads * size)
        self.k_proj = TrackLinear(tracks, hidden, config.num_key_value_heads * size)
        self.v_proj = TrackLinear(tracks, hidden, config.num_key_value_heads * size)
        self.o_proj = TrackLinear(tracks, config.num_attention_heads * size, hidden)

    def heads(self, x: Tensor) -> Tensor:
        """[tracks, batch, time, heads * dim] -> [tracks * batch, heads, time, dim]"""
        return x.flatten(0, 1).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k = (rotate(self.heads(proj(x)), cos, sin) for proj in (self.q_proj, self.k_proj))
        y = F.scaled_dot_product_attention(q, k, self.heads(self.v_proj(x)), is_causal=True, enable_gqa=self.grouped)
        return self.o_proj(y.transpose(1, 2).flatten(2).unflatten(0, x.shape[:2]))


class Mlp(nn.Module):
    def __init__(self, config: ModelConfig, tracks: int):
        super().__init__()
        self.gate_proj = TrackLinear(tracks, config.hidden_size, config.intermediate_size)
        self.up_proj = TrackLinear(tracks, config.hidden_size, config.intermediate_size)
        self.down_proj = TrackLinear(tracks, config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config: ModelConfig, tracks: int):
        super().__init__()
        self.input_layernorm = TrackNorm(tracks, config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config, tracks)
        if config.wiring != "parallel_block":
            self.post_attention_layernorm = TrackNorm(tracks, config.hidden_size, config.rms_norm_eps)
        self.mlp = Mlp(config, tracks)

    def attention(self, h: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        return self.self_attn(self.input_layernorm(h), *turn)

    def feed_forward(self, h: Tensor) -> Tensor:
        return self.mlp(self.post_attention_layernorm(h))

    def side_by_side(self, h: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        x = self.input_layernorm(h)
        return self.self_attn(x, *turn) + self.mlp(x)


class TrackModel(nn.Module):
    """`copies` models of one configuration, trained on as many batches at once."""

    def __init__(self, config: ModelConfig, copies: int = 1):
        super().__init__()
        self.config, self.copies = config, copies
        hidden, tracks = config.hidden_size, config.num_tracks
        self.embed_tokens = Embedding(copies, config.vocab_size, hidden)
        self.layers = nn.ModuleList(Layer(config, copies * tracks) for _ in range(config.num_hidden_layers))
        self.norm = TrackNorm(copies, hidden, config.rms_norm_eps)
        self.lm_head = TrackLinear(copies, hidden, config.vocab_size)
        if config.wiring == "kraken":
            self.join = TrackLinear(copies, tracks * hidden, hidden)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.embed_tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        """ids [copies, batch, time] -> logits [copies, batch, time, vocab], or both without the first dimension.

        Rows may be padded at their end: attention is causal."""
        if ids.dim() == 2:
            return self(ids[None])[0]
        turn = rotation(ids.shape[2], self.config, ids.device)
        h = self.apart(self.embed_tokens(ids)[:, None])
        return self.lm_head(self.norm(getattr(self, "_" + self.config.wiring)(h, turn)))

    def together(self, h: Tensor) -> Tensor:
        """[copies * tracks, batch, time, hidden] -> [copies, tracks, batch, time, hidden]"""
        return h.unflatten(0, (self.copies, self.config.num_tracks))

    def apart(self, h: Tensor) -> Tensor:
        """[copies, tracks or 1, batch, time, hidden] -> [copies * tracks, batch, time, hidden]"""
        return h.expand(-1, self.config.num_tracks, -1, -1, -1).flatten(0, 1)

    def sum(self, h: Tensor) -> Tensor:
        """To every track the sum over all."""
        return self.apart(self.together(h).sum(dim=1, keepdim=True))

    def _dense(self, h: Tensor, turn) -> Tensor:
        for layer in self.layers:
            h = h + layer.attention(h, turn)
            h = h + layer.feed_forward(h)
        return h

    def _parallel_block(self, h: Tensor, turn) -> Tensor:
        for layer in self.layers:
            h = h + layer.side_by_side(h, turn)
        return h

    def _ladder(self, h: Tensor, turn) -> Tensor:
        attended = fed = 0
        for number, layer in enumerate(self.layers):
            if number < len(self.layers) - self.config.ladder_layers:
                h = h + fed
                h = h + layer.attention(h, turn)
            else:
                h = h + attended
                attended = layer.attention(h, turn)
                h = h + fed
            fed = layer.feed_forward(h)
        return h + attended + fed

    def _parallel_track(self, h: Tensor, turn) -> Tensor:
        for number, layer in enumerate(self.layers, start=1):
            h = h + layer.attention(h, turn)
            h = h + layer.feed_forward(h)
            if number % self.config.track_block_depth == 0:  # the one synchronisation of these D layers
                h = self.apart(self.together(h).mean(dim=1, keepdim=True))
        return self.together(h)[:, 0]

    def _kraken(self, h: Tensor, turn) -> Tensor:
        for number, layer in enumerate(self.layers):
            others = 0 if number == 0 else self.sum(h) - h
            h = h + layer.attention(h, turn)
            h = h + layer.feed_forward(h + others)
        return self.join(self.together(h).movedim(1, 3).flatten(3))

    def _attention_and_mlp(self, turn):
        for layer in self.layers:
            yield lambda h, layer=layer: layer.attention(h, turn)
            yield layer.feed_forward

    def _desync_residual(self, h: Tensor, turn) -> Tensor:
        n, modules = self.config.num_tracks, 2 * self.config.num_hidden_layers
        for number, module in enumerate(self._attention_and_mlp(turn), start=1):
            summed = number % self.config.reduce_every == 0 or number == modules
            h = self.sum(module(h) + h / n) if summed else h + module(h)
        return self.together(h)[:, 0]

    def _delayed_all_reduce(self, h: Tensor, turn) -> Tensor:
        late, outputs = 2 * self.config.broadcast_delay, []
        for module in self._attention_and_mlp(turn):
            outputs.append(module(h))
            if len(outputs) > late:
                past = outputs[-1 - late]
                h = h + outputs[-1] + (self.sum(past) - past)
            else:
                h = h + self.config.num_tracks**0.5 * outputs[-1]
        return self.together(h).sum(dim=1)

    def parameter_count(self) -> int:
        """Of one copy."""
        return sum(p.numel() for p in self.parameters()) // self.copies

    def checkpoint_tensors(self, copy: int = 0) -> dict[str, Tensor]:
        """The weights of one copy under the checkpoint's names."""
        tensors = {}
        for name, value in self.state_dict().items():
            value = value.unflatten(0, (self.copies, -1))[copy]
            if name == "lm_head.weight":
                if not self.config.tie_word_embeddings:
                    tensors[name] = value[0]
            elif self.config.wiring == "delayed_all_reduce":
                tensors["model." + self._lane_name(name)] = (
                    self._to_pairs(name, value) if "layers." in name else value[0]
                )
            elif name.startswith("layers."):
                for track, part in enumerate(value):
                    tensors[self._track_prefix(track) + name] = part.clone()
            else:
                tensors["model." + name] = value[0]
        return tensors

    def load_checkpoint_tensors(self, tensors: dict[str, Tensor]) -> None:
        state = {}
        for name in self.state_dict():
            if name == "lm_head.weight":
                state[name] = state["embed_tokens.weight"] if self.config.tie_word_embeddings else tensors[name][None]
            elif self.config.wiring == "delayed_all_reduce":
                value = tensors["model." + self._lane_name(name)]
                state[name] = self._to_halves(name, value) if "layers." in name else value[None]
            elif name.startswith("layers."):
                parts = [tensors[self._track_prefix(track) + name] for track in range(self.config.num_tracks)]
                state[name] = torch.stack(parts)
            else:
                state[name] = tensors["model." + name][None]
        self.load_state_dict(state)

    def _track_prefix(self, track: int) -> str:
        return f"model.tracks.{track}." if self.config.wiring in OF_TRACKS else "model."

    @staticmethod
    def _lane_name(name: str) -> str:
        for ours, theirs in LANEFORMER_NAMES.items():
            name = name.replace(ours, theirs)
        return name.replace("_norm.weight", "_norm.scale")

    def _to_pairs(self, name: str, value: Tensor) -> Tensor:
        """Rows of queries and keys [lanes, heads * dim, hidden] so that what turns together stands together."""
        if "q_proj" not in name and "k_proj" not in name:
            return value.clone()
        return value.unflatten(1, (-1, 2, self.config.head_dim // 2)).transpose(2, 3).flatten(1, 3)

    def _to_halves(self, name: str, value: Tensor) -> Tensor:
        if "q_proj" not in name and "k_proj" not in name:
            return value
        return value.unflatten(1, (-1, self.config.head_dim // 2, 2)).transpose(2, 3).flatten(1, 3)


def save(
    model: TrackModel, directory: Path, dtype: torch.dtype, more_config: dict | None = None, copy: int = 0
) -> None:
    """Writes `config.json` and `model.safetensors` of one copy."""
    directory.mkdir(parents=True, exist_ok=True)
    fields = model.config.to_json() | {"dtype": str(dtype).removeprefix("torch.")} | (more_config or {})
    (directory / "config.json").write_text(json.dumps(fields, indent=2) + "\n")
    tensors = {name: value.to("cpu", dtype).contiguous() for name, value in model.checkpoint_tensors(copy).items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def load(directory: Path) -> TrackModel:
    """The model of a directory written by `save`, in fp32, ready to evaluate."""
    model = TrackModel(ModelConfig.from_json(json.loads((directory / "config.json").read_text())))
    tensors = load_file(directory / "model.safetensors")
    model.load_checkpoint_tensors({name: value.float() for name, value in tensors.items()})
    return model.eval()
