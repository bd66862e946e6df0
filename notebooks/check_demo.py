"""Compares what `nighttrain generate` answered with the expected answers of the demo prompts.

    python notebooks/check_demo.py /tmp/night-train [--prompts conf/demo/prompts.parquet] [--beside OTHER]

Prints the share of rows whose text equals the expected answer, and the share of each field, as one JSON line; with
`--beside` also the share of rows to which another run gave the same text. A row without a result counts as wrong.
Leading and trailing blanks do not count.
"""

import argparse
import json
from pathlib import Path

import pyarrow.parquet as parquet

PROMPTS = Path(__file__).parent.parent / "conf/demo/prompts.parquet"
FIELDS = ("category", "priority", "summary")


def fields(answer: str) -> dict[str, str]:
    """`category=a; priority=b; summary=c` as a dictionary; what does not parse is missing."""
    pairs = (part.partition("=") for part in answer.strip().split("; "))
    return {name: value for name, _, value in pairs if name in FIELDS}


def shares(expected: list[str], answers: list[str | None]) -> dict[str, float]:
    """Share of exact answers, and of right fields, each from 0 to 1."""
    rows = len(expected)
    result = {"rows": rows, "exact": sum(a is not None and a.strip() == e.strip() for e, a in zip(expected, answers)) / rows}
    for name in FIELDS:
        right = sum(a is not None and fields(a).get(name) == fields(e)[name] for e, a in zip(expected, answers))
        result[name] = right / rows
    return result


def texts_of(output: Path) -> dict[str, str]:
    """What a run answered, by row."""
    files = sorted((output / "results").glob("*.parquet"))
    if not files:
        raise SystemExit(f"no results: {output}/results/*.parquet (run nighttrain generate first)")
    results = [row for file in files for row in parquet.read_table(file, columns=["id", "text"]).to_pylist()]
    texts = {row["id"]: row["text"] for row in results}
    if len(texts) != len(results):
        raise SystemExit(f"ids occur twice: {len(results)} rows, {len(texts)} ids (each input row must be there once)")
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="output directory of nighttrain, with results/*.parquet")
    parser.add_argument("--prompts", type=Path, default=PROMPTS)
    parser.add_argument("--wrong", type=int, default=0, help="also print this many wrong rows")
    parser.add_argument("--beside", type=Path, help="output directory of another run of the same prompts")
    arguments = parser.parse_args()
    prompts = parquet.read_table(arguments.prompts, columns=["id", "expected"]).to_pylist()
    texts = texts_of(arguments.output)
    names = [f"{arguments.prompts.name}:{position}" for position in range(len(prompts))]  # without --id-column id
    answers = [texts.get(row["id"], texts.get(name)) for row, name in zip(prompts, names)]
    figures = shares([row["expected"] for row in prompts], answers) | {"missing": answers.count(None)}
    if arguments.beside:
        other = texts_of(arguments.beside)
        figures["same_text"] = sum(other.get(row) == text for row, text in texts.items()) / len(texts)
    print(json.dumps(figures))
    wrong = [(row, a) for row, a in zip(prompts, answers) if (a or "").strip() != row["expected"].strip()]
    for row, answer in wrong[: arguments.wrong]:
        print(f"{row['id']}\n  expected{row['expected']}\n  answer  {answer}")


if __name__ == "__main__":
    main()
