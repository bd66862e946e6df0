"""Trains every architecture alike, at equal size, on the same rows in the same steps, and asks each the held-out documents.

    python notebooks/train_architectures.py --output OUT --size small --seeds 1 2 3 [--models dense ladder ..] [--steps 2000]
    python notebooks/train_architectures.py --output OUT .. --models track-d2 --from-dense [--start split] [--distil]

Seeds are copies in one model (`track_model.py`), so three cost little more than one: a seed sets the initial weights and the order of
the rows. On a GPU the model is compiled, bf16 by autocast, and a step is one CUDA graph. What OUT already has is not trained again; a training
that was stopped goes on from its last saved state with the same rows, if `--save-every` asked for states.

`--from-dense` trains tracks from what is in OUT/SIZE-dense for as much compute as from random weights: they start as parts of it
(`--start split`, `tracks_from_dense.py`), or learn what it thinks (`--distil`: KL(dense || tracks) of every next token, whose forward pass costs
a quarter of the steps), or both.

Writes OUT/rows-N.npz (as many as the steps take: the order of rows follows from their number), OUT/architectures.json (all records), and for every
model OUT/SIZE-MODEL/: figures.json and, a folder a seed, the checkpoint (config.json, model.safetensors, the tokenizer). Figures are those of the written weights, rounded to bf16 and computed in fp32. An answer counts as exact if
each of its tokens is the most likely one after the right ones before it: then greedy decoding writes just this answer.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from corpus import CONTEXT, WEIGHTS, HeldOut, Rows, held_out, load_rows, make_rows, save_rows
from documents import END
from tokenizers import Tokenizer
from torch import Tensor
from track_model import ModelConfig, TrackModel, load, save
from tracks_from_dense import split
from train_demo import Schedule, device_name, initialize, optimizer_for
from train_tokenizer import MODEL

VOCABULARY = 1536
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
EAGER_STEPS = 3  # before a step is recorded
EQUAL = 0.01  # the share by which numbers of parameters may differ


@dataclass(frozen=True)
class Size:
    """A dense model, how many tracks its relatives have, and what a track of a narrower model is."""

    dense: ModelConfig
    tracks: int
    track: dict  # sizes of one
    ffn_multiple: int
    steps: int
    rows: int  # a step
    learning_rate: float


def _dense(layers: int, hidden: int, heads: int, kv_heads: int, head_dim: int, ffn: int) -> ModelConfig:
    return ModelConfig(VOCABULARY, hidden, ffn, layers, heads, kv_heads, head_dim, max_position_embeddings=CONTEXT)


def _track(hidden: int, heads: int, kv_heads: int, head_dim: int) -> dict:
    return dict(hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kv_heads, head_dim=head_dim)


SIZES = {
    "tiny": Size(_dense(8, 32, 4, 4, 8, 128), 4, _track(16, 2, 2, 8), 1, steps=20, rows=4, learning_rate=2e-3),
    "small": Size(_dense(8, 256, 8, 4, 32, 480), 4, _track(128, 4, 2, 32), 8, steps=2000, rows=16, learning_rate=2e-3),
    "large": Size(
        _dense(16, 512, 8, 8, 64, 1728), 8, _track(192, 3, 3, 64), 8, steps=1500, rows=16, learning_rate=1e-3
    ),
}
MODELS = (
    "dense", "parallel-block", "ladder", "track-d1", "track-d2", "track-d4", "track-d8", "kraken", "desync-4", "delayed-2",
)  # fmt: skip


def config_of(size: Size, model: str) -> ModelConfig:
    """Of as many parameters as the dense one: a narrower track's FFN is as wide as that takes."""
    dense, n = size.dense, size.tracks
    kind, _, number = model.partition("-")
    if model == "dense":
        return dense
    if model == "parallel-block":
        return replace(dense, wiring="parallel_block")
    if model == "ladder":
        return replace(dense, wiring="ladder", ladder_layers=dense.num_hidden_layers)
    if kind in ("desync", "delayed"):
        parts = {
            name: getattr(dense, name) // n
            for name in ("intermediate_size", "num_attention_heads", "num_key_value_heads")
        }
        own = dict(wiring="desync_residual", reduce_every=int(number))
        own = own if kind == "desync" else dict(wiring="delayed_all_reduce", broadcast_delay=int(number))
        return replace(dense, num_tracks=n, **parts, **own)
    own = (
        dict(wiring="kraken") if kind == "kraken" else dict(wiring="parallel_track", track_block_depth=int(number[1:]))
    )
    narrow = replace(dense, num_tracks=n, intermediate_size=0, **size.track, **own)
    unit = n * narrow.num_hidden_layers * 3 * narrow.hidden_size * size.ffn_multiple
    units = round((parameters(dense) - parameters(narrow)) / unit)
    return replace(narrow, intermediate_size=units * size.ffn_multiple)


def parameters(config: ModelConfig) -> int:
    with torch.device("meta"):
        return TrackModel(config).parameter_count()


def check_equal(size: Size, models: list[str], within: float = EQUAL) -> None:
    wanted = parameters(size.dense)
    for model in models:
        found = parameters(config_of(size, model))
        assert abs(found - wanted) <= within * wanted, (
            f"{model}: {found} parameters, dense: {wanted} (within {within:.0%})"
        )


def synchronisations(config: ModelConfig) -> dict[str, int]:
    """Sums over all ranks in one forward pass: those that are waited for, and those that travel while others compute."""
    layers = config.num_hidden_layers
    if config.wiring == "dense":
        return dict(waited_for=2 * layers, overlapped=0)
    if config.wiring == "parallel_block":
        return dict(waited_for=layers, overlapped=0)
    if config.wiring == "ladder":
        return dict(waited_for=2 * (layers - config.ladder_layers), overlapped=2 * config.ladder_layers)
    if config.wiring == "parallel_track":
        return dict(waited_for=layers // config.track_block_depth, overlapped=0)
    if config.wiring == "kraken":
        return dict(waited_for=1, overlapped=layers - 1)
    if config.wiring == "desync_residual":
        return dict(waited_for=-(-2 * layers // config.reduce_every), overlapped=0)
    return dict(waited_for=1, overlapped=2 * (layers - config.broadcast_delay))


def losses_of(logits: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of the cross-entropy of every next token, [copies]."""
    each = F.cross_entropy(logits[:, :, :-1].float().flatten(0, 2), ids[:, :, 1:].flatten(), reduction="none")
    weights = weights[:, :, 1:].flatten(1)
    return (each.view_as(weights) * weights).sum(1) / weights.sum(1)


def divergences_of(logits: Tensor, expected: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of KL(expected || logits) of every next token, [copies]."""
    ours, theirs = (x[:, :, :-1].float().log_softmax(-1) for x in (logits, expected))
    each = (theirs.exp() * (theirs - ours)).sum(-1).flatten(1)
    weights = weights[:, :, 1:].flatten(1)
    return (each * weights).sum(1) / weights.sum(1)


@torch.no_grad()
def clip(model: TrackModel, most: float = 1.0) -> None:
    """Scales the gradient of each copy down to a norm of `most`."""
    for copy in range(model.copies):
        gradients = [weight.grad.unflatten(0, (model.copies, -1))[copy] for weight in model.parameters()]
        norm = torch.stack(torch._foreach_norm(gradients)).norm()
        torch._foreach_mul_(gradients, (most / (norm + 1e-6)).clamp(max=1.0))


def compile_layers(model: TrackModel | None) -> None:
    """Compiles what all layers have in common, once for all of them: in a tenth of the time that the whole model takes."""
    for layer in model.layers if model else []:
        for name in ("attention", "feed_forward", "side_by_side"):
            setattr(layer, name, torch.compile(getattr(layer, name), dynamic=False))


class Training:
    """Copies of one architecture, one a seed, and how far they are."""

    def __init__(
        self, config: ModelConfig, schedule: Schedule, batch: int, seeds: list[int], rows: Rows, device: torch.device
    ):
        self.schedule, self.batch, self.seeds, self.device = schedule, batch, seeds, device
        self.model = TrackModel(config, len(seeds))
        initialize(self.model, *seeds)
        self.model.to(device)
        self.rate = torch.zeros((), device=device)
        self.optimizer = optimizer_for(self.model, schedule, device, self.rate if device.type == "cuda" else None)
        self.keep_rate()
        self.ids, self.codes = torch.from_numpy(rows.ids).to(device), torch.from_numpy(rows.codes).to(device)
        self.weights = torch.tensor(WEIGHTS, device=device)
        self.chosen = torch.zeros(len(seeds), batch, dtype=torch.long, device=device)
        self.losses = torch.zeros(len(seeds), device=device)
        assert schedule.steps * batch <= len(rows.ids), (
            f"rows: {len(rows.ids)} (no row is trained twice; at least {schedule.steps * batch})"
        )
        orders = np.stack([np.random.default_rng(seed).permutation(len(rows.ids)) for seed in seeds])
        self.orders = torch.from_numpy(orders).to(device)  # [copies, rows]
        self.done, self.curve, self.seconds = 0, {}, 0.0
        self.teacher: TrackModel | None = None

    def compute(self) -> None:
        """One step on the rows `chosen` at the learning rate `rate`: every pointer stays the same."""
        self.optimizer.zero_grad(set_to_none=True)
        ids, weights = self.ids[self.chosen].long(), self.weights[self.codes[self.chosen].long()]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self.forward(ids)
            with torch.no_grad():
                expected = self.teacher(ids) if self.teacher else None
        losses = self.losses_of(logits, ids if expected is None else expected, weights)
        losses.sum().backward()
        clip(self.model)
        self.optimizer.step()
        self.losses.copy_(losses.detach())

    def run(self, compiled: str, saved: Path | None = None, save_every: int = 0) -> None:
        self.forward = torch.compile(self.model, dynamic=False) if compiled == "whole" else self.model
        self.losses_of = losses_of if self.teacher is None else divergences_of
        if compiled != "no":
            torch._dynamo.reset()  # it keeps but a few versions of one function
            self.losses_of = torch.compile(self.losses_of, dynamic=False)
        for model in [self.model, self.teacher] if compiled == "layers" else []:
            compile_layers(model)
        first, step, start = self.done, self.compute, time.monotonic()
        while self.done < self.schedule.steps:
            self.choose()
            if self.device.type == "cuda" and self.done - first == EAGER_STEPS:
                torch.cuda.synchronize()
                print(f"{self.model.config.wiring}: compiled in {time.monotonic() - start:.1f} s", flush=True)
                step, start = recorded(self.compute), time.monotonic()
            elif self.device.type == "cuda" and self.done - first < EAGER_STEPS:
                step = beside(self.compute)
            step()
            self.done += 1
            if self.done % 100 == 0 or self.done == self.schedule.steps:
                self.curve[self.done] = [round(loss, 4) for loss in self.losses.tolist()]
                print(f"{self.model.config.wiring} step {self.done} losses {self.curve[self.done]}", flush=True)
            if save_every and self.done % save_every == 0:
                self.save(saved, self.seconds + time.monotonic() - start)
        self.seconds += time.monotonic() - start

    def choose(self) -> None:
        place = slice(self.done * self.batch, (self.done + 1) * self.batch)
        self.chosen.copy_(self.orders[:, place])
        rate = self.schedule.rate(self.done)
        self.rate.fill_(rate)
        if self.device.type != "cuda":
            for group in self.optimizer.param_groups:
                group["lr"] = rate

    def keep_rate(self) -> None:
        """On a GPU the optimizer reads its learning rate where `choose` writes it."""
        for group in self.optimizer.param_groups if self.device.type == "cuda" else []:
            group["lr"] = self.rate

    def save(self, file: Path, seconds: float) -> None:
        unfinished = file.with_suffix(".part")
        state = dict(
            model=self.model.state_dict(), optimizer=self.optimizer.state_dict(), done=self.done, curve=self.curve
        )
        torch.save(state | dict(seconds=seconds, setting=self.setting()), unfinished)
        unfinished.rename(file)

    def resume(self, file: Path) -> None:
        state = torch.load(file, map_location=self.device)
        if state["setting"] != self.setting():
            raise SystemExit(f"another training's state: {file} (remove it, or give its settings)")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.keep_rate()
        self.done, self.curve, self.seconds = state["done"], state["curve"], state["seconds"]

    def setting(self) -> dict:
        return asdict(self.schedule) | asdict(self.model.config) | dict(seeds=self.seeds, batch=self.batch)


def beside(compute: Callable[[], None]) -> Callable[[], None]:
    """On a stream of its own, as what will be recorded must have run before."""

    def run() -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            compute()
        torch.cuda.current_stream().wait_stream(stream)

    return run


def recorded(compute: Callable[[], None]) -> Callable[[], None]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        compute()
    return graph.replay


@torch.no_grad()
def score(model: TrackModel, asked: HeldOut, device: torch.device, batch: int = 64) -> dict:
    """Means over held-out documents: nats a token, over all tokens and over answers; shares of exact answers, by kind."""
    losses, wrong = np.zeros(asked.ids.shape), np.zeros(asked.ids.shape, bool)
    by_length = np.argsort(asked.lengths, kind="stable")
    for start in range(0, len(by_length), batch):
        rows = by_length[start : start + batch]
        longest = asked.lengths[rows[-1]]
        ids = torch.from_numpy(asked.ids[rows, :longest]).to(device)
        logits = model(ids)[:, :-1]
        each = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(ids), -1)
        losses[rows, 1:longest] = each.cpu().numpy()
        wrong[rows, 1:longest] = (logits.argmax(-1) != ids[:, 1:]).cpu().numpy()
    places = np.arange(asked.ids.shape[1])
    counted = (places > 0) & (places < asked.lengths[:, None])
    exact, answers = {kind: [] for kind in dict.fromkeys(asked.kinds)}, []
    for (row, begin, end), kind in zip(asked.spans, asked.kinds):
        exact[kind].append(not wrong[row, begin:end].any())
        answers.append(losses[row, begin:end])
    shares = {kind: float(np.mean(right)) for kind, right in exact.items()}
    sums = [share for kind, share in shares.items() if kind not in ("ticket", "recall")]
    figures = dict(loss=float(losses[counted].mean()), answer_loss=float(np.concatenate(answers).mean()))
    return {name: round(value, 5) for name, value in (figures | shares | dict(arithmetic=float(np.mean(sums)))).items()}


def export(training: Training, directory: Path) -> list[Path]:
    """A checkpoint a seed."""
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    end, folders = tokenizer.token_to_id(END), []
    for copy, seed in enumerate(training.seeds):
        folders.append(directory / f"seed-{seed}")
        save(
            training.model,
            folders[-1],
            torch.bfloat16,
            dict(bos_token_id=end, eos_token_id=end, pad_token_id=end),
            copy,
        )
        for name in TOKENIZER_FILES:
            shutil.copy(MODEL / name, folders[-1] / name)
    return folders


def dense_of(directory: Path, seeds: list[int], device: torch.device) -> TrackModel:
    """The trained dense models, a copy a seed."""
    models = [load(directory / f"seed-{seed}") for seed in seeds]
    dense = TrackModel(models[0].config, len(seeds))
    states = [model.state_dict() for model in models]
    dense.load_state_dict({name: torch.cat([state[name] for state in states]) for name in states[0]})
    return dense.to(device).eval().requires_grad_(False)


def train(name: str, arguments: argparse.Namespace, rows: Rows, asked: HeldOut, device: torch.device) -> None:
    size, config = SIZES[arguments.size], config_of(SIZES[arguments.size], name)
    steps, way = arguments.steps or size.steps, ""
    if arguments.from_dense:
        way = "-from-dense" + ("-split" if arguments.start == "split" else "") + ("-distil" if arguments.distil else "")
        steps = steps * 3 // 4 if arguments.distil else steps
    directory = arguments.output / f"{arguments.size}-{name}{way}"
    rate = arguments.learning_rate or size.learning_rate
    if (directory / "figures.json").exists():
        before = json.loads((directory / "figures.json").read_text())
        for what, wanted in dict(steps=steps, learning_rate=rate, seeds=[str(s) for s in arguments.seeds]).items():
            found = list(before[what]) if what == "seeds" else before[what]
            if found != wanted:
                raise SystemExit(f"{directory} has other {what}: {found} (asked for {wanted}; give another --output)")
        print(f"{directory}: trained already")
        return
    directory.mkdir(parents=True, exist_ok=True)
    schedule = Schedule(steps, size.rows * CONTEXT, rate, warmup_steps=min(100, steps // 5))
    training = Training(config, schedule, size.rows, arguments.seeds, rows, device)
    if arguments.from_dense:
        dense = dense_of(arguments.output / f"{arguments.size}-dense", arguments.seeds, device)
        if arguments.start == "split":
            split(dense, training.model, training.ids[training.orders[:, -16:]].long())
        training.teacher = dense if arguments.distil else None
    state = directory / "state.pt"
    if state.exists():
        training.resume(state)
    training.run(arguments.compile if device.type == "cuda" else "no", state, arguments.save_every)
    start = time.monotonic()
    figures = [score(load(folder).to(device), asked, device) for folder in export(training, directory)]
    record = dict(
        model=name + way, size=arguments.size, parameters=training.model.parameter_count(), **synchronisations(config),
        steps=steps, tokens=steps * size.rows * CONTEXT, seeds=dict(zip(arguments.seeds, figures)),
        train_seconds=round(training.seconds, 1), score_seconds=round(time.monotonic() - start, 1),
        learning_rate=schedule.learning_rate, curve=training.curve, torch=torch.__version__, device=device_name(device),
    )  # fmt: skip
    (directory / "figures.json").write_text(json.dumps(record, indent=1) + "\n")
    state.unlink(missing_ok=True)
    print(json.dumps({key: value for key, value in record.items() if key != "curve"}), flush=True)


def gather(output: Path) -> None:
    """All records of OUT in one file, for `architectures.ipynb`."""
    records = [json.loads(file.read_text()) for file in output.glob("*/figures.json")]
    order = {model: number for number, model in enumerate(MODELS)}
    records.sort(
        key=lambda r: (list(SIZES).index(r["size"]), order[r["model"].partition("-from-dense")[0]], r["model"])
    )
    (output / "architectures.json").write_text(json.dumps(records) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--models", nargs="*", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--steps", type=int, help="of the size, where not given")
    parser.add_argument("--learning-rate", type=float, help="of the size, where not given")
    parser.add_argument("--from-dense", action="store_true", help="tracks from OUT/SIZE-dense")
    parser.add_argument("--start", choices=("random", "split"), default="random")
    parser.add_argument("--distil", action="store_true")
    parser.add_argument("--asked", type=int, help="held-out documents to ask, spread over all; for a trial")
    parser.add_argument("--processes", type=int, default=8, help="that make rows")
    parser.add_argument("--save-every", type=int, default=0, help="steps after which the state is saved")
    parser.add_argument("--compile", choices=("layers", "whole", "no"), default="layers", help="on a GPU")
    arguments = parser.parse_args()
    if not arguments.from_dense and (arguments.distil or arguments.start == "split"):
        parser.error("--start split and --distil begin from a dense model; add --from-dense")
    if len(set(arguments.seeds)) < len(arguments.seeds):
        parser.error(f"--seeds has one twice: {arguments.seeds}")
    size = SIZES[arguments.size]
    check_equal(size, list(MODELS))
    needed = (arguments.steps or size.steps) * size.rows
    file = arguments.output / f"rows-{needed}.npz"
    if not file.exists():
        save_rows(make_rows(needed, arguments.processes), file)
    rows, asked = load_rows(file), held_out(arguments.asked)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for name in arguments.models:
        train(name, arguments, rows, asked, device)
    gather(arguments.output)


if __name__ == "__main__":
    main()
