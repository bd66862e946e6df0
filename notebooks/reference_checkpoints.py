"""Makes tiny random checkpoints and the outputs an independent implementation gives for them.

    python notebooks/reference_checkpoints.py [--output executor-gpu/src/test/resources/checkpoints] [--only NAME]

Every checkpoint stands for one trait of a model family. Hugging Face transformers computes the goldens (fp32, CPU,
eager attention, no KV cache, weights read back from the file); the parallel track's come from `track_model.py`, those of
parallel tracks with experts from `pt_moe_reference.py`, those of desync residual and Laneformer from `relatives.py`, those of
gated linear attention from `gla_reference.py`. The script asserts that transformers' own llama layers agree where the
equations coincide. `ladder-converted` and `parallel-block-converted` are what `convert_ladder.py` makes of a tiny llama; the
goldens are those of the model that was trained.

golden.json: {"prompts": [{"ids": [..], "logits": [[vocab] per prompt position], "greedy": [64 ids]}, ..]}

A seed is accepted only if every greedy step has a clear winner, so that another order of summation cannot change the
text, and if the trait bites: with it switched off, the logits must differ. A recurrent model must also give the same
token by token, its state carried along: one that magnifies rounding proves little.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import convert_ladder
import gla_reference
import pt_moe_reference
import relatives
import torch
import track_model
import train_architectures
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, Exaone4Config, Gemma3TextConfig, Glm4MoeConfig, GPT2Config
from transformers import GptOssConfig, GraniteConfig, GraniteMoeConfig, GraniteMoeHybridConfig, LlamaConfig
from transformers import Ministral3Config, MinistralConfig, MistralConfig, MixtralConfig, Olmo2Config, Olmo3Config
from transformers import Phi3Config, PhiConfig, PretrainedConfig, Qwen2Config, Qwen2MoeConfig, Qwen3_5MoeTextConfig
from transformers import Qwen3_5TextConfig, Qwen3Config, Qwen3MoeConfig, Qwen3NextConfig, SeedOssConfig, SmolLM3Config
from transformers import Starcoder2Config
from transformers.integrations.mxfp4 import FP4_VALUES
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRotaryEmbedding

CHECKPOINTS = Path(__file__).parent.parent / "executor-gpu/src/test/resources/checkpoints"
VOCAB = 96
WEIGHT_STD = 0.3
GREEDY_TOKENS = 64
MIN_MARGIN = 1e-3  # between the best and the second logit of every greedy step
MIN_DISTINCT = 12  # different ids in a greedy continuation: a model that repeats one token proves little
MIN_TRAIT_EFFECT = 0.05  # largest change of a logit when the trait is switched off
MAX_ROUNDING = 2e-4  # largest difference between a recurrent model's whole prompt and the same token by token
COMMON = dict(
    vocab_size=VOCAB,
    hidden_size=32,
    intermediate_size=72,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=256,
    rms_norm_eps=1e-5,
    tie_word_embeddings=False,
    bos_token_id=None,
    eos_token_id=None,
    attn_implementation="eager",
)
LLAMA3_SCALING = dict(  # at head_dim 8 the wavelengths are 6, 63, 628 and 6283: one kept, one blended, two stretched
    rope_type="llama3",
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=128,
)

YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, original_max_position_embeddings=32)
LONGROPE = dict(
    rope_type="longrope",
    rope_theta=10000.0,
    partial_rotary_factor=0.75,
    short_factor=[1.0, 1.25, 1.5],
    long_factor=[1.5, 4.0, 9.0],
)
EXPERTS = dict(num_experts=8, num_experts_per_tok=2, moe_intermediate_size=8)
GLA = dict(
    model_type="gla",
    vocab_size=VOCAB,
    hidden_size=32,
    intermediate_size=40,
    num_hidden_layers=3,
    num_heads=4,
    expand_k=0.5,
    expand_v=1,
    conv_size=4,
    use_short_conv=False,
    use_output_gate=True,
    fuse_norm=True,
    gate_logit_normalizer=16,
    clamp_min=None,
    hidden_act="swish",
    norm_eps=1e-6,
    max_position_embeddings=256,
    tie_word_embeddings=False,
)
GLA_CONVOLVED = GLA | dict(expand_k=1.0, expand_v=0.75, use_short_conv=True, fuse_norm=False, clamp_min=-0.05)
GPT_OSS = COMMON | dict(
    intermediate_size=32,
    num_local_experts=4,
    num_experts_per_tok=2,
    sliding_window=8,
    rope_parameters=YARN | dict(rope_theta=150000.0, beta_fast=32.0, beta_slow=1.0, truncate=False),
)
VISION = ("vision_tower.patch_embedding.weight",)
SLIDING_3_OF_4 = ["sliding_attention"] * 3 + ["full_attention"]

HYBRID = dict(  # a quarter of each head is turned; the sections of positions are those of text, all alike
    num_key_value_heads=4,
    head_dim=16,
    intermediate_size=48,
    rope_parameters=dict(
        rope_type="default", rope_theta=1e4, partial_rotary_factor=0.25, mrope_section=[1, 1, 0], mrope_interleaved=True
    ),
)

COMMON_QWEN_HYBRID_MOE = {name: value for name, value in COMMON.items() if name != "intermediate_size"} | dict(
    num_key_value_heads=2,
    head_dim=16,
    moe_intermediate_size=8,
    shared_expert_intermediate_size=12,
)

COMMON_GRANITE_HYBRID = {name: value for name, value in COMMON.items() if name != "head_dim"} | dict(
    num_hidden_layers=4,
    num_local_experts=0,
    shared_intermediate_size=40,
    embedding_multiplier=3.0,
    logits_scaling=2.0,
    residual_multiplier=0.4,
    attention_multiplier=0.2,
    mamba_chunk_size=64,
)

Forward = Callable[[Tensor], Tensor]  # ids [time] -> logits [time, vocab]


@dataclass(frozen=True)
class Reference:
    """A checkpoint to make, and how the trait it stands for is switched off."""

    name: str
    config: PretrainedConfig
    without_trait: dict = field(default_factory=dict)  # configuration to change
    neutral: str = " "  # parameters whose name contains this are made neutral: norm weights 1, all others 0
    prompt_lengths: tuple[int, ...] = (1, 13, 40)
    old_rope_keys: bool = False  # write rope_theta and rope_scaling as transformers 4 did
    model_type: str = ""  # to write in the place of the configuration's own
    published_names: dict = field(default_factory=dict)  # keys of config.json to write as published models do
    packed_experts: bool = False  # two tensors of all experts a layer, as Qwen publishes them
    mxfp4: bool = False  # store experts in MXFP4, whose values transformers then reads back
    recurrent: bool = False  # layers keep a state
    published_layer_types: bool = False  # write `mamba` and `attention`, as published files do
    inside: str = ""  # model_type of the multimodal model whose text_config this is
    renamed: tuple[str, str] = ("", "language_model.")  # how that model's tensor names begin instead
    others: tuple[str, ...] = ()  # tensors that nobody reads


REFERENCES = [
    Reference(
        "llama-gqa",
        LlamaConfig(**COMMON, rope_parameters=dict(rope_type="default", rope_theta=500.0)),
        dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
    ),
    Reference(
        "llama-rope-scaling",
        LlamaConfig(**COMMON, rope_parameters=dict(rope_theta=10000.0, **LLAMA3_SCALING)),
        dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
        prompt_lengths=(1, 40, 150),
        old_rope_keys=True,
    ),
    Reference(
        "llama-yarn",
        LlamaConfig(**COMMON, rope_parameters=YARN),
        dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
        prompt_lengths=(1, 40, 80),
        old_rope_keys=True,
    ),
    Reference(
        "llama-tied",
        LlamaConfig(**COMMON | dict(tie_word_embeddings=True)),
        neutral="norm",
        old_rope_keys=True,
    ),
    Reference(
        "mistral-sliding-window",
        MistralConfig(**COMMON, sliding_window=8),
        dict(sliding_window=None),
    ),
    Reference(
        "mistral-layer-types",
        MinistralConfig(
            **COMMON | dict(num_hidden_layers=4), pad_token_id=None, sliding_window=8, layer_types=SLIDING_3_OF_4
        ),
        dict(layer_types=["full_attention"] * 4),
        model_type="mistral",  # which transformers takes for ministral where it has layer_types
    ),
    Reference(
        "qwen2",
        Qwen2Config(**{name: value for name, value in COMMON.items() if name != "head_dim"}),
        neutral=".bias",
    ),
    Reference(
        "qwen3",
        Qwen3Config(**COMMON | dict(head_dim=16, num_hidden_layers=4, intermediate_size=64)),
        neutral="_norm.",
    ),
    Reference(
        "qwen3_5",
        Qwen3_5TextConfig(
            **COMMON | HYBRID | dict(num_hidden_layers=4),
            layer_types=["linear_attention"] * 3 + ["full_attention"],
            linear_num_key_heads=4,
            linear_num_value_heads=8,
            linear_key_head_dim=8,
            linear_value_head_dim=6,
        ),
        neutral="dt_bias",
        recurrent=True,
        prompt_lengths=(1, 13, 80),
    ),
    Reference(
        "qwen3_5-multimodal",
        Qwen3_5TextConfig(
            **COMMON | HYBRID | dict(num_hidden_layers=3, tie_word_embeddings=True),
            layer_types=["full_attention", "linear_attention", "linear_attention"],
            linear_num_key_heads=4,
            linear_num_value_heads=4,
            linear_key_head_dim=4,
            linear_value_head_dim=8,
            linear_conv_kernel_dim=3,
        ),
        neutral="conv1d",
        recurrent=True,
        inside="qwen3_5",
        renamed=("model.", "model.language_model."),
        others=("model.visual.patch_embed.proj.weight", "mtp.fc.weight", "mtp.layers.0.input_layernorm.weight"),
    ),
    Reference(
        "qwen3-next",  # of whose layers the second has no experts
        Qwen3NextConfig(
            **COMMON_QWEN_HYBRID_MOE | dict(num_hidden_layers=4),
            intermediate_size=24,
            num_experts=4,
            num_experts_per_tok=2,
            norm_topk_prob=False,
            mlp_only_layers=[1],
            layer_types=["linear_attention"] * 3 + ["full_attention"],
            linear_num_key_heads=4,
            linear_num_value_heads=8,
            linear_key_head_dim=4,
            linear_value_head_dim=6,
            rope_parameters=dict(rope_type="default", rope_theta=1e4, partial_rotary_factor=0.25),
        ),
        dict(norm_topk_prob=True),
        recurrent=True,
    ),
    Reference(
        "qwen3_5-moe",
        Qwen3_5MoeTextConfig(
            **COMMON_QWEN_HYBRID_MOE | dict(num_hidden_layers=3, rope_parameters=HYBRID["rope_parameters"]),
            num_experts=8,
            num_experts_per_tok=3,
            layer_types=["linear_attention", "full_attention", "linear_attention"],
            linear_num_key_heads=4,
            linear_num_value_heads=8,
            linear_key_head_dim=4,
            linear_value_head_dim=6,
        ),
        neutral="shared_expert_gate",
        recurrent=True,
        packed_experts=True,
        inside="qwen3_5_moe",
        renamed=("model.", "model.language_model."),
        others=("model.visual.patch_embed.proj.weight", "mtp.layers.0.mlp.experts.gate_up_proj"),
    ),
    Reference(
        "gpt2",
        GPT2Config(
            vocab_size=VOCAB,
            n_positions=256,
            n_embd=32,
            n_layer=3,
            n_head=4,
            bos_token_id=None,
            eos_token_id=None,
            attn_implementation="eager",
        ),
        neutral="wpe",
    ),
    Reference(
        "gpt2-unscaled",
        GPT2Config(
            vocab_size=VOCAB,
            n_positions=256,
            n_embd=32,
            n_layer=3,
            n_head=4,
            scale_attn_weights=False,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None,
            attn_implementation="eager",
        ),
        dict(scale_attn_weights=True),
    ),
    Reference(
        "phi",
        PhiConfig(
            **{name: value for name, value in COMMON.items() if name not in ("head_dim", "rms_norm_eps")},
            rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5),
        ),
        dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=1.0)),
        neutral=".bias",
    ),
    Reference(
        "phi-tied",
        PhiConfig(
            **{name: value for name, value in COMMON.items() if name not in ("head_dim", "rms_norm_eps")}
            | dict(tie_word_embeddings=True),
            rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5),
        ),
        neutral="lm_head.bias",
    ),
    Reference(
        "phi3",
        Phi3Config(
            **COMMON,
            pad_token_id=None,
            sliding_window=8,
            rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5),
        ),
        dict(sliding_window=None),
    ),
    Reference(  # every prompt is longer than the original context, so transformers uses the long factors for all
        "phi3-longrope",
        Phi3Config(
            **COMMON | dict(tie_word_embeddings=True),
            pad_token_id=None,
            original_max_position_embeddings=4,
            rope_parameters=LONGROPE,
        ),
        dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.75)),
        prompt_lengths=(5, 40, 80),
    ),
    Reference(  # none is
        "phi3-longrope-short",
        Phi3Config(
            **COMMON,
            pad_token_id=None,
            original_max_position_embeddings=256,
            rope_parameters=LONGROPE | dict(attention_factor=1.25),
        ),
        dict(rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.75)),
    ),
    Reference(
        "starcoder2",
        Starcoder2Config(
            **{name: value for name, value in COMMON.items() if name not in ("head_dim", "rms_norm_eps")}
            | dict(tie_word_embeddings=True),
            sliding_window=8,
        ),
        dict(sliding_window=None),
    ),
    Reference(
        "gemma3",
        Gemma3TextConfig(
            **COMMON | dict(tie_word_embeddings=True, num_hidden_layers=4),
            query_pre_attn_scalar=24,
            sliding_window=8,
            layer_types=SLIDING_3_OF_4,
            rope_parameters=dict(
                full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1e6),
                sliding_attention=dict(rope_type="default", rope_theta=1e4),
            ),
        ),
        dict(sliding_window=4),
    ),
    Reference(
        "gemma3-multimodal",
        Gemma3TextConfig(
            **COMMON | dict(tie_word_embeddings=True, num_hidden_layers=4, head_dim=16),
            query_pre_attn_scalar=16,
            sliding_window=8,
            layer_types=["sliding_attention", "full_attention"] * 2,
            final_logit_softcapping=5.0,
        ),
        neutral="_feedforward_layernorm",
        old_rope_keys=True,
        inside="gemma3",
        others=VISION,
    ),
    Reference(
        "smollm3",
        SmolLM3Config(
            **COMMON | dict(tie_word_embeddings=True, num_hidden_layers=4), no_rope_layer_interval=2, pad_token_id=None
        ),
        dict(no_rope_layers=[1, 1, 1, 1]),
        old_rope_keys=True,
    ),
    Reference(
        "ministral3",
        Ministral3Config(
            **COMMON,
            pad_token_id=None,
            rope_parameters=YARN | dict(mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1),
        ),
        dict(rope_parameters=YARN | dict(mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.0)),
        prompt_lengths=(1, 40, 150),
        inside="mistral3",
        others=VISION,
    ),
    Reference(
        "seed-oss",
        SeedOssConfig(
            **COMMON | dict(head_dim=16, intermediate_size=48),
            pad_token_id=None,
            attention_out_bias=True,
            mlp_bias=True,
        ),
        neutral=".bias",
    ),
    Reference(
        "olmo2",
        Olmo2Config(
            **COMMON,
            pad_token_id=None,
            attention_bias=True,
            rope_parameters=dict(rope_type="default", rope_theta=500.0),
        ),
        neutral="_norm.",
        old_rope_keys=True,
    ),
    Reference(
        "olmo3",
        Olmo3Config(
            **COMMON | dict(num_hidden_layers=4),
            pad_token_id=None,
            sliding_window=8,
            layer_types=SLIDING_3_OF_4,
            rope_parameters=dict(
                full_attention=YARN | dict(attention_factor=1.25, beta_fast=8.0, beta_slow=1.0),
                sliding_attention=dict(rope_type="default", rope_theta=1e4),
            ),
        ),
        dict(sliding_window=4),
        prompt_lengths=(1, 13, 80),
    ),
    Reference(
        "exaone4",
        Exaone4Config(
            **COMMON | dict(num_hidden_layers=4),
            sliding_window=8,
            sliding_window_pattern="LLLG",
            layer_types=SLIDING_3_OF_4,
        ),
        dict(sliding_window=4),
    ),
    Reference(
        "granite",
        GraniteConfig(
            **{name: value for name, value in COMMON.items() if name != "head_dim"},
            embedding_multiplier=3.0,
            logits_scaling=2.0,
            residual_multiplier=0.4,
            attention_multiplier=0.2,
            attention_bias=True,
        ),
        dict(residual_multiplier=1.0),
    ),
    Reference(
        "qwen2-moe",
        Qwen2MoeConfig(
            **{name: value for name, value in COMMON.items() if name != "head_dim"} | dict(num_hidden_layers=4),
            **EXPERTS | dict(num_experts_per_tok=3),
            shared_expert_intermediate_size=12,
            mlp_only_layers=[1],
            use_sliding_window=True,
            sliding_window=8,
        ),
        neutral="shared_expert_gate",
    ),
    Reference(
        "qwen3-moe",  # of whose layers the first and the third have no experts
        Qwen3MoeConfig(
            **COMMON | dict(num_hidden_layers=4),
            **EXPERTS,
            norm_topk_prob=True,
            decoder_sparse_step=2,
            rope_parameters=dict(rope_type="default", rope_theta=10000.0),
        ),
        dict(norm_topk_prob=False),
        published_names=dict(num_local_experts="num_experts"),
    ),
    Reference(
        "qwen3-moe-raw-weights",
        Qwen3MoeConfig(**COMMON, **EXPERTS | dict(num_experts_per_tok=3), mlp_only_layers=[1]),
        dict(norm_topk_prob=True),
    ),
    Reference(
        "glm4-moe",  # whose first layer has no experts, and beyond whose last there is one that predicts further tokens
        Glm4MoeConfig(
            **COMMON | dict(head_dim=16),
            pad_token_id=None,
            attention_bias=True,
            use_qk_norm=True,
            n_routed_experts=8,
            num_experts_per_tok=3,
            moe_intermediate_size=8,
            n_shared_experts=2,
            n_group=4,
            topk_group=2,
            routed_scaling_factor=2.5,
        ),
        dict(topk_group=4),
        others=("model.layers.3.eh_proj.weight", "model.layers.3.mlp.gate.e_score_correction_bias"),
    ),
    Reference(
        "mixtral",
        MixtralConfig(**COMMON | dict(intermediate_size=8), num_local_experts=8, num_experts_per_tok=2),
        dict(num_experts_per_tok=1),
    ),
    Reference(
        "granitemoe",
        GraniteMoeConfig(
            **{name: value for name, value in COMMON.items() if name != "head_dim"} | dict(intermediate_size=8),
            num_local_experts=8,
            num_experts_per_tok=3,
            embedding_multiplier=3.0,
            logits_scaling=2.0,
            residual_multiplier=0.4,
            attention_multiplier=0.2,
        ),
        dict(num_experts_per_tok=2),
    ),
    Reference(
        "gpt-oss",  # experts as in transformers, turned over
        GptOssConfig(**GPT_OSS, swiglu_alpha=1.5, swiglu_limit=1.25),
        dict(swiglu_limit=7.0),
        neutral=".sinks",
        prompt_lengths=(1, 13, 80),
    ),
    Reference(
        "gpt-oss-mxfp4",  # experts as OpenAI publishes them
        GptOssConfig(**GPT_OSS | dict(num_hidden_layers=2, intermediate_size=64)),
        dict(num_experts_per_tok=1),
        prompt_lengths=(1, 13, 80),
        mxfp4=True,
        old_rope_keys=True,
    ),
    Reference(
        "granitemoehybrid",
        GraniteMoeHybridConfig(
            **COMMON_GRANITE_HYBRID,
            layer_types=["linear_attention", "linear_attention", "full_attention", "linear_attention"],
            mamba_n_heads=8,
            mamba_n_groups=1,
            mamba_d_state=6,
        ),
        neutral="mamba.D",
        prompt_lengths=(1, 13, 80),
        recurrent=True,
        published_layer_types=True,
    ),
    Reference(
        "granitemoehybrid-groups",
        GraniteMoeHybridConfig(
            **COMMON_GRANITE_HYBRID | dict(num_hidden_layers=3, tie_word_embeddings=True),
            layer_types=["full_attention", "linear_attention", "linear_attention"],
            position_embedding_type="rope",
            rope_parameters=dict(rope_type="default", rope_theta=500.0),
            mamba_n_heads=8,
            mamba_n_groups=2,
            mamba_d_state=5,
            mamba_d_conv=3,
            mamba_conv_bias=False,
            mamba_proj_bias=True,
        ),
        dict(position_embedding_type=None),
        recurrent=True,
    ),
    Reference(
        "granitemoehybrid-experts",
        GraniteMoeHybridConfig(
            **COMMON_GRANITE_HYBRID
            | dict(num_hidden_layers=3, intermediate_size=8, num_local_experts=8, num_experts_per_tok=3),
            layer_types=["linear_attention", "full_attention", "linear_attention"],
            mamba_n_heads=8,
            mamba_n_groups=4,
            mamba_d_state=4,
        ),
        dict(num_experts_per_tok=2),
        recurrent=True,
        published_layer_types=True,
    ),
]

TRACK_CONFIG = track_model.ModelConfig(
    vocab_size=VOCAB,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=4,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=8,
    num_tracks=4,
    track_block_depth=2,
    max_position_embeddings=256,
    tie_word_embeddings=False,
)


TRAINED = train_architectures.Size(
    dense=track_model.ModelConfig(VOCAB, 16, 24, 4, 4, 4, 4, max_position_embeddings=256),
    tracks=4,
    track=dict(hidden_size=8, num_attention_heads=2, num_key_value_heads=2, head_dim=4),
    ffn_multiple=1,
    steps=150,
    rows=16,
    learning_rate=1e-2,
)
TRAINED_TRAITS = {  # what each architecture of `train_architectures.py` would be without its trait, where the same weights allow that
    "dense": {},
    "parallel-block": {},
    "ladder": dict(ladder_layers=0),
    "track-d2": dict(track_block_depth=4),
    "kraken": {},
    "desync-4": dict(reduce_every=2),
    "delayed-2": dict(broadcast_delay=1),
}

RELATIVE_SIZES = dict(
    vocab_size=VOCAB,
    hidden_size=32,
    num_hidden_layers=4,
    max_position_embeddings=256,
    rope_theta=10000.0,
    tie_word_embeddings=False,
    bos_token_id=None,
    eos_token_id=None,
)
DESYNC_CONFIG = RELATIVE_SIZES | dict(
    model_type="desync_residual",
    num_tracks=4,
    reduce_every=3,
    intermediate_size=16,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=8,
    rms_norm_eps=1e-5,
)
LANES_CONFIG = RELATIVE_SIZES | dict(
    model_type="laneformer_tp",
    num_lanes=4,
    broadcast_delay=1,
    use_comm=True,
    use_early_comm=True,
    lm_head_type="replicate",
    pre_norm_lane_agg=True,
    replicated_rmsn_scale=True,
    intermediate_size=64,
    num_attention_heads=8,
    num_key_value_heads=4,
    norm_eps=1e-5,
    sliding_window=8,
    sliding_window_n_layers=3,
    unclamped_layers=[1],
)
LANE_NORMS = dict(  # what LANES_CONFIG leaves out
    broadcast_delay=2,
    use_early_comm=False,
    pre_norm_lane_agg=False,
    replicated_rmsn_scale=False,
    sliding_window=None,
    sliding_window_n_layers=0,
    unclamped_layers=[],
)


def randomize(model: torch.nn.Module, seed: int) -> None:
    """Every weight and bias from N(0, 0.3); norm weights around 1, so that a forgotten norm weight shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in [*model.named_parameters(), *corrections(model)]:
            weight.normal_(0.0, WEIGHT_STD, generator=generator)
            if is_norm_weight(name):
                weight.add_(1.0)


def corrections(model: torch.nn.Module) -> list[tuple[str, Tensor]]:
    """What routers add to scores for the choice: learned, but not by gradients, so transformers has it as a buffer."""
    return [(name, buffer) for name, buffer in model.named_buffers() if name.endswith("e_score_correction_bias")]


def is_norm_weight(name: str) -> bool:
    return ("norm" in name or ".ln_" in name) and name.endswith("weight")


def forward_of(model: torch.nn.Module) -> Forward:
    def forward(ids: Tensor) -> Tensor:
        with torch.no_grad():
            if isinstance(model, track_model.TrackModel):
                return model(ids[None])[0]
            return model(ids[None], use_cache=False).logits[0]

    return forward


def stepwise(model: torch.nn.Module) -> Forward:
    """One token at a time."""

    def forward(ids: Tensor) -> Tensor:
        cache, logits = None, []
        with torch.no_grad():
            for token in ids:
                output = model(token[None, None], cache=cache, use_cache=True)
                cache = output.cache
                logits.append(output.logits[0, 0])
        return torch.stack(logits)

    return forward


def greedy(forward: Forward, prompt: Tensor) -> tuple[list[int], float]:
    """64 greedy ids, each from a full forward over everything before, and the smallest margin met."""
    ids, smallest = prompt, float("inf")
    for _ in range(GREEDY_TOKENS):
        best, second = forward(ids)[-1].topk(2).values.tolist()
        smallest = min(smallest, best - second)
        ids = torch.cat((ids, forward(ids)[-1].argmax()[None]))
    return ids[len(prompt) :].tolist(), smallest


def golden(forward: Forward, prompts: list[Tensor]) -> dict | None:
    """The golden outputs, or None where a greedy step is too close to call or the text is monotonous."""
    entries = []
    for prompt in prompts:
        text, margin = greedy(forward, prompt)
        if margin <= MIN_MARGIN or len(set(text)) < MIN_DISTINCT:
            return None
        logits = [[float(f"{x:.7g}") for x in row] for row in forward(prompt).tolist()]
        entries.append({"ids": prompt.tolist(), "logits": logits, "greedy": text})
    return {"prompts": entries}


def random_prompts(seed: int, lengths: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(VOCAB, (length,), generator=generator) for length in lengths]


def spell_rope_as_transformers_4_did(directory: Path) -> None:
    """Replaces `rope_parameters` by `rope_theta` and `rope_scaling`; the newer spelling is kept beside it."""
    path = directory / "config.json"
    config = json.loads(path.read_text())
    (directory / "config.rope_parameters.json").write_text(path.read_text())
    rope = config.pop("rope_parameters")
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        config["sliding_window_pattern"] = config.pop("layer_types").index("full_attention") + 1
        rope = rope["full_attention"]
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def largest_difference(one: Forward, other: Forward, prompts: list[Tensor]) -> float:
    return max((one(ids) - other(ids)).abs().max().item() for ids in prompts)


def make_transformers_checkpoint(reference: Reference, directory: Path, seed: int) -> dict | None:
    model = AutoModelForCausalLM.from_config(reference.config, dtype=torch.float32)
    randomize(model, seed)
    model.save_pretrained(directory, save_original_format=not reference.packed_experts)
    (directory / "generation_config.json").unlink(missing_ok=True)
    rewrite_config(directory, reference)
    if reference.mxfp4:
        put_experts_into_mxfp4(directory)
    if reference.old_rope_keys:
        spell_rope_as_transformers_4_did(directory)
    if reference.published_layer_types:
        path = directory / "config.json"
        text = path.read_text().replace('"linear_attention"', '"mamba"').replace('"full_attention"', '"attention"')
        path.write_text(text)
    prompts = random_prompts(seed, reference.prompt_lengths)
    reloaded = forward_of(from_disk(directory))
    lost = largest_difference(reloaded, forward_of(model.eval()), prompts)
    assert lost < 1e-5 or reference.mxfp4, f"{reference.name}: logits move by {lost} through the file"
    plain = from_disk(directory, reference.without_trait)
    make_neutral(plain, reference.neutral)
    effect = largest_difference(reloaded, forward_of(plain), prompts)
    assert effect > MIN_TRAIT_EFFECT, f"{reference.name}: its trait moves logits by only {effect}"
    if reference.recurrent and largest_difference(reloaded, stepwise(from_disk(directory)), prompts) > MAX_ROUNDING:
        return None
    outputs = golden(reloaded, prompts)
    if outputs is not None and reference.inside:
        put_inside(directory, reference)
    if outputs is not None and reference.others:
        add_tensors(directory, reference.others)
    return outputs


def put_experts_into_mxfp4(directory: Path) -> None:
    """Stores experts as gpt-oss does: `[experts, rows, cols / 32, 16]` bytes of two numbers and an exponent for 32 of them."""
    weights = directory / "model.safetensors"
    tensors = load_file(weights)
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        blocks, scales = mxfp4(tensors.pop(name).transpose(1, 2))
        tensors[f"{name}_blocks"], tensors[f"{name}_scales"] = blocks, scales
    save_file(tensors, weights, metadata=dict(format="pt"))
    path = directory / "config.json"
    kept = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    quantization = dict(quant_method="mxfp4", modules_to_not_convert=kept)
    config = json.loads(path.read_text()) | dict(quantization_config=quantization)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def mxfp4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest e2m1 numbers by groups of 32, whose largest lies between 4 and 8 times their scale."""
    groups = weight.reshape(*weight.shape[:-1], -1, 32)
    exponents = groups.abs().amax(-1).log2().floor().int() - 2
    scaled = torch.ldexp(groups, -exponents[..., None])
    codes = (scaled[..., None] - torch.tensor(FP4_VALUES)).abs().argmin(-1)
    return (codes[..., 0::2] | codes[..., 1::2] << 4).to(torch.uint8), (exponents + 127).to(torch.uint8)


def rewrite_config(directory: Path, reference: Reference) -> None:
    path = directory / "config.json"
    config = json.loads(path.read_text())
    if reference.model_type:
        config["model_type"] = reference.model_type
    for name, published in reference.published_names.items():
        config[published] = config.pop(name)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def put_inside(directory: Path, reference: Reference) -> None:
    """Names config and tensors as the language model of a multimodal checkpoint."""
    path = directory / "config.json"
    text = json.loads(path.read_text())
    path.write_text(json.dumps(dict(model_type=reference.inside, text_config=text), indent=2, sort_keys=True) + "\n")
    weights = directory / "model.safetensors"
    old, new = reference.renamed
    tensors = {
        new + name.removeprefix(old) if name.startswith(old) else name: tensor
        for name, tensor in load_file(weights).items()
    }
    save_file(tensors, weights, metadata=dict(format="pt"))


def add_tensors(directory: Path, names: tuple[str, ...]) -> None:
    weights = directory / "model.safetensors"
    tensors = load_file(weights) | {name: torch.zeros(2, 2) for name in names}
    save_file(tensors, weights, metadata=dict(format="pt"))


def make_neutral(model: torch.nn.Module, part_of_name: str) -> None:
    for name, weight in model.named_parameters():
        if part_of_name in name:
            torch.nn.init.constant_(weight, 1.0 if is_norm_weight(name) else 0.0)


def from_disk(directory: Path, changes: dict | None = None) -> torch.nn.Module:
    config = AutoConfig.from_pretrained(directory)
    for name, value in (changes or {}).items():
        setattr(config, name, value)
    if hasattr(config, "quantization_config"):
        config.quantization_config["dequantize"] = True
    return AutoModelForCausalLM.from_pretrained(
        directory, config=config, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def tracks_of_llama_layers(model: track_model.TrackModel) -> Forward:
    """The track equations put together from transformers' llama layers, as a check on `track_model.py`."""
    sizes = model.config
    config = LlamaConfig(**COMMON | {name: getattr(sizes, name) for name in COMMON if hasattr(sizes, name)})
    config.rms_norm_eps = sizes.rms_norm_eps
    config.rope_parameters = dict(rope_type="default", rope_theta=sizes.rope_theta)
    config._attn_implementation = "eager"
    tracks = [[track_layer(model, config, t, l) for l in range(sizes.num_hidden_layers)] for t in range(sizes.num_tracks)]
    rotary = LlamaRotaryEmbedding(config)

    def forward(ids: Tensor) -> Tensor:
        time = len(ids)
        mask = torch.full((1, 1, time, time), float("-inf")).triu(1)
        with torch.no_grad():
            streams = [model.embed_tokens(ids[None, None])[0]] * sizes.num_tracks
            angles = rotary(streams[0], torch.arange(time)[None])
            for l in range(sizes.num_hidden_layers):
                streams = [
                    track[l](h, attention_mask=mask, position_embeddings=angles) for track, h in zip(tracks, streams)
                ]
                if (l + 1) % sizes.track_block_depth == 0:
                    streams = [sum(streams) / len(streams)] * len(streams)
            return model.lm_head(model.norm(streams[0][None]))[0, 0]

    return forward


def track_layer(model: track_model.TrackModel, config: LlamaConfig, track: int, number: int) -> LlamaDecoderLayer:
    layer = LlamaDecoderLayer(config, number)
    layer.load_state_dict({name: value[track] for name, value in model.layers[number].state_dict().items()})
    return layer.eval()


def make_track_checkpoint(directory: Path, seed: int) -> dict | None:
    model = track_model.TrackModel(TRACK_CONFIG)
    randomize(model, seed)
    track_model.save(model, directory, torch.float32, {"eos_token_id": None, "bos_token_id": None})
    reloaded = track_model.load(directory)
    prompts = random_prompts(seed, (1, 13, 40))
    other = largest_difference(forward_of(reloaded), tracks_of_llama_layers(reloaded), prompts)
    assert other < 1e-4, f"track_model.py and transformers' layers differ by {other}"
    reloaded.config = replace(TRACK_CONFIG, track_block_depth=4)
    effect = largest_difference(forward_of(track_model.load(directory)), forward_of(reloaded), prompts)
    assert effect > MIN_TRAIT_EFFECT, f"the combine in the middle moves logits by only {effect}"
    return golden(forward_of(track_model.load(directory)), prompts)


def walks(seed: int, rows: int, time: int = 48) -> train_architectures.Rows:
    """Rows of ids that each go on by a step of their own, so that a model that learns them repeats no token for long."""
    generator = torch.Generator().manual_seed(seed)
    first, step = torch.randint(VOCAB, (rows, 1), generator=generator), torch.randint(1, 12, (rows, 1), generator=generator)
    ids = (first + step * torch.arange(time)) % VOCAB
    return train_architectures.Rows(ids.short().numpy(), torch.full(ids.shape, 3, dtype=torch.uint8).numpy())


def make_trained(name: str, directory: Path, seed: int) -> dict | None:
    """What `train_architectures.py` trains and writes, in the shape of a toy; the goldens are those of the model that was trained."""
    train_architectures.check_equal(TRAINED, list(TRAINED_TRAITS), within=0.06)  # a norm weighs more in a toy
    config = train_architectures.config_of(TRAINED, name)
    schedule = train_architectures.Schedule(TRAINED.steps, 0, TRAINED.learning_rate, warmup_steps=10)
    rows, seeds = walks(seed, TRAINED.steps * TRAINED.rows), [seed, seed + 1000]  # the second copy is thrown away
    training = train_architectures.Training(config, schedule, TRAINED.rows, seeds, rows, torch.device("cpu"))
    training.run("no")
    track_model.save(training.model, directory, torch.float32, dict(bos_token_id=None, eos_token_id=None))

    def forward(ids: Tensor) -> Tensor:
        with torch.no_grad():
            return training.model(ids.expand(2, 1, -1))[0, 0]

    prompts = random_prompts(seed, (1, 9, 20))
    if TRAINED_TRAITS[name]:
        other = track_model.load(directory)
        other.config = replace(other.config, **TRAINED_TRAITS[name])
        effect = largest_difference(forward, forward_of(other), prompts)
        assert effect > MIN_TRAIT_EFFECT, f"{TRAINED_TRAITS[name]} moves logits by only {effect}"
    return golden(forward, prompts)


def make_pt_moe_checkpoint(directory: Path, seed: int) -> dict | None:
    config = pt_moe_reference.CONFIG
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        name: torch.randn(shape, generator=generator) * WEIGHT_STD + (1.0 if is_norm_weight(name) else 0.0)
        for name, shape in pt_moe_reference.shapes(config).items()
    }
    (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(tensors, directory / "model.safetensors", metadata=dict(format="pt"))
    prompts = random_prompts(seed, (1, 13, 40))
    traits = [
        dict(router_logit_softcapping=0.0),
        dict(norm_topk_prob=False),
        dict(num_experts_per_tok=3),
        dict(sliding_window=8),
        dict(no_rope_layers=[1] * 4),
        dict(track_block_depth=4),
    ]
    for trait in traits:
        effect = largest_difference(pt_moe(tensors, config), pt_moe(tensors, config | trait), prompts)
        assert effect > MIN_TRAIT_EFFECT, f"{trait} moves logits by only {effect}"
    return golden(pt_moe(tensors, config), prompts)


def pt_moe(tensors: dict[str, Tensor], config: dict) -> Forward:
    return lambda ids: pt_moe_reference.logits(tensors, config, ids)


def random_tensors(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """As `randomize` fills a model."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.empty(shape).normal_(0.0, WEIGHT_STD, generator=generator) + (1.0 if "norm" in name else 0.0)
        for name, shape in shapes.items()
    }


def write_checkpoint(directory: Path, config: dict, tensors: dict[str, Tensor]) -> None:
    (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(tensors, directory / "model.safetensors", metadata=dict(format="pt"))


def desync_shapes(config: dict) -> dict[str, tuple[int, ...]]:
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    queries, keys = (config["head_dim"] * config[f"num_{kind}_heads"] for kind in ("attention", "key_value"))
    layer = {
        "input_layernorm": (hidden,),
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "post_attention_layernorm": (hidden,),
        "mlp.gate_proj": (ffn, hidden),
        "mlp.up_proj": (ffn, hidden),
        "mlp.down_proj": (hidden, ffn),
    }
    return {"model.embed_tokens.weight": (VOCAB, hidden), "model.norm.weight": (hidden,), "lm_head.weight": (VOCAB, hidden)} | {
        f"model.tracks.{track}.layers.{number}.{name}.weight": shape
        for track in range(config["num_tracks"])
        for number in range(config["num_hidden_layers"])
        for name, shape in layer.items()
    }


def lane_shapes(config: dict) -> dict[str, tuple[int, ...]]:
    hidden, lanes = config["hidden_size"], config["num_lanes"]
    ffn = config["intermediate_size"] // lanes
    queries = hidden // lanes
    keys = queries * config["num_key_value_heads"] // config["num_attention_heads"]
    layer = {
        "attention.wq.weight": (lanes, queries, hidden),
        "attention.wk.weight": (lanes, keys, hidden),
        "attention.wv.weight": (lanes, keys, hidden),
        "attention.wo.weight": (lanes, hidden, queries),
        "feed_forward.w1.weight": (lanes, ffn, hidden),
        "feed_forward.w3.weight": (lanes, ffn, hidden),
        "feed_forward.w2.weight": (lanes, hidden, ffn),
    }
    norm, shape = (".weight", (hidden,)) if config["replicated_rmsn_scale"] else (".scale", (lanes, hidden))
    layer |= {"attention_norm" + norm: shape, "ffn_norm" + norm: shape}
    last = {"model.norm.weight": (hidden,)} if config["pre_norm_lane_agg"] else {"model.norm" + norm: shape}
    return {"model.tok_embeddings.weight": (VOCAB, hidden), "lm_head.weight": (VOCAB, hidden)} | last | {
        f"model.layers.{number}.{name}": shape
        for number in range(config["num_hidden_layers"])
        for name, shape in layer.items()
    }


def llama_of(config: dict, tensors: dict[str, Tensor]) -> Forward:
    """transformers' llama of these sizes with these weights."""
    sizes = {name: config[name] for name in COMMON if name in config}
    llama = AutoModelForCausalLM.from_config(
        LlamaConfig(
            **COMMON | sizes,
            rope_parameters=dict(rope_type="default", rope_theta=config["rope_theta"]),
        ),
        dtype=torch.float32,
    )
    llama.load_state_dict(tensors)
    return forward_of(llama.eval())


def desync_as_llama(directory: Path) -> tuple[Forward, Forward]:
    """With every output summed and the first track's norms for all, desync residual is the llama that its tracks are parts of."""
    model = relatives.Desync(directory, reduce_every=1)
    n = model.config["num_tracks"]
    whole = {name: value for name, value in model.weights.items() if "tracks" not in name}
    for name in [name for name in model.weights if name.startswith("model.tracks.0.")]:
        names = [name.replace("tracks.0", f"tracks.{i}") for i in range(n)]
        if "norm" in name:
            whole[name.replace("tracks.0.", "")] = model.weights[name]
            model.weights.update({other: model.weights[name] for other in names})
        else:
            parts = [model.weights[other] for other in names]
            whole[name.replace("tracks.0.", "")] = torch.cat(parts, dim=1 if "o_proj" in name or "down" in name else 0)
    sizes = {size: n * model.config[size] for size in ("intermediate_size", "num_attention_heads", "num_key_value_heads")}
    return model, llama_of(model.config | sizes, whole)


def one_lane_as_llama(directory: Path) -> tuple[Forward, Forward]:
    """A single lane hears of no other: a llama whose queries and keys turn in pairs."""
    model = relatives.Laneformer(directory, num_lanes=1, sliding_window_n_layers=0)
    lanes = len(model.weights["model.layers.0.attention.wq.weight"])
    for name, value in model.weights.items():
        model.weights[name] = value[:1] if value.dim() == 3 or name.endswith(".scale") else value
    sizes = {size: model.config[size] // lanes for size in ("intermediate_size", "num_attention_heads", "num_key_value_heads")}
    dim = model.config["hidden_size"] // model.config["num_attention_heads"]
    theirs = dict(
        wq="self_attn.q_proj", wk="self_attn.k_proj", wv="self_attn.v_proj", wo="self_attn.o_proj",
        w1="mlp.gate_proj", w2="mlp.down_proj", w3="mlp.up_proj",
        attention_norm="input_layernorm", ffn_norm="post_attention_layernorm",
    )  # fmt: skip
    whole = {}
    for name, value in model.weights.items():
        parts = name.replace("tok_embeddings", "embed_tokens").replace(".scale", ".weight").split(".")
        parts = [theirs.get(part, part) for part in parts if part not in ("attention", "feed_forward")]
        value = value[0] if value.dim() == 3 or name.endswith(".scale") else value
        if parts[-2] in ("self_attn.q_proj", "self_attn.k_proj"):
            value = value.unflatten(0, (-1, dim // 2, 2)).transpose(1, 2).flatten(0, 2)
        whole[".".join(parts)] = value
    named = dict(rms_norm_eps=model.config["norm_eps"], head_dim=dim)
    return model, llama_of(model.config | sizes | named, whole)


def make_relative(
    directory: Path,
    seed: int,
    config: dict,
    tensors: dict[str, Tensor],
    model: type,
    same: Callable[[Path], tuple[Forward, Forward]],
    changes: list[dict],
) -> dict | None:
    """`same` gives two models that must agree; each of `changes` to the configuration must matter."""
    write_checkpoint(directory, config, tensors)
    prompts = random_prompts(seed, (1, 13, 40))
    other = largest_difference(*same(directory), prompts)
    assert other < 1e-4, f"relatives.py and transformers' llama differ by {other}"
    for change in changes:
        effect = largest_difference(model(directory), model(directory, **change), prompts)
        assert effect > MIN_TRAIT_EFFECT, f"{change} moves logits by only {effect}"
    return golden(model(directory), prompts)


def make_desync(directory: Path, seed: int) -> dict | None:
    tensors = random_tensors(desync_shapes(DESYNC_CONFIG), seed)
    changes = [dict(reduce_every=2), dict(reduce_every=1)]
    return make_relative(directory, seed, DESYNC_CONFIG, tensors, relatives.Desync, desync_as_llama, changes)


def make_lanes(directory: Path, seed: int, config: dict) -> dict | None:
    tensors = random_tensors(lane_shapes(config), seed)
    changes = [
        dict(broadcast_delay=3),
        dict(use_early_comm=not config["use_early_comm"]),
        dict(sliding_window_n_layers=-1, sliding_window=4),
    ]
    return make_relative(directory, seed, config, tensors, relatives.Laneformer, one_lane_as_llama, changes)


def gla_shapes(config: dict) -> dict[str, tuple[int, ...]]:
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    keys, values = gla_reference.columns(config)
    width, rank = config["conv_size"], 16
    layer = {
        "attn_norm.weight": (hidden,),
        "attn.q_proj.weight": (keys, hidden),
        "attn.k_proj.weight": (keys, hidden),
        "attn.v_proj.weight": (values, hidden),
        "attn.g_proj.weight": (values, hidden),
        "attn.gk_proj.0.weight": (rank, hidden),
        "attn.gk_proj.1.weight": (keys, rank),
        "attn.gk_proj.1.bias": (keys,),
        f"attn.{'g_norm_swish_gate' if config['fuse_norm'] else 'g_norm'}.weight": (values // config["num_heads"],),
        "attn.o_proj.weight": (hidden, values),
        "mlp_norm.weight": (hidden,),
        "mlp.gate_proj.weight": (ffn, hidden),
        "mlp.up_proj.weight": (ffn, hidden),
        "mlp.down_proj.weight": (hidden, ffn),
    }
    if config["use_short_conv"]:
        layer |= {f"attn.{n}_conv1d.weight": (values if n == "v" else keys, 1, width) for n in "qkv"}
    around = {"model.embeddings.weight": (VOCAB, hidden), "model.norm.weight": (hidden,), "lm_head.weight": (VOCAB, hidden)}
    return around | {
        f"model.layers.{number}.{name}": shape
        for number in range(config["num_hidden_layers"])
        for name, shape in layer.items()
    }


def make_gla(directory: Path, seed: int, config: dict, changes: list[dict]) -> dict | None:
    write_checkpoint(directory, config, random_tensors(gla_shapes(config), seed))
    model = gla_reference.Gla(directory)
    prompts = random_prompts(seed, (1, 13, 80))
    for change in changes:
        effect = largest_difference(model, gla_reference.Gla(directory, **change), prompts)
        assert effect > MIN_TRAIT_EFFECT, f"{change} moves logits by only {effect}"
    return golden(model, prompts)


def make_converted(directory: Path, seed: int, layers: int | None) -> dict | None:
    """A tiny llama that becomes a ladder in its last two of three layers, or parallel blocks, repaired for a few steps."""
    config = LlamaConfig(**COMMON | dict(tie_word_embeddings=True))
    llama = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    randomize(llama, seed)
    repair = convert_ladder.Repair(
        steps=120, sequences=192, context=48, batch=8, at_once=32, learning_rate=3e-3, warmup=5, seed=seed
    )
    with tempfile.TemporaryDirectory() as dense:
        llama.save_pretrained(dense)
        figures = convert_ladder.convert(Path(dense), layers, directory, repair, [], "cpu")
        prompts = random_prompts(seed, (1, 13, 40))
        whole = from_disk(Path(dense))
        none = largest_difference(forward_of(convert_ladder.as_ladder(whole, 0)), forward_of(whole), prompts)
        assert none < 1e-5, f"a ladder of no layer differs from its model by {none}"
    print(f"{directory.name}: {json.dumps(figures)}")
    (directory / "generation_config.json").unlink(missing_ok=True)
    assert figures["after"]["held_out"]["loss"] < 0.8 * figures["before"]["held_out"]["loss"], "the repair lowers the loss by less than a fifth"
    if layers is None:
        return golden(forward_of(track_model.load(directory)), prompts)
    repaired = from_disk(directory)
    ladder = forward_of(convert_ladder.as_ladder(repaired, layers))
    effect = largest_difference(ladder, forward_of(repaired), prompts)
    assert effect > MIN_TRAIT_EFFECT, f"the ladder moves logits by only {effect}"
    return golden(ladder, prompts)


def make(name: str, directory: Path, make_with_seed: Callable[[Path, int], dict | None]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for seed in range(100):
        outputs = make_with_seed(directory, seed)
        if outputs is not None:
            (directory / "golden.json").write_text(json.dumps(outputs, separators=(",", ":")) + "\n")
            distinct = [len(set(prompt["greedy"])) for prompt in outputs["prompts"]]
            spread = torch.tensor(outputs["prompts"][1]["logits"]).std().item()
            print(f"{name}: seed {seed}, distinct greedy ids {distinct}, std of the logits {spread:.2f}", flush=True)
            return
    raise RuntimeError(f"{name}: no seed under 100 gives clear greedy winners")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=CHECKPOINTS)
    parser.add_argument("--only", help="make this checkpoint alone")
    arguments = parser.parse_args()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)  # one order of summation
    makers = {r.name: lambda d, seed, r=r: make_transformers_checkpoint(r, d, seed) for r in REFERENCES}
    makers["parallel-track"] = make_track_checkpoint
    makers |= {f"trained-{n}": lambda d, seed, n=n: make_trained(n, d, seed) for n in TRAINED_TRAITS}
    makers["pt-moe"] = make_pt_moe_checkpoint
    makers["desync-residual"] = make_desync
    makers["ladder-converted"] = lambda d, seed: make_converted(d, seed, 2)
    makers["parallel-block-converted"] = lambda d, seed: make_converted(d, seed, None)
    makers["laneformer"] = lambda d, seed: make_lanes(d, seed, LANES_CONFIG)
    makers["laneformer-lane-norms"] = lambda d, seed: make_lanes(d, seed, LANES_CONFIG | LANE_NORMS)
    makers["gla"] = lambda d, seed: make_gla(d, seed, GLA, [dict(gate_logit_normalizer=1)])
    makers["gla-convolved"] = lambda d, seed: make_gla(
        d, seed, GLA_CONVOLVED, [dict(clamp_min=None), dict(use_short_conv=False)]
    )
    for name, maker in makers.items():
        if arguments.only in (None, name):
            make(name, arguments.output / name, maker)


if __name__ == "__main__":
    main()
