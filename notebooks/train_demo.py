"""Trains the demo's parallel-track model and a dense one of the same size, and asks both the held-out prompts.

    python notebooks/train_demo.py --output OUT [--models track dense] [--steps 4000] [--compile]

Needs what `train_tokenizer.py` and `demo_prompts.py` wrote. Writes OUT/track and OUT/dense (config.json and
model.safetensors, bf16; figures.json). Both models see the same stream of documents, none of them twice.
The shares are those of the written weights: rounded to bf16, computed in fp32.
"""

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import torch
import torch.nn.functional as F
from check_demo import PROMPTS, fields, shares
from documents import END, batches, chunks
from tokenizers import Tokenizer
from torch import Tensor
from track_model import ModelConfig, TrackModel, load, save
from train_tokenizer import MODEL

SIZES = dict(num_hidden_layers=8, head_dim=32, max_position_embeddings=512)
SHAPES = {
    "track": SIZES | dict(hidden_size=128, intermediate_size=256, num_attention_heads=4, num_key_value_heads=2)
    | dict(num_tracks=4, track_block_depth=2),
    "dense": SIZES | dict(hidden_size=256, intermediate_size=480, num_attention_heads=8, num_key_value_heads=4),
}  # fmt: skip
MAX_ANSWER_TOKENS = 64


@dataclass(frozen=True)
class Schedule:
    steps: int
    batch_tokens: int
    learning_rate: float
    warmup_steps: int = 200
    weight_decay: float = 0.05
    seed: int = 1

    def rate(self, step: int) -> float:
        """Linear warm-up, then a cosine down to zero."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def initialize(model: TrackModel, *seeds: int) -> None:
    """N(0, 1/inputs); what adds to the residual stream is scaled down by the number of additions. A seed a copy of the model."""
    config = model.config
    parts = config.num_tracks if config.wiring in ("desync_residual", "delayed_all_reduce") else 1  # which are summed
    additions = 2 * config.num_hidden_layers * parts
    for copy, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        for name, weights in model.named_parameters():
            weight = weights.detach().unflatten(0, (len(seeds), -1))[copy]
            if "norm" in name:
                weight.fill_(1.0)
            elif "embed_tokens" in name:
                weight.normal_(0.0, 0.05, generator=generator)
            else:
                scale = additions**-0.5 if "o_proj" in name or "down_proj" in name else 1.0
                weight.normal_(0.0, scale * weight.shape[-1] ** -0.5, generator=generator)


def loss_of(logits: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of the cross-entropy of every next token."""
    each = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    weights = weights[:, 1:].flatten()
    return (each * weights).sum() / weights.sum()


def optimizer_for(
    model: TrackModel, schedule: Schedule, device: torch.device, rate: Tensor | None = None
) -> torch.optim.Optimizer:
    """`rate`: on the device, for a step that is recorded once and replayed."""
    matrices = [w for name, w in model.named_parameters() if "norm" not in name and "embed" not in name]
    others = [w for name, w in model.named_parameters() if "norm" in name or "embed" in name]
    groups = [dict(params=matrices, weight_decay=schedule.weight_decay), dict(params=others, weight_decay=0.0)]
    fused = device.type == "cuda"
    learning_rate = schedule.learning_rate if rate is None else rate
    return torch.optim.AdamW(
        groups, lr=learning_rate, betas=(0.9, 0.95), fused=fused, capturable=fused and rate is not None
    )


def train(model: TrackModel, schedule: Schedule, device: torch.device, stream, compiled: bool) -> dict:
    """Trains in place; returns the figures of the run."""
    optimizer, rng = optimizer_for(model, schedule, device), np.random.default_rng(schedule.seed)
    forward = torch.compile(model, dynamic=True) if compiled else model
    tokens, rows, step, start = 0, 0, 0, time.monotonic()
    model.train()
    while step < schedule.steps:
        for ids, weights in batches(next(stream), schedule.batch_tokens, rng):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            tokens, rows = tokens + int((weights > 0).sum()), rows + len(ids)
            ids, weights = torch.from_numpy(ids).to(device), torch.from_numpy(weights).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                logits = forward(ids)
            loss = loss_of(logits, ids, weights)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            if step % 100 == 0 or step in (1, 10, schedule.steps):
                seconds = time.monotonic() - start
                print(f"step {step} loss {loss.item():.4f} tokens {tokens} {tokens / seconds:.0f}/s", flush=True)
            if step == schedule.steps:
                break
    return dict(
        parameters=model.parameter_count(), steps=step, documents=rows, tokens=tokens, final_loss=round(loss.item(), 5),
        train_seconds=round(time.monotonic() - start, 1),
    )  # fmt: skip


@torch.no_grad()
def greedy_answers(model: TrackModel, tokenizer: Tokenizer, prompts: list[str], device: torch.device) -> list[str]:
    """The greedy continuation of every prompt up to the end token; the whole prefix is computed anew for each token."""
    encoded = [tokenizer.encode(prompt).ids for prompt in prompts]
    lengths = torch.tensor([len(ids) for ids in encoded], device=device)
    ids = torch.zeros(len(prompts), int(lengths.max()) + MAX_ANSWER_TOKENS, dtype=torch.long, device=device)
    for row, prompt in enumerate(encoded):
        ids[row, : len(prompt)] = torch.tensor(prompt)
    rows, end = torch.arange(len(prompts), device=device), tokenizer.token_to_id(END)
    running = torch.ones(len(prompts), dtype=torch.bool, device=device)
    for number in range(MAX_ANSWER_TOKENS):
        chosen = model(ids[:, : int(lengths.max()) + number])[rows, lengths - 1 + number].argmax(-1)
        ids[rows, lengths + number] = torch.where(running, chosen, end)
        running &= chosen != end
        if not running.any():
            break
    texts = []
    for row, prompt in zip(ids.tolist(), encoded):
        answer = row[len(prompt) : len(prompt) + MAX_ANSWER_TOKENS]
        texts.append(tokenizer.decode(answer[: answer.index(end)] if end in answer else answer))
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch-tokens", type=int, default=32768)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=8, help="that make documents")
    parser.add_argument("--prompts", type=int, default=500, help="held-out prompts to ask")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    schedule = Schedule(arguments.steps, arguments.batch_tokens, arguments.learning_rate, seed=arguments.seed)
    table = parquet.read_table(PROMPTS).to_pydict()
    avoid = {prompt_text(p): fields(e)["summary"] for p, e in zip(table["prompt"], table["expected"])}
    prompts, expected = table["prompt"][: arguments.prompts], table["expected"][: arguments.prompts]
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    end = tokenizer.token_to_id(END)
    setting = asdict(schedule) | dict(torch=torch.__version__, device=device_name(device))
    for name in arguments.models:
        model = TrackModel(ModelConfig(vocab_size=tokenizer.get_vocab_size(), **SHAPES[name]))
        initialize(model, schedule.seed)
        model.to(device)
        stream = chunks(schedule.seed, MODEL / "tokenizer.json", avoid, arguments.processes)
        run = train(model, schedule, device, stream, arguments.compile)
        stream.close()
        directory = arguments.output / name
        save(model, directory, torch.bfloat16, dict(bos_token_id=end, eos_token_id=end, pad_token_id=end))
        start = time.monotonic()
        run |= shares(expected, greedy_answers(load(directory).to(device), tokenizer, prompts, device))
        run |= dict(answer_seconds=round(time.monotonic() - start, 1))
        print(json.dumps({name: run}), flush=True)
        (directory / "figures.json").write_text(json.dumps(setting | run, indent=2) + "\n")


def prompt_text(prompt: str) -> str:
    """The ticket's text within a raw prompt."""
    return prompt.removeprefix("Ticket: ").removesuffix("\nAnswer:")


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


if __name__ == "__main__":
    main()
