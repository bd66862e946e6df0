"""Makes tiny checkpoints in the published formats of 8 bits, and the outputs of their dequantised weights.

    python notebooks/quantized_checkpoints.py [--output executor-gpu/src/test/resources/checkpoints] [--only NAME]

Those of compressed-tensors are quantised by that package; those of `quant_method: fp8` by the rule of DeepSeek-V3 (the
largest magnitude of a block is 448), and of Ministral 3 (one scale a tensor, static ones for activations). The goldens
are what transformers computes in fp32 of the values that each format's own code gives: compressed-tensors' `dequantize`,
transformers' `_dequantize_fp8_weight`. golden.json is as in `reference_checkpoints.py`; `by_token` are the logits where what goes into quantised layers of whole
sixteens of inputs is rounded to 8 bits, too, with a scale for every token.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import dequantize, quantize
from compressed_tensors.quantization.utils import calculate_qparams
from reference_checkpoints import CHECKPOINTS, COMMON, COMMON_QWEN_HYBRID_MOE, HYBRID, YARN
from reference_checkpoints import forward_of, golden, make, random_prompts, randomize
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, Ministral3Config, PretrainedConfig, Qwen3_5MoeTextConfig
from transformers.integrations.finegrained_fp8 import _dequantize_fp8_weight
from transformers.models.qwen3_5_moe.modeling_qwen3_5_moe import Qwen3_5MoeExperts

MAX = 448.0
BLOCK = [16, 16]  # 128 x 128 in published files; here the widths are 16 to 96, and 72 is 4 blocks and a half
Quantized = tuple[dict[str, Tensor], Tensor]  # tensors by suffix after the module's name; the values


def compressed(**arguments: object) -> Callable[[Tensor], Quantized]:
    args = QuantizationArgs(num_bits=8, type="float", symmetric=True, **arguments)

    def of(weight: Tensor) -> Quantized:
        if args.strategy == "tensor":
            least, most = weight.min().reshape(1), weight.max().reshape(1)
        elif args.strategy == "channel":
            least, most = weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
        else:
            blocks = [[tile for tile in row.split(BLOCK[1], 1)] for row in weight.split(BLOCK[0], 0)]
            least = torch.tensor([[tile.min() for tile in row] for row in blocks])
            most = torch.tensor([[tile.max() for tile in row] for row in blocks])
        scale, zero = calculate_qparams(least, most, args)
        numbers = quantize(weight, scale, zero, args, dtype=torch.float8_e4m3fn)
        return {"weight": numbers, "weight_scale": scale}, dequantize(numbers, scale, zero, args)

    return of


def fp8(block: list[int] | None) -> Callable[[Tensor], Quantized]:
    def of(weight: Tensor) -> Quantized:
        if block is None:
            scale = weight.abs().max() / MAX
            numbers = (weight / scale).to(torch.float8_e4m3fn)
            extra = {"activation_scale": torch.tensor(0.02)}
        else:
            tiles = [row.split(block[1], 1) for row in weight.split(block[0], 0)]
            scale = torch.tensor([[tile.abs().max() / MAX for tile in row] for row in tiles])
            wide = scale.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)
            numbers = (weight / wide[: weight.shape[0], : weight.shape[1]]).to(torch.float8_e4m3fn)
            extra = {}
        values = padded_dequantize(numbers, scale, block)
        return {"weight": numbers, "weight_scale_inv": scale, **extra}, values

    return of


def padded_dequantize(numbers: Tensor, scale: Tensor, block: list[int] | None) -> Tensor:
    """transformers dequantises whole blocks alone."""
    if block is None:
        return numbers.float() * scale
    rows, cols = (size * count for size, count in zip(block, scale.shape))
    whole = torch.zeros(rows, cols, dtype=torch.float8_e4m3fn)
    whole[: numbers.shape[0], : numbers.shape[1]] = numbers
    return _dequantize_fp8_weight(whole, scale, block, torch.float32)[: numbers.shape[0], : numbers.shape[1]]


def by_token(x: Tensor) -> Tensor:
    """Activations in 8 bits, with a scale for every token."""
    most = x.abs().amax(-1, keepdim=True)
    return (x * (MAX / most)).to(torch.float8_e4m3fn).float() * (most / MAX)


def compressed_config(weights: dict, activations: dict | None, ignore: list[str]) -> dict:
    group = dict(targets=["Linear"], weights=dict(num_bits=8, type="float", symmetric=True, dynamic=False, **weights))
    group["input_activations"] = activations and dict(num_bits=8, type="float", symmetric=True, **activations)
    return dict(
        quant_method="compressed-tensors",
        format="float-quantized",
        quantization_status="compressed",
        config_groups=dict(group_0=group),
        ignore=ignore,
        kv_cache_scheme=None,
    )


@dataclass(frozen=True)
class Format:
    """A checkpoint to make."""

    name: str
    config: PretrainedConfig
    quantization: dict  # `quantization_config`
    quantize: Callable[[Tensor], Quantized]
    unquantized: tuple[str, ...] = ("lm_head",)  # modules that stay
    inside: str = ""  # model_type of the multimodal model whose text_config this is


LLAMA = LlamaConfig(**COMMON, rope_parameters=dict(rope_type="default", rope_theta=500.0))
SMALL_PARTS_OF_QWEN = [
    "model.layers.0.linear_attn.in_proj_a",
    "model.layers.0.linear_attn.in_proj_b",
    *(f"model.layers.{layer}.mlp.{part}" for layer in range(2) for part in ("gate", "shared_expert_gate")),
]
FORMATS = [
    Format(
        "fp8-tensor",
        LLAMA,
        compressed_config(dict(strategy="tensor"), dict(strategy="tensor", dynamic=False), ["lm_head"]),
        compressed(strategy="tensor"),
    ),
    Format(
        "fp8-channel",
        LLAMA,
        compressed_config(
            dict(strategy="channel"), dict(strategy="token", dynamic=True), ["re:.*lm_head", "model.layers.1.mlp.down_proj"]
        ),
        compressed(strategy="channel"),
        ("lm_head", "model.layers.1.mlp.down_proj"),
    ),
    Format(
        "fp8-block",
        LLAMA,
        compressed_config(
            dict(strategy="block", block_structure=BLOCK), dict(strategy="group", group_size=16, dynamic=True), ["lm_head"]
        ),
        compressed(strategy="block", block_structure=BLOCK),
    ),
    Format(
        "fp8-scale-inv",
        LLAMA,
        dict(
            quant_method="fp8",
            fmt="e4m3",
            activation_scheme="dynamic",
            weight_block_size=BLOCK,
            modules_to_not_convert=["lm_head", "model.layers.0.self_attn.o_proj"],
        ),
        fp8(BLOCK),
        ("lm_head", "model.layers.0.self_attn.o_proj"),
    ),
    Format(
        "fp8-static",
        Ministral3Config(
            **COMMON,
            pad_token_id=None,
            rope_parameters=YARN | dict(mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.1),
        ),
        dict(
            quant_method="fp8",
            activation_scheme="static",
            weight_block_size=None,
            modules_to_not_convert=["model.vision_tower", "model.multi_modal_projector", "lm_head"],
        ),
        fp8(None),
        inside="mistral3",
    ),
    Format(
        "fp8-experts",
        Qwen3_5MoeTextConfig(
            **COMMON_QWEN_HYBRID_MOE | dict(num_hidden_layers=2, rope_parameters=HYBRID["rope_parameters"]),
            num_experts=4,
            num_experts_per_tok=2,
            layer_types=["linear_attention", "full_attention"],
            linear_num_key_heads=4,
            linear_num_value_heads=4,
            linear_key_head_dim=4,
            linear_value_head_dim=8,
        ),
        dict(
            quant_method="fp8",
            fmt="e4m3",
            activation_scheme="dynamic",
            weight_block_size=BLOCK,
            modules_to_not_convert=["lm_head", *SMALL_PARTS_OF_QWEN],
        ),
        fp8(BLOCK),
        ("lm_head", *SMALL_PARTS_OF_QWEN),
        inside="qwen3_5_moe",
    ),
]


def quantized_experts(one: Format, name: str, experts: Qwen3_5MoeExperts) -> dict[str, Tensor]:
    """Three matrices an expert, as published: transformers' own are two for all of them."""
    tensors = {}
    for number, (gate_up, down) in enumerate(zip(experts.gate_up_proj.data, experts.down_proj.data)):
        for part, weight in zip(("gate_proj", "up_proj", "down_proj"), (*gate_up.chunk(2), down)):
            stored, values = one.quantize(weight.clone())
            tensors |= {f"{name}.{number}.{part}.{suffix}": tensor for suffix, tensor in stored.items()}
            weight.copy_(values)
    return tensors


def make_checkpoint(one: Format, directory: Path, seed: int) -> dict | None:
    model = AutoModelForCausalLM.from_config(one.config, dtype=torch.float32).eval()
    randomize(model, seed)
    tensors = model.state_dict()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name not in one.unquantized:
            stored, values = one.quantize(module.weight.detach())
            moved = (values - module.weight).abs().max().item()
            assert 0 < moved < 0.1, f"{one.name}: quantising {name} moves it by {moved}"
            tensors |= {f"{name}.{suffix}": tensor for suffix, tensor in stored.items()}
            module.weight.data = values.float()
        if isinstance(module, Qwen3_5MoeExperts):
            del tensors[f"{name}.gate_up_proj"], tensors[f"{name}.down_proj"]
            tensors |= quantized_experts(one, name, module)
    prompts = random_prompts(seed, (1, 13, 40))
    outputs = golden(forward_of(model), prompts)
    if outputs is not None:
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name not in one.unquantized and module.in_features % 16 == 0:
                module.register_forward_pre_hook(lambda _, inputs: (by_token(inputs[0]),))
        for entry, prompt in zip(outputs["prompts"], prompts):
            entry["by_token"] = [[float(f"{x:.7g}") for x in row] for row in forward_of(model)(prompt).tolist()]
    config = json.loads(one.config.to_json_string(use_diff=True)) | dict(architectures=[type(model).__name__])
    if one.inside:
        config = dict(model_type=one.inside, text_config=config)
        tensors = {f"language_model.{name}": tensor for name, tensor in tensors.items()}
    config["quantization_config"] = one.quantization
    (directory / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file({name: t.contiguous() for name, t in tensors.items()}, directory / "model.safetensors")
    return outputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=CHECKPOINTS)
    parser.add_argument("--only", help="make this checkpoint alone")
    arguments = parser.parse_args()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)  # one order of summation
    for one in FORMATS:
        if arguments.only in (None, one.name):
            make(one.name, arguments.output / one.name, lambda d, seed, one=one: make_checkpoint(one, d, seed))


if __name__ == "__main__":
    main()
