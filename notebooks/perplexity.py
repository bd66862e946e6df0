"""Held-out text as prompts, and what its log-probabilities say about a model: by the engine, by PyTorch, in 8 bits.

    python notebooks/perplexity.py dequantise FILE.gguf DIR         (needs pip install gguf accelerate)
    python notebooks/perplexity.py cut TEXT.parquet FILES.md.. [--bytes 200000] [--row-bytes 1500]
    jobs/nighttrain generate --model DIR --input TEXT.parquet --prompt-column text --output A --max-tokens 1 \\
        --prompt-logprobs --logprobs 1 --backend cpu --quantization none      and to B with fp8
    python notebooks/perplexity.py compare A B
    python notebooks/perplexity.py reference A TEXT.parquet --model DIR [--tokens 4000]

`dequantise` writes what transformers reads of a GGUF as fp32. `cut` makes rows of whole lines. `compare` prints both perplexities and the
share of places where the most likely token is the same. `reference` computes the first rows in fp32 on the CPU, by transformers (eager
attention) or, for wirings of `track_model.py` that transformers does not know, by that; it prints the largest difference of a
log-probability and both losses in nats a token.
"""

import argparse
import json
import math
from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet


def dequantise(gguf: Path, output: Path) -> dict:
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    output.mkdir(parents=True, exist_ok=True)
    config = {name: value for name, value in model.config.to_dict().items() if "quantization" not in name}
    (output / "config.json").write_text(json.dumps(config | dict(dtype="float32"), indent=2, default=str) + "\n")
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    tensors = {name: value.float().contiguous() for name, value in model.state_dict().items() if name not in tied}
    save_file(tensors, output / "model.safetensors", metadata=dict(format="pt"))
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(output)
    return dict(tensors=len(tensors), parameters=sum(value.numel() for value in tensors.values()))


def cut(files: list[Path], most: int, row_bytes: int) -> list[str]:
    """Rows of whole lines; what is left of a file begins no row of the next."""
    rows, taken = [], 0
    for file in files:
        row = ""
        for line in file.read_text().splitlines(keepends=True):
            if taken + len(row.encode()) >= most:
                break
            row += line
            if len(row.encode()) >= row_bytes:
                rows.append(row)
                taken += len(row.encode())
                row = ""
    return rows


def scores(run: Path) -> dict[str, list[dict]]:
    """By row id, for every token of the prompt from the second on: `id`, `logprob`, and the most likely in `top`."""
    table = parquet.read_table(run / "results", columns=["id", "prompt_logprobs", "error"]).to_pylist()
    failed = [row for row in table if row["error"]]
    if failed:
        raise SystemExit(f"rows with errors in {run}: {len(failed)} (the first: {failed[0]['error']})")
    return {row["id"]: row["prompt_logprobs"] for row in table}


def perplexity(rows: dict[str, list[dict]]) -> float:
    logprobs = [token["logprob"] for row in rows.values() for token in row]
    return math.exp(-sum(logprobs) / len(logprobs))


def compare(one: Path, other: Path) -> dict:
    a, b = scores(one), scores(other)
    if a.keys() != b.keys():
        raise SystemExit(f"rows: {len(a)} and {len(b)} (both runs must be of the same prompts)")
    pairs = [(x, y) for row in a for x, y in zip(a[row], b[row], strict=True)]
    assert all(x["id"] == y["id"] for x, y in pairs)
    same = sum(x["top"][0]["id"] == y["top"][0]["id"] for x, y in pairs)
    first, second = perplexity(a), perplexity(b)
    return dict(tokens=len(pairs), perplexity=[first, second], ratio=second / first, top_1_agreement=same / len(pairs))


def module(directory: Path):
    """ids [batch, time] -> logits, in fp32."""
    import torch
    import track_model
    from transformers import AutoModelForCausalLM

    config = json.loads((directory / "config.json").read_text())
    kinds = {kind["model_type"] for kind, _, _ in track_model.KINDS.values()} - {"llama"}
    if config["model_type"] in kinds or config.get("ladder_layers") or config.get("parallel_block"):
        return track_model.load(directory)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    return lambda ids: model(ids, use_cache=False).logits


def reference(run: Path, text: Path, directory: Path, tokens: int) -> dict:
    import torch
    from tokenizers import Tokenizer

    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    model = module(directory)
    ours = scores(run)
    worst, theirs, scored = 0.0, [], []
    for number, row in enumerate(parquet.read_table(text)["text"].to_pylist()):
        mine = ours[f"{text.name}:{number}"]
        ids = tokenizer.encode(row).ids
        assert ids[1:] == [token["id"] for token in mine], f"row {number}: tokens differ"
        with torch.no_grad():
            logprobs = model(torch.tensor([ids]))[0].log_softmax(dim=-1)
        expected = logprobs[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()
        worst = max(worst, *(abs(x - token["logprob"]) for x, token in zip(expected, mine)))
        theirs += expected
        scored += [token["logprob"] for token in mine]
        if len(theirs) >= tokens:
            break
    losses = [-sum(values) / len(values) for values in (scored, theirs)]
    return dict(
        tokens=len(theirs), largest_difference=worst, loss=losses, perplexity=[math.exp(loss) for loss in losses]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("dequantise")
    verb.add_argument("gguf", type=Path)
    verb.add_argument("output", type=Path)
    verb = verbs.add_parser("cut")
    verb.add_argument("output", type=Path)
    verb.add_argument("files", type=Path, nargs="+")
    verb.add_argument("--bytes", type=int, default=200_000)
    verb.add_argument("--row-bytes", type=int, default=1500, help="the least of a row")
    verb = verbs.add_parser("compare")
    verb.add_argument("one", type=Path)
    verb.add_argument("other", type=Path)
    verb = verbs.add_parser("reference")
    verb.add_argument("run", type=Path)
    verb.add_argument("text", type=Path)
    verb.add_argument("--model", type=Path, required=True)
    verb.add_argument("--tokens", type=int, default=4000)
    arguments = parser.parse_args()
    if arguments.verb == "dequantise":
        print(json.dumps(dequantise(arguments.gguf, arguments.output)))
    elif arguments.verb == "cut":
        rows = cut(arguments.files, arguments.bytes, arguments.row_bytes)
        parquet.write_table(arrow.table({"text": rows}), arguments.output)
        print(json.dumps(dict(rows=len(rows), bytes=sum(len(row.encode()) for row in rows))))
    elif arguments.verb == "compare":
        print(json.dumps(compare(arguments.one, arguments.other)))
    else:
        print(json.dumps(reference(arguments.run, arguments.text, arguments.model, arguments.tokens)))


if __name__ == "__main__":
    main()
