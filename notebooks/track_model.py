"""The models of the demo in plain PyTorch: parallel track (arXiv 2602.07306) and, as its one-track case, dense llama.

    h_i = embed(ids)                                        i = track, l = layer from 0
    each l: h_i += Attn_i(N1_i(h_i));  h_i += Mlp_i(N2_i(h_i))
            if (l + 1) % D == 0: every h_i = mean over tracks of h
    logits = N_f(mean over tracks of h) E^T                  E: the embedding, or an own head

Each track is a complete, narrower llama: RMSNorm, grouped-query attention with rotate-half RoPE, SwiGLU, no biases.
The weights of all tracks are stacked, [tracks, out, in], so that a layer is one batched product whatever the number
of tracks; the checkpoint holds them apart, under the names of ARCHITECTURES (`model.tracks.{i}.layers.{l}. ...`).
With one track the mean is the identity and the checkpoint is an ordinary `llama`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


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
    num_tracks: int = 1
    track_block_depth: int = 1
    track_combine: str = "mean"
    max_position_embeddings: int = 512
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5
    tie_word_embeddings: bool = True

    def __post_init__(self):
        if self.num_hidden_layers % self.track_block_depth:
            raise ValueError(f"layers: {self.num_hidden_layers} (must divide by the depth {self.track_block_depth})")
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(f"heads: {self.num_attention_heads} (must divide by {self.num_key_value_heads} KV heads)")
        if self.track_combine != "mean":
            raise ValueError(f"track_combine: {self.track_combine} (only mean)")

    @staticmethod
    def from_json(fields: dict) -> "ModelConfig":
        return ModelConfig(**{name: fields[name] for name in ModelConfig.__annotations__ if name in fields})

    def to_json(self) -> dict:
        """What `config.json` says: `parallel_track`, or `llama` without the keys of tracks when there is one."""
        fields = asdict(self)
        if self.num_tracks > 1:
            kind = {"architectures": ["ParallelTrackForCausalLM"], "model_type": "parallel_track"}
        else:
            kind = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
            fields = {name: value for name, value in fields.items() if not name.startswith(("num_tracks", "track_"))}
        return kind | fields | {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False}


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
    def __init__(self, config: ModelConfig):
        super().__init__()
        tracks, hidden, size = config.num_tracks, config.hidden_size, config.head_dim
        self.head_dim = size
        self.group = config.num_attention_heads // config.num_key_value_heads
        self.q_proj = TrackLinear(tracks, hidden, config.num_attention_heads * size)
        self.k_proj = TrackLinear(tracks, hidden, config.num_key_value_heads * size)
        self.v_proj = TrackLinear(tracks, hidden, config.num_key_value_heads * size)
        self.o_proj = TrackLinear(tracks, config.num_attention_heads * size, hidden)

    def heads(self, x: Tensor) -> Tensor:
        """[tracks, batch, time, heads * dim] -> [batch, tracks * heads, time, dim]: attention mixes no heads."""
        tracks, batch, time, width = x.shape
        x = x.view(tracks, batch, time, width // self.head_dim, self.head_dim)
        return x.permute(1, 0, 3, 2, 4).reshape(batch, -1, time, self.head_dim)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        tracks, batch, time, _ = x.shape
        q = rotate(self.heads(self.q_proj(x)), cos, sin)
        k = rotate(self.heads(self.k_proj(x)), cos, sin).repeat_interleave(self.group, dim=1)
        v = self.heads(self.v_proj(x)).repeat_interleave(self.group, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = y.view(batch, tracks, -1, time, self.head_dim).permute(1, 0, 3, 2, 4)
        return self.o_proj(y.reshape(tracks, batch, time, -1))


class Mlp(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.gate_proj = TrackLinear(config.num_tracks, config.hidden_size, config.intermediate_size)
        self.up_proj = TrackLinear(config.num_tracks, config.hidden_size, config.intermediate_size)
        self.down_proj = TrackLinear(config.num_tracks, config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.input_layernorm = TrackNorm(config.num_tracks, config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = TrackNorm(config.num_tracks, config.hidden_size, config.rms_norm_eps)
        self.mlp = Mlp(config)

    def forward(self, h: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        h = h + self.self_attn(self.input_layernorm(h), cos, sin)
        return h + self.mlp(self.post_attention_layernorm(h))


class TrackModel(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.embed_tokens.weight

    def forward(self, ids: Tensor) -> Tensor:
        """ids [batch, time] -> logits [batch, time, vocab]. Rows may be padded at their end: attention is causal."""
        config = self.config
        cos, sin = rotation(ids.shape[1], config, ids.device)
        h = self.embed_tokens(ids).expand(config.num_tracks, -1, -1, -1)
        for number, layer in enumerate(self.layers, start=1):
            h = layer(h, cos, sin)
            if number % config.track_block_depth == 0:  # the one synchronisation of these D layers
                h = h.mean(dim=0, keepdim=True).expand_as(h)
        return self.lm_head(self.norm(h[0]))

    def parameter_count(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def checkpoint_tensors(self) -> dict[str, Tensor]:
        """The weights under the checkpoint's names, tracks apart."""
        tensors = {}
        for name, value in self.state_dict().items():
            if name == "lm_head.weight":
                if not self.config.tie_word_embeddings:
                    tensors[name] = value
            elif name.startswith("layers."):
                for track, part in enumerate(value):
                    tensors[self._track_prefix(track) + name] = part.clone()
            else:
                tensors["model." + name] = value
        return tensors

    def load_checkpoint_tensors(self, tensors: dict[str, Tensor]) -> None:
        state = {}
        for name in self.state_dict():
            if name == "lm_head.weight":
                state[name] = tensors["model.embed_tokens.weight" if self.config.tie_word_embeddings else name]
            elif name.startswith("layers."):
                parts = [tensors[self._track_prefix(track) + name] for track in range(self.config.num_tracks)]
                state[name] = torch.stack(parts)
            else:
                state[name] = tensors["model." + name]
        self.load_state_dict(state)

    def _track_prefix(self, track: int) -> str:
        return f"model.tracks.{track}." if self.config.num_tracks > 1 else "model."


def save(model: TrackModel, directory: Path, dtype: torch.dtype, more_config: dict | None = None) -> None:
    """Writes `config.json` and `model.safetensors`."""
    directory.mkdir(parents=True, exist_ok=True)
    fields = model.config.to_json() | {"dtype": str(dtype).removeprefix("torch.")} | (more_config or {})
    (directory / "config.json").write_text(json.dumps(fields, indent=2) + "\n")
    tensors = {name: value.to("cpu", dtype).contiguous() for name, value in model.checkpoint_tensors().items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def load(directory: Path) -> TrackModel:
    """The model of a directory written by `save`, in fp32, ready to evaluate."""
    model = TrackModel(ModelConfig.from_json(json.loads((directory / "config.json").read_text())))
    tensors = load_file(directory / "model.safetensors")
    model.load_checkpoint_tensors({name: value.float() for name, value in tensors.items()})
    return model.eval()
