"""Turns a llama-like checkpoint into a ladder (arXiv 2501.06589) in its last layers, or into parallel blocks, and repairs it by what it was before.

    python notebooks/convert_ladder.py --model DIR --layers K --output OUT [--steps 1000]
    python notebooks/convert_ladder.py --model DIR --parallel-block --output OUT [--steps 1000]
    python notebooks/convert_ladder.py --model DIR --write --output OUT [--seed 1]         then, with any of the above, --written OUT/written.npy ..

A ladder's weights keep names and shapes; `config.json` gains `ladder_layers`. A parallel block, `x = N1(h); h += Attn(x) + Mlp(x)`, has one
norm: the MLP's becomes that of attention, `W diag(w2 / w1)` of gate and up making up for it, and `config.json` gains `parallel_block`.
Modules then read the stream without their predecessor's output, which the weights were not trained for, so the model is distilled (section 4 of the paper): the teacher is
the model as it was, the text is what the teacher itself samples, the loss is KL(teacher || student) of every next token. Sequences
go on from the lines of `--prompts`, or from one random token each; no end token ends them. `--write` writes such sequences for several conversions, and
several seeds may be written side by side. One sequence in eight is held out. On those, and on the file `--text`, the tool measures the loss, the share of equal most
likely tokens and the perplexity, before and after. On a GPU all is bf16 by autocast, the teacher writes in bf16, and what layers have in common is compiled.

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

import numpy as np
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
    seconds: float = 0.0  # where not 0, as many steps as they take
    sequences: int = 4096  # that the teacher writes
    context: int = 512  # tokens of each
    batch: int = 16  # sequences a step
    at_once: int = 64  # sequences that the teacher writes side by side
    learning_rate: float = 3e-5
    warmup: int = 50
    seed: int = 0

    def done(self, step: int, elapsed: float) -> float:
        """Which share of the repair, from 0 to 1."""
        return elapsed / self.seconds if self.seconds else step / self.steps

    def rate(self, step: int, done: float) -> float:
        """Linear warm-up, then a cosine to a tenth."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        if not self.seconds:
            done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.55 + 0.45 * math.cos(math.pi * min(1.0, done)))


def as_ladder(model: nn.Module, layers: int) -> nn.Module:
    """A copy whose last `layers` layers are ladder layers. It is for whole sequences: it keeps no cache."""
    ladder = copy.deepcopy(model)
    decoder = ladder.model.layers
    if not 0 <= layers <= len(decoder):
        raise SystemExit(f"bad number of ladder layers: {layers} (the model has {len(decoder)}; correct it)")
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


def compile_parts(model: nn.Module) -> None:
    """Compiles what layers have in common, once for all of them."""
    for layer in model.model.layers:
        for part in (layer.self_attn, *(child for name, child in layer.named_children() if name != "self_attn")):
            part.forward = torch.compile(part.forward, dynamic=False)


def logits_of(model: nn.Module, ids: Tensor) -> Tensor:
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=ids.device.type == "cuda"):
        return model(ids, use_cache=False).logits


def divergence(expected: Tensor, actual: Tensor) -> Tensor:
    """KL(expected || actual) in nats a token."""
    expected, actual = expected.float().log_softmax(-1), actual.float().log_softmax(-1)
    return F.kl_div(actual, expected, log_target=True, reduction="none").sum(-1).mean()


@torch.no_grad()
def measured(teacher: nn.Module, student: nn.Module, text: Tensor, batch: int) -> dict[str, float]:
    """On `text` [sequences, tokens]: KL(teacher || student), the share of places with the same most likely token, both perplexities."""
    sums = torch.zeros(4, dtype=torch.double)
    for ids in text.split(batch):
        expected, actual = logits_of(teacher, ids), logits_of(student, ids)
        same = (expected.argmax(-1) == actual.argmax(-1)).float().mean()
        surprises = [F.cross_entropy(x[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten()) for x in (expected, actual)]
        sums += len(ids) * torch.stack([divergence(expected, actual), same, *surprises]).double().cpu()
    loss, same, theirs, ours = (sums / len(text)).tolist()
    return dict(loss=loss, top_1_agreement=same, perplexity=math.exp(ours), perplexity_of_teacher=math.exp(theirs))


@torch.no_grad()
def written_by(teacher: nn.Module, starts: list[Tensor], repair: Repair) -> Tensor:
    """Sequences that the teacher samples, [sequences, context]: each goes on from one of `starts`, whose ids come first."""
    device = next(teacher.parameters()).device
    writer = copy.deepcopy(teacher).bfloat16() if device.type == "cuda" else teacher
    torch.manual_seed(repair.seed)
    rows = []
    for number in range(repair.sequences):
        start = starts[number % len(starts)] if starts else torch.randint(teacher.config.vocab_size, (1,))
        rows.append(start[: repair.context // 2])
    text = torch.empty(repair.sequences, repair.context, dtype=torch.long)
    for length in sorted({len(row) for row in rows}):  # rows of one length need no padding
        these = [number for number, row in enumerate(rows) if len(row) == length]
        for part in torch.tensor(these).split(repair.at_once):
            ids, cache = torch.stack([rows[number] for number in part]).to(device), None
            text[part, :length], read = ids.cpu(), ids
            new = []
            while length + len(new) < repair.context:
                output = writer(read, past_key_values=cache, use_cache=True, logits_to_keep=1)
                cache, read = output.past_key_values, output.logits[:, -1].float().softmax(-1).multinomial(1)
                new.append(read)
            text[part, length:] = torch.cat(new, dim=1).cpu()
    return text


def distil(
    teacher: nn.Module, student: nn.Module, text: Tensor, repair: Repair, others: dict[str, Tensor] | None = None
) -> dict:
    """Trains the student in place; returns what the held-out sequences, and texts of `others`, say before and after."""
    device = next(teacher.parameters()).device
    train = text[torch.arange(len(text)) % HELD_OUT != 0].to(device)
    tests = {name: ids.to(device) for name, ids in (dict(held_out=text[::HELD_OUT]) | (others or {})).items()}
    loss_of = divergence
    if device.type == "cuda":
        loss_of = torch.compile(divergence, dynamic=False)
        for model in (teacher, student):
            compile_parts(model)

    def figures_now() -> dict:
        return {name: measured(teacher, student, ids, repair.batch) for name, ids in tests.items()}

    figures = dict(before=figures_now())
    matrices = [weight for weight in student.parameters() if weight.dim() > 1]
    vectors = [weight for weight in student.parameters() if weight.dim() == 1]
    groups = [dict(params=matrices, weight_decay=0.01), dict(params=vectors, weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=repair.learning_rate, betas=(0.9, 0.95), fused=device.type == "cuda")
    generator, start = torch.Generator().manual_seed(repair.seed), time.monotonic()
    student.train()
    step = 0
    while (done := repair.done(step, time.monotonic() - start)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = repair.rate(step, done)
        chosen = torch.randint(len(train), (repair.batch,), generator=generator)
        ids = train[chosen.to(device)]
        with torch.no_grad():
            expected = logits_of(teacher, ids)
        loss = loss_of(expected, logits_of(student, ids))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 50 == 0 or step == 1:
            print(f"step {step} loss {loss.item():.4f} {time.monotonic() - start:.0f} s", flush=True)
    student.eval()
    taken = round(time.monotonic() - start, 1)
    return figures | dict(after=figures_now(), repair_steps=step, repair_seconds=taken)


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


def dense(model: Path, device: str) -> nn.Module:
    config = json.loads((model / "config.json").read_text())
    family = config["model_type"]
    if family not in FAMILIES:
        raise SystemExit(f"cannot be converted: {family} (one of {', '.join(FAMILIES)}; choose such a model)")
    for key in ("ladder_layers", "parallel_block"):  # transformers would run it as a dense model
        if config.get(key):
            raise SystemExit(f"cannot be converted: {model} has {key} {config[key]} (a dense model can; choose that)")
    return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).to(device).eval().requires_grad_(False)


def convert(
    model: Path,
    layers: int | None,
    output: Path,
    repair: Repair,
    starts: list[Tensor],
    device: str,
    text: Tensor | None = None,
    others: dict[str, Tensor] | None = None,
) -> dict:
    """A ladder in the last `layers`, or, where that is None, parallel blocks; `text` where the teacher has written it already."""
    teacher = dense(model, device)
    student = (as_parallel_block(teacher) if layers is None else as_ladder(teacher, layers)).requires_grad_(True)
    text = written_by(teacher, starts, repair) if text is None else text
    figures = distil(teacher, student, text, repair, others)
    save(student, model, dict(parallel_block=True) if layers is None else dict(ladder_layers=layers), output)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    wiring = parser.add_mutually_exclusive_group(required=True)
    wiring.add_argument("--layers", type=int, help="the last so many become ladder layers")
    wiring.add_argument("--parallel-block", action="store_true", help="all become parallel blocks")
    wiring.add_argument("--write", action="store_true", help="only write sequences: OUTPUT/written.npy")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--prompts", type=Path, help="a text whose lines the teacher goes on from")
    parser.add_argument("--written", type=Path, nargs="+", help="sequences that the teacher has written")
    parser.add_argument("--text", type=Path, help="a text to measure both models on, too")
    for name, value in vars(Repair()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    arguments = parser.parse_args()
    repair = Repair(**{name: getattr(arguments, name) for name in vars(Repair())})
    if not (arguments.model / "config.json").is_file():
        raise SystemExit(f"no model in --model: {arguments.model} (a folder with config.json; correct the path)")
    if arguments.output.resolve() == arguments.model.resolve():
        raise SystemExit(
            f"--output is --model: {arguments.output} (the model would be overwritten; choose another folder)"
        )
    starts, others, text = [], {}, None
    if arguments.prompts or arguments.text:
        tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    if arguments.prompts:
        lines = [line for line in arguments.prompts.read_text().splitlines() if line.strip()]
        starts = [tokenizer(line, return_tensors="pt").input_ids[0] for line in lines]
    if arguments.text:
        ids = tokenizer(arguments.text.read_text(), return_tensors="pt").input_ids[0]
        others["text"] = ids[: len(ids) // repair.context * repair.context].view(-1, repair.context)
    if arguments.written:
        text = torch.from_numpy(np.concatenate([np.load(file) for file in arguments.written])).long()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    start = time.monotonic()
    if arguments.write:
        text = written_by(dense(arguments.model, device), starts, repair)
        arguments.output.mkdir(parents=True, exist_ok=True)
        np.save(arguments.output / "written.npy", text.numpy().astype(np.int32))
        print(json.dumps(dict(tokens=text.numel(), seconds=round(time.monotonic() - start, 1))))
        return
    figures = convert(arguments.model, arguments.layers, arguments.output, repair, starts, device, text, others)
    figures |= dict(
        layers=arguments.layers,
        parallel_block=arguments.parallel_block,
        all_seconds=round(time.monotonic() - start, 1),
        device=torch.cuda.get_device_name() if device == "cuda" else device,
        torch=torch.__version__,
        **vars(repair),
    )
    figures["steps"] = figures.pop("repair_steps")
    if text is not None:
        figures["sequences"] = len(text)
    (arguments.output / "conversion.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
