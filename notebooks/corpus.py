"""The data that `train_architectures.py` trains on and asks about: tickets, recall, arithmetic, plain text, as rows of ids.

    python notebooks/corpus.py --output rows-32000.npz --rows 32000      what `train_architectures.py` makes itself where its OUT has none

Documents follow one another in rows of CONTEXT ids, each whole; attention is not stopped between them. A weight says how much an id
counts in the loss: answers fully, what cannot be predicted little. Chunks of documents have a seed each, so any number of processes makes
the same rows. Held-out documents have a row each, and their answers their places: tickets are the demo's 500 prompts, whose texts and
summaries no training ticket has; recall and arithmetic ask what training never asks (`recall_and_sums.py`).
"""

import argparse
import random
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from check_demo import PROMPTS, fields
from documents import ANSWER_WEIGHT, CONTEXT, END, PLAIN_WEIGHT, TICKET_WEIGHT
from plain_text import plain_text
from recall_and_sums import Piece, arithmetic, recall
from tickets import TicketWriter
from tokenizers import Tokenizer
from train_tokenizer import MODEL

TOKENIZER = MODEL / "tokenizer.json"
KINDS = {"ticket": 50, "plain": 8, "recall": 20, "arithmetic": 22}  # of 100 documents
WEIGHTS = (0.0, TICKET_WEIGHT, PLAIN_WEIGHT, ANSWER_WEIGHT)  # of an id, by its code
CHUNK_DOCUMENTS = 4096
HELD_OUT = {"recall": 600, "arithmetic": 300}  # documents
HELD_OUT_SEED = 20_000


@dataclass(frozen=True)
class Rows:
    """Training text: ids and codes of weights, both [rows, CONTEXT]."""

    ids: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class HeldOut:
    """ids [documents, CONTEXT] of `lengths`; answer j is `ids[row, start:end]` of `spans[j]`, its kind `kinds[j]`."""

    ids: np.ndarray
    lengths: np.ndarray
    spans: np.ndarray
    kinds: tuple[str, ...]


def held_out_tickets() -> list[tuple[str, str]]:
    """(prompt, answer with the blank before it)"""
    table = parquet.read_table(PROMPTS).to_pydict()
    return [(prompt, f" {answer.strip()}") for prompt, answer in zip(table["prompt"], table["expected"])]


def avoided() -> dict[str, str]:
    """Texts and summaries that training tickets must not have."""
    return {
        prompt.removeprefix("Ticket: ").removesuffix("\nAnswer:"): fields(answer)["summary"]
        for prompt, answer in held_out_tickets()
    }


def training_documents(chunk: int, avoid: dict[str, str]) -> list[list[Piece]]:
    rng, writer = random.Random(f"corpus {chunk}"), TicketWriter(1_000_000 + chunk, held_out=False, avoid=avoid)
    documents = []
    for kind in rng.choices(list(KINDS), KINDS.values(), k=CHUNK_DOCUMENTS):
        if kind == "ticket":
            ticket = writer.ticket()
            pieces = [Piece(ticket.prompt), Piece(ticket.answer, "ticket")]
        elif kind == "plain":
            pieces = [Piece(plain_text(rng), "plain")]
        else:
            pieces = (recall if kind == "recall" else arithmetic)(rng, held_out=False)
        documents.append(pieces)
    return documents


def encode(tokenizer: Tokenizer, pieces: list[Piece]) -> list[tuple[list[int], Piece]]:
    """The pieces' ids; the last piece ends with the end token."""
    texts = [piece.text for piece in pieces]
    texts[-1] += END
    return [(encoding.ids, piece) for encoding, piece in zip(tokenizer.encode_batch_fast(texts), pieces)]


def chunk_rows(chunk: int, avoid: dict[str, str]) -> Rows:
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    encoded = []
    for pieces in training_documents(chunk, avoid):
        ids, codes = [], []
        for part, piece in encode(tokenizer, pieces):
            code = WEIGHTS.index(
                PLAIN_WEIGHT if piece.answers == "plain" else ANSWER_WEIGHT if piece.answers else TICKET_WEIGHT
            )
            ids += part
            codes += [code] * len(part)
        encoded.append((ids[:CONTEXT], codes[:CONTEXT]))
    rows = packed([len(ids) for ids, _ in encoded])
    packed_ids, packed_codes = np.zeros((len(rows), CONTEXT), np.int16), np.zeros((len(rows), CONTEXT), np.uint8)
    for row, members in enumerate(rows):
        at = 0
        for member in members:
            ids, codes = encoded[member]
            packed_ids[row, at : at + len(ids)], packed_codes[row, at : at + len(ids)] = ids, codes
            at += len(ids)
    return Rows(packed_ids, packed_codes)


def packed(lengths: list[int]) -> list[list[int]]:
    """Documents by row, the longest first, each into the fullest row that has room for it."""
    by_room: dict[int, list[list[int]]] = {}
    for member in sorted(range(len(lengths)), key=lambda member: -lengths[member]):
        length = lengths[member]
        room = min((room for room in by_room if room >= length), default=CONTEXT)
        row = by_room[room].pop() if room in by_room else []
        if room in by_room and not by_room[room]:
            del by_room[room]
        row.append(member)
        by_room.setdefault(room - length, []).append(row)
    return [row for rows in by_room.values() for row in rows]


def make_rows(count: int, processes: int, first_chunk: int = 0) -> Rows:
    """`count` rows, from as many chunks as they take."""
    avoid, parts, have = avoided(), [], 0
    with Pool(processes) as pool:
        chunks = iter(range(first_chunk, 1_000_000))
        while have < count:
            wanted = max(1, (count - have) * CONTEXT // (160 * CHUNK_DOCUMENTS))
            for part in pool.map(partial(chunk_rows, avoid=avoid), [next(chunks) for _ in range(wanted)], chunksize=1):
                parts.append(part)
                have += len(part.ids)
    order = np.random.default_rng(0).permutation(have)[:count]
    return Rows(
        np.concatenate([part.ids for part in parts])[order], np.concatenate([part.codes for part in parts])[order]
    )


def held_out_documents() -> list[list[Piece]]:
    rng = random.Random(HELD_OUT_SEED)
    documents = [[Piece(prompt), Piece(answer, "ticket")] for prompt, answer in held_out_tickets()]
    documents += [recall(rng, held_out=True) for _ in range(HELD_OUT["recall"])]
    return documents + [arithmetic(rng, held_out=True) for _ in range(HELD_OUT["arithmetic"])]


def held_out(most: int | None = None) -> HeldOut:
    """All held-out documents, or `most` spread over them."""
    tokenizer, documents = Tokenizer.from_file(str(TOKENIZER)), held_out_documents()
    documents = documents[:: max(1, len(documents) // most)] if most else documents
    ids, lengths, spans, kinds = np.zeros((len(documents), CONTEXT), np.int64), [], [], []
    for row, pieces in enumerate(documents):
        at = 0
        for part, piece in encode(tokenizer, pieces):
            ids[row, at : at + len(part)] = part
            if piece.answers:
                spans.append((row, at, at + len(part)))
                kinds.append(piece.answers)
            at += len(part)
        lengths.append(at)
    return HeldOut(ids, np.array(lengths), np.array(spans), tuple(kinds))


def save_rows(rows: Rows, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part.npz")
    np.savez(unfinished, ids=rows.ids, codes=rows.codes)
    unfinished.rename(file)


def load_rows(file: Path) -> Rows:
    arrays = np.load(file)
    return Rows(arrays["ids"], arrays["codes"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="FILE.npz")
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--processes", type=int, default=8)
    arguments = parser.parse_args()
    save_rows(make_rows(arguments.rows, arguments.processes), arguments.output)


if __name__ == "__main__":
    main()
