"""Ships what `train_architectures.py` trained as `tiny`, and writes its losses, which the engine must have, too.

    python notebooks/train_architectures.py --output OUT --size tiny --steps 2400
    python notebooks/trained_golden.py OUT

Copies the checkpoint of every architecture to conf/trained/MODEL. The golden is {"documents": [[ids], ..], "losses": {MODEL: [nats a token, ..]}}: means
over all next tokens of each of a few held-out documents, or their first 200, by `track_model.py`, the bf16 weights widened to fp32.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from corpus import held_out
from reference_checkpoints import CHECKPOINTS
from track_model import load
from train_architectures import MODELS

TRAINED = Path(__file__).parent.parent / "conf/trained"
DOCUMENTS, LONGEST = 4, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", type=Path)
    parser.add_argument("--output", type=Path, default=CHECKPOINTS / "trained-losses.json")
    arguments = parser.parse_args()
    asked = held_out(DOCUMENTS - 1)
    documents = [ids[: min(length, LONGEST)] for ids, length in zip(asked.ids.tolist(), asked.lengths.tolist())]
    losses = {}
    for name in MODELS:
        shutil.copytree(arguments.trained / f"tiny-{name}/seed-1", TRAINED / name, dirs_exist_ok=True)
        model = load(TRAINED / name)
        with torch.no_grad():
            losses[name] = [
                round(F.cross_entropy(model(ids[None])[0, :-1], ids[1:]).item(), 6)
                for ids in map(torch.tensor, documents)
            ]
        print(f"{name}: {sum(losses[name]) / len(documents):.4f}", flush=True)
    golden = dict(documents=documents, losses=losses)
    arguments.output.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
