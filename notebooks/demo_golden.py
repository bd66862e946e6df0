"""Writes the goldens of the trained demo model: what `track_model.py`, fp32 on CPU, makes of some demo prompts.

    python notebooks/demo_golden.py [--output executor-gpu/src/test/resources/checkpoints/demo-golden.json]

Format: {"prompts": [{"id", "ids": [..], "logits_last": [[vocab] of the last 3 prompt positions], "greedy": [ids]}, ..]}
`greedy` ends with the end token, or after 64 ids. The bf16 weights are widened to fp32, nothing else is rounded.
The same equations put together from transformers' llama layers must agree, and every greedy step must have a clear winner.
"""

import argparse
import json
from pathlib import Path

import pyarrow.parquet as parquet
import torch
from check_demo import PROMPTS
from documents import END
from reference_checkpoints import CHECKPOINTS, MIN_MARGIN, forward_of, largest_difference, tracks_of_llama_layers
from tokenizers import Tokenizer
from track_model import load
from train_demo import MAX_ANSWER_TOKENS
from train_tokenizer import MODEL

PROMPT_COUNT = 5
LAST_POSITIONS = 3


def greedy_until(forward, prompt: torch.Tensor, end: int) -> tuple[list[int], float]:
    """Greedy ids up to and with the end token, and the smallest margin of a winner."""
    ids, smallest = prompt, float("inf")
    for _ in range(MAX_ANSWER_TOKENS):
        top = forward(ids)[-1].topk(2)
        smallest = min(smallest, (top.values[0] - top.values[1]).item())
        ids = torch.cat((ids, top.indices[:1]))
        if ids[-1] == end:
            break
    return ids[len(prompt) :].tolist(), smallest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=CHECKPOINTS / "demo-golden.json")
    output = parser.parse_args().output
    torch.set_num_threads(1)  # one order of summation
    model, tokenizer = load(MODEL), Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    forward, entries = forward_of(model), []
    for row in parquet.read_table(PROMPTS).slice(0, PROMPT_COUNT).to_pylist():
        ids = torch.tensor(tokenizer.encode(row["prompt"]).ids)
        difference = largest_difference(forward, tracks_of_llama_layers(model), [ids])
        greedy, margin = greedy_until(forward, ids, tokenizer.token_to_id(END))
        print(f"{row['id']}: {len(ids)} ids, smallest margin {margin:.3f}, difference {difference:.1e}, ", end="")
        print(f"answer{tokenizer.decode(greedy)}, exact: {tokenizer.decode(greedy) == row['expected']}", flush=True)
        assert difference < 1e-3 and margin > MIN_MARGIN
        last = [[float(f"{x:.7g}") for x in logits] for logits in forward(ids)[-LAST_POSITIONS:].tolist()]
        entries.append({"id": row["id"], "ids": ids.tolist(), "logits_last": last, "greedy": greedy})
    output.write_text(json.dumps({"prompts": entries}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
