"""Trains the demo's byte-level BPE tokenizer and writes the text half of `conf/demo/model`.

    python notebooks/train_tokenizer.py [--output conf/demo/model]

Digits stay single, so that a number can be copied digit by digit. Every byte has a token: no text is out of vocabulary.
"""

import argparse
import json
from pathlib import Path

from documents import CONTEXT, END, SPECIAL_TOKENS, documents
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

MODEL = Path(__file__).parent.parent / "conf/demo/model"
VOCABULARY = 1536
SEED_CHUNKS = (900_001, 900_002, 900_003, 900_004)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{ raise_exception('unknown role: ' + message['role'] + ' (system, user or assistant)') }}{% endif %}"
    "{{ '<|' + message['role'] + '|>' }}{{ message['content'] | trim }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = (without_special(text) for seed in SEED_CHUNKS for document in documents(seed) for text, _ in document)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def without_special(text: str) -> str:
    for token in SPECIAL_TOKENS:
        text = text.replace(token, "")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=MODEL)
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    tokenizer = train()
    tokenizer.save(str(output / "tokenizer.json"))
    end = tokenizer.token_to_id(END)
    names = {name: END for name in ("bos_token", "eos_token", "pad_token")}
    write_json(
        output / "tokenizer_config.json",
        names
        | {
            "add_bos_token": False,
            "added_tokens_decoder": {str(tokenizer.token_to_id(token)): added(token) for token in SPECIAL_TOKENS},
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "model_max_length": CONTEXT,
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    write_json(output / "generation_config.json", ids | {"do_sample": False, "max_new_tokens": 64})
    print(f"{output}: {tokenizer.get_vocab_size()} tokens")


def added(token: str) -> dict:
    switches = {name: False for name in ("lstrip", "normalized", "rstrip", "single_word")}
    return {"content": token} | switches | {"special": True}


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    main()
