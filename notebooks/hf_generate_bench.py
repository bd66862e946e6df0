"""Times Hugging Face transformers' `generate`, for comparison with the engine on the same shape and hardware.

    python notebooks/hf_generate_bench.py [--config conf/shapes/bench-100m/config.json] [--threads 2]
    python notebooks/hf_generate_bench.py --config conf/shapes/dense-8b/config.json --device cuda --dtype bfloat16 \
        --batch 256 --prompt-tokens 1024

Random weights, greedy, one batch, no stop at an end token, KV cache on. Prints one JSON line: output tokens per
second (rows * new tokens / seconds, prefill included), the median of the timed runs after one warm-up, and each run.
The load average tells whether the machine was idle: other processes' load must be near 0 for a fair figure.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

CONFIG = Path(__file__).parent.parent / "conf/shapes/bench-100m/config.json"


def timed_generate(model: torch.nn.Module, ids: torch.Tensor, new_tokens: int) -> float:
    """Seconds for one `generate` of exactly `new_tokens` per row."""
    start = time.perf_counter()
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        min_new_tokens=new_tokens,
        max_new_tokens=new_tokens,
        eos_token_id=None,
        pad_token_id=0,
    )
    if ids.is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    assert output.shape == (ids.shape[0], ids.shape[1] + new_tokens), f"unexpected output: {tuple(output.shape)}"
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--new-tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    load_before = os.getloadavg()[0]
    config = AutoConfig.from_pretrained(arguments.config)
    with torch.device(arguments.device):
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, arguments.dtype)).eval()
        ids = torch.randint(config.vocab_size, (arguments.batch, arguments.prompt_tokens))
    timed_generate(model, ids, arguments.new_tokens)  # warm-up
    seconds = [timed_generate(model, ids, arguments.new_tokens) for _ in range(arguments.runs)]
    tokens = arguments.batch * arguments.new_tokens
    report = {
        "output_tokens_per_s": round(tokens / statistics.median(seconds), 1),
        "runs_output_tokens_per_s": [round(tokens / s, 1) for s in seconds],
        "parameters": sum(p.numel() for p in model.parameters()),
        "batch": arguments.batch,
        "prompt_tokens": arguments.prompt_tokens,
        "new_tokens": arguments.new_tokens,
        "threads": arguments.threads,
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else arguments.device,
        "dtype": arguments.dtype,
        "attention": model.config._attn_implementation,
        "load_before": round(load_before, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
