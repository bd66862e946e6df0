"""Writes the token ids of the demo's first 50 prompts, a line each, for tests that have no reader of Parquet.

    python notebooks/demo_prompt_tokens.py > executor-gpu/src/test/resources/demo-prompt-tokens.txt
"""

from pathlib import Path

import pyarrow.parquet
from tokenizers import Tokenizer

DEMO = Path(__file__).parent.parent / "conf/demo"
PROMPTS = 50

tokenizer = Tokenizer.from_file(str(DEMO / "model/tokenizer.json"))
table = pyarrow.parquet.read_table(DEMO / "prompts.parquet", columns=["prompt"])
for prompt in table["prompt"].slice(0, PROMPTS).to_pylist():
    print(*tokenizer.encode(prompt).ids)
