"""Makes a tiny random llama with the demo's tokenizer, and the probabilities that transformers gives for labels after prompts.

    python notebooks/label_golden.py [--output pipeline/src/test/resources/label-golden]

golden.json: {"prompts": [..], "sets": [{"name": .., "labels": [..], "tokens": [[..] per label],
"probabilities": [[per label] per prompt]}, ..]}

A label's probability is the product of its tokens' conditional probabilities after the prompt (fp32 logits, sums in float64), normalised
over the labels. Every label is computed by a forward pass of its own over prompt and label, without a cache and without a trie. The
script asserts that prompt and label together begin with the prompt's tokens, and that each set has the trait that it stands for.
"""

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

ROOT = Path(__file__).parent.parent
OUTPUT = ROOT / "pipeline/src/test/resources/label-golden"
SEED = 5
WEIGHT_STD = 0.2
PROMPTS = [
    "Ticket: Hello support, the lamp is broken. I need an answer this week.\nAnswer:",
    "Ticket: Ich wurde zweimal belastet; größer als je zuvor.\nAnswer:",
    "A:",
]
SETS = {
    "one token": [" a", " the", " is", " I", "="],
    "many tokens": [" category=billing", " category=delivery", " category=security; priority=urgent", " account is closed; see below"],
    "prefixes": [" account", " account is", " account is closed", " the", " the account"],
    "equal first tokens": [" category=a", " category=b", " category:", " category of it", " category"],
    "not ASCII": [" größe", " 日本語", " naïve", " é", " 🦙 alpaca"],
}


def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_file=str(ROOT / "conf/demo/model/tokenizer.json"))


def make(folder: Path, vocab: int) -> None:
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=vocab,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=8,
        max_position_embeddings=256,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(1 + 0.1 * torch.randn_like(parameter) if "norm" in name else WEIGHT_STD * torch.randn_like(parameter))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def label_tokens(tokens: PreTrainedTokenizerFast, prompt: str, label: str) -> tuple[list[int], list[int]]:
    before = tokens.encode(prompt, add_special_tokens=False)
    both = tokens.encode(prompt + label, add_special_tokens=False)
    assert both[: len(before)] == before and len(both) > len(before), (prompt, label)
    return before, both[len(before) :]


def logprob(model: torch.nn.Module, before: list[int], label: list[int]) -> float:
    with torch.no_grad():
        logits = model(torch.tensor([before + label])).logits[0]
    places = torch.log_softmax(logits.double(), dim=-1)
    return sum(places[len(before) + i - 1, token].item() for i, token in enumerate(label))


def check(name: str, labels: list[list[int]]) -> None:
    first = {label[0] for label in labels}
    lengths = [len(label) for label in labels]
    traits = {
        "one token": max(lengths) == 1,
        "many tokens": min(lengths) >= 3,
        "prefixes": sum(a != b and b[: len(a)] == a for a in labels for b in labels) >= 2,
        "equal first tokens": len(first) == 1,
        "not ASCII": min(lengths) >= 1,
    }
    assert traits[name], (name, labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    tokens = tokenizer()
    make(arguments.output, len(tokens))
    model = AutoModelForCausalLM.from_pretrained(arguments.output, dtype=torch.float32, attn_implementation="eager").eval()
    sets = []
    for name, labels in SETS.items():
        ids = [label_tokens(tokens, PROMPTS[0], label)[1] for label in labels]
        check(name, ids)
        rows = []
        for prompt in PROMPTS:
            logs = []
            for label in labels:
                before, after = label_tokens(tokens, prompt, label)
                logs.append(logprob(model, before, after))
            total = math.fsum(math.exp(log - max(logs)) for log in logs)
            rows.append([math.exp(log - max(logs)) / total for log in logs])
        sets.append({"name": name, "labels": labels, "tokens": ids, "probabilities": rows})
        print(name, ids, [[round(p, 4) for p in row] for row in rows])
    golden = {"prompts": PROMPTS, "sets": sets}
    (arguments.output / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
