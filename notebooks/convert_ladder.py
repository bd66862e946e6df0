"""Turns a llama-like checkpoint into a ladder (arXiv 2501.06589) in its last layers, or into parallel blocks, and repairs it by what it was before.

    python notebooks/convert_ladder.py --model DIR --layers K --output OUT [--steps 1000]
    python notebooks/convert_ladder.py --model DIR --parallel-block --output OUT [--steps 1000]

A ladder's weights keep names and shapes; `config.json` gains `ladder_layers`. A parallel block, `x = N1(h); h += Attn(x) + Mlp(x)`, has one
norm: the MLP's becomes that of attention, `W diag(w2 / w1)` of gate and up making up for it, and `config.json` gains `parallel_block`.
Modules then read the stream without their predecessor's output, which the weights were not trained for, so the model is distilled (section 4 of the paper): the teacher is
the model as it was, the text is what the teacher itself samples, the loss is KL(teacher || student) of every next token. Sequences
go on from the lines of `--prompts`, or from one random token each. One sequence in eight is held out; the tool prints the
loss and the share of equal most likely tokens on those, before and after.

Families: those for which the engine knows `ladder_layers` and `parallel_block` (llama, mistral, ministral3, qwen2, qwen3, smollm3).
"""

import argparse
import copy
import json
import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

FAMILIES = ("llama", "mistral", "ministral3", "qwen2", "qwen3", "smollm3")
LEAST_NORM = 1e-3  # of a norm's weight that others are divided by
HELD_OUT = 8  # of so many sequences one is not trained on
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "chat_template.jinja",
)  # fmt: skip


@dataclass(frozen=True)
class Repair:
    """How long, on what, and how fast."""

    steps: int = 1000
    sequences: int = 4096  # that the teacher writes
    context: int = 512  # tokens of each
    batch: int = 16  # sequences a step
    learning_rate: float = 3e-5
    warmup: int = 50
    seed: int = 0

    def rate(self, step: int) -> float:
        """Linear warm-up, then a cosine to a tenth."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.55 + 0.45 * math.cos(math.pi * min(1.0, done)))


def as_ladder(model: nn.Module, layers: int) -> nn.Module:
    """A copy whose last `layers` layers are ladder layers. It is for whole sequences: it keeps no cache."""
    ladder = copy.deepcopy(model)
    decoder = ladder.model.layers
    if not 0 <= layers <= len(decoder):
        raise ValueError(f"layers: {layers} (0 to {len(decoder)})")
    stream = {}
    for number, layer in enumerate(decoder):
        layer.forward = _forward(layer, number, number >= len(decoder) - layers, stream)
    return ladder


def _forward(layer: nn.Module, number: int, is_ladder: bool, stream: dict):
    """`h` is the stream after the MLP of the layer before; `stream` holds what it was before that MLP."""

    def forward(hidden_states: Tensor, **context) -> Tensor:
        h = hidden_states
        before = h if number == 0 or not is_ladder else stream["after attention"]
        attended = layer.self_attn(hidden_states=layer.input_layernorm(before), **context)[0]
        a = h + attended
        stream["after attention"] = a
        return a + layer.mlp(layer.post_attention_layernorm(h if is_ladder else a))

    return forward


@torch.no_grad()
def as_parallel_block(model: nn.Module) -> nn.Module:
    """A copy whose layers are parallel blocks, of which each MLP still reads the stream as normed for it. It keeps no cache."""
    block = copy.deepcopy(model)
    for layer in block.model.layers:
        first, second = layer.input_layernorm.weight, layer.post_attention_layernorm.weight
        first.copy_(torch.where(first.abs() < LEAST_NORM, LEAST_NORM, first))
        for name in ("gate_proj", "up_proj"):
            getattr(layer.mlp, name).weight.mul_(second / first)
        del layer.post_attention_layernorm
        layer.forward = _side_by_side(layer)
    return block


def _side_by_side(layer: nn.Module):
    def forward(hidden_states: Tensor, **context) -> Tensor:
        x = layer.input_layernorm(hidden_states)
        return hidden_states + layer.self_attn(hidden_states=x, **context)[0] + layer.mlp(x)

    return forward


def logits_of(model: nn.Module, ids: Tensor) -> Tensor:
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=ids.device.type == "cuda"):
        return model(ids, use_cache=False).logits.float()


def loss_of(teacher: nn.Module, student: nn.Module, ids: Tensor) -> tuple[Tensor, float]:
    """KL(teacher || student) in nats a token, and the share of places with the same most likely token."""
    with torch.no_grad():
        expected = logits_of(teacher, ids)
    actual = logits_of(student, ids)
    same = (expected.argmax(-1) == actual.argmax(-1)).float().mean().item()
    loss = F.kl_div(actual.log_softmax(-1), expected.log_softmax(-1), log_target=True, reduction="none").sum(-1).mean()
    return loss, same


@torch.no_grad()
def held_out(teacher: nn.Module, student: nn.Module, text: Tensor, batch: int) -> dict[str, float]:
    parts = [(len(ids), *loss_of(teacher, student, ids)) for ids in text.split(batch)]
    rows = sum(count for count, _, _ in parts)
    return dict(
        loss=sum(count * loss.item() for count, loss, _ in parts) / rows,
        top_1_agreement=sum(count * same for count, _, same in parts) / rows,
    )


@torch.no_grad()
def written_by(teacher: nn.Module, starts: list[Tensor], repair: Repair) -> Tensor:
    """Sequences that the teacher samples, [sequences, context]: each goes on from one of `starts`, whose ids come first."""
    device = next(teacher.parameters()).device
    torch.manual_seed(repair.seed)
    rows = []
    for number in range(repair.sequences):
        start = starts[number % len(starts)] if starts else torch.randint(teacher.config.vocab_size, (1,))
        rows.append(start[: repair.context // 2])
    text = torch.empty(repair.sequences, repair.context, dtype=torch.long)
    for length in sorted({len(row) for row in rows}):  # rows of one length need no padding
        these = [number for number, row in enumerate(rows) if len(row) == length]
        for part in torch.tensor(these).split(4 * repair.batch):
            ids = torch.stack([rows[number] for number in part]).to(device)
            text[part] = teacher.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                min_new_tokens=repair.context - length, max_new_tokens=repair.context - length,
                pad_token_id=teacher.config.eos_token_id or 0,
            ).cpu()  # fmt: skip
    return text


def distil(teacher: nn.Module, student: nn.Module, text: Tensor, repair: Repair) -> dict:
    """Trains the student in place; returns what the held-out sequences say before and after."""
    device = next(teacher.parameters()).device
    test, train = text[::HELD_OUT].to(device), text[torch.arange(len(text)) % HELD_OUT != 0]
    figures = dict(before=held_out(teacher, student, test, repair.batch))
    matrices = [weight for weight in student.parameters() if weight.dim() > 1]
    vectors = [weight for weight in student.parameters() if weight.dim() == 1]
    groups = [dict(params=matrices, weight_decay=0.01), dict(params=vectors, weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=repair.learning_rate, betas=(0.9, 0.95))
    generator, start = torch.Generator().manual_seed(repair.seed), time.monotonic()
    student.train()
    for step in range(repair.steps):
        for group in optimizer.param_groups:
            group["lr"] = repair.rate(step)
        chosen = torch.randint(len(train), (repair.batch,), generator=generator)
        loss, same = loss_of(teacher, student, train[chosen].to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % 50 == 0 or step == 0:
            seconds = time.monotonic() - start
            print(f"step {step + 1} loss {loss.item():.4f} top-1 {same:.3f} {seconds:.0f} s", flush=True)
    student.eval()
    return figures | dict(after=held_out(teacher, student, test, repair.batch))


def save(student: nn.Module, model: Path, wiring: dict, output: Path) -> None:
    """`config.json` with the keys of `wiring`, the weights in the type that the model had, the tokenizer's files."""
    output.mkdir(parents=True, exist_ok=True)
    config = json.loads((model / "config.json").read_text()) | wiring
    (output / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    dtype = getattr(torch, config.get("dtype") or config.get("torch_dtype") or "float32")
    tied = {"lm_head.weight"} if student.config.tie_word_embeddings else set()
    tensors = {
        name: value.detach().to("cpu", dtype).contiguous()
        for name, value in student.state_dict().items()
        if name not in tied
    }
    save_file(tensors, output / "model.safetensors", metadata=dict(format="pt"))
    for name in TOKENIZER_FILES:
        if (model / name).exists():
            shutil.copy(model / name, output / name)


def convert(model: Path, layers: int | None, output: Path, repair: Repair, starts: list[Tensor], device: str) -> dict:
    """A ladder in the last `layers`, or, where that is None, parallel blocks."""
    family = json.loads((model / "config.json").read_text())["model_type"]
    if family not in FAMILIES:
        raise SystemExit(f"cannot be converted: {family} (one of {', '.join(FAMILIES)}; choose such a model)")
    teacher = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).to(device).eval().requires_grad_(False)
    student = (as_parallel_block(teacher) if layers is None else as_ladder(teacher, layers)).requires_grad_(True)
    text = written_by(teacher, starts, repair)
    figures = distil(teacher, student, text, repair)
    save(student, model, dict(parallel_block=True) if layers is None else dict(ladder_layers=layers), output)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    wiring = parser.add_mutually_exclusive_group(required=True)
    wiring.add_argument("--layers", type=int, help="the last so many become ladder layers")
    wiring.add_argument("--parallel-block", action="store_true", help="all become parallel blocks")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, help="a text whose lines the teacher goes on from")
    for name, value in vars(Repair()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    arguments = parser.parse_args()
    repair = Repair(**{name: getattr(arguments, name) for name in vars(Repair())})
    starts = []
    if arguments.prompts:
        tokenizer = AutoTokenizer.from_pretrained(arguments.model)
        lines = [line for line in arguments.prompts.read_text().splitlines() if line.strip()]
        starts = [tokenizer(line, return_tensors="pt").input_ids[0] for line in lines]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    figures = convert(arguments.model, arguments.layers, arguments.output, repair, starts, device)
    figures |= dict(
        layers=arguments.layers,
        parallel_block=arguments.parallel_block,
        device=device,
        torch=torch.__version__,
        **vars(repair),
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
