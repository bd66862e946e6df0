"""What the demo models read: tickets as raw text, tickets as chats, plain text; and how it becomes batches.

A document is a list of (text, weight) pieces; the weight says how much its tokens count in the loss. Answers count
fully, the tickets themselves little, since most of what a ticket says cannot be predicted.

Documents are made in numbered chunks, each from its own seed, so that any number of processes gives the same stream.
"""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from plain_text import plain_text
from tickets import Ticket, TicketWriter
from tokenizers import Tokenizer

CONTEXT = 512
CHUNK_DOCUMENTS = 4096
END = "<|endoftext|>"
SPECIAL_TOKENS = (END, "<|user|>", "<|assistant|>", "<|system|>")
KINDS = {"ticket": 76, "chat": 16, "plain": 8}
TICKET_WEIGHT, PLAIN_WEIGHT, ANSWER_WEIGHT = 0.1, 0.3, 1.0

SYSTEM_PROMPTS = (
    "You label support tickets.", "You are a helpful assistant for a support team.", "Label the tickets of our customers.",
    "Answer with the category, the priority and a summary.",
)  # fmt: skip
HELLOS = ("Hello", "Hi!", "Hi there", "Good morning", "Who are you?", "What can you do?")
HELLO_REPLY = "Hello! Send me a support ticket and I will give you its category, its priority and a summary."

Document = list[tuple[str, float]]


def ticket_document(ticket: Ticket) -> Document:
    return [(ticket.prompt, TICKET_WEIGHT), (ticket.answer + END, ANSWER_WEIGHT)]


def chat_document(rng: random.Random, writer: TicketWriter) -> Document:
    """One to three turns in the form that the chat template of `train_tokenizer.py` renders."""
    document = [(f"<|system|>{rng.choice(SYSTEM_PROMPTS)}", TICKET_WEIGHT)] if rng.random() < 0.5 else []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        question, reply = _turn(rng, writer)
        document += [(f"<|user|>{question}<|assistant|>", TICKET_WEIGHT), (reply + END, ANSWER_WEIGHT)]
    return document


def _turn(rng: random.Random, writer: TicketWriter) -> tuple[str, str]:
    if rng.random() < 0.05:
        return rng.choice(HELLOS), HELLO_REPLY
    ticket = writer.ticket()
    return rng.choice(
        (
            (ticket.text, ticket.answer.strip()),
            (f"Label this ticket: {ticket.text}", ticket.answer.strip()),
            (f"Which category is this ticket?\n{ticket.text}", ticket.category),
            (f"Which priority has this ticket?\n{ticket.text}", ticket.priority),
            (f"Summarize this ticket in one line.\n{ticket.text}", ticket.summary),
        )
    )


def documents(seed: int, avoid: dict[str, str] | None = None) -> list[Document]:
    """The documents of one chunk. None holds a text or a summary of `avoid` (held-out texts and their summaries)."""
    rng, writer = random.Random(f"documents {seed}"), TicketWriter(seed, held_out=False, avoid=avoid)
    chunk = []
    for kind in rng.choices(list(KINDS), KINDS.values(), k=CHUNK_DOCUMENTS):
        if kind == "plain":
            chunk.append([(plain_text(rng) + END, PLAIN_WEIGHT)])
        elif kind == "chat":
            chunk.append(chat_document(rng, writer))
        else:
            chunk.append(ticket_document(writer.ticket()))
    return chunk


@dataclass
class Chunk:
    """Encoded documents: ids and loss weights of each."""

    ids: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)


def encode_chunk(number: int, seed: int, tokenizer_file: Path, avoid: dict[str, str]) -> Chunk:
    """Chunk `number` of the training stream `seed`."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    chunk = Chunk()
    for document in documents(seed * 1_000_000 + number, avoid):
        pieces = [(tokenizer.encode(text).ids, weight) for text, weight in document]
        chunk.ids.append(np.concatenate([ids for ids, _ in pieces])[:CONTEXT].astype(np.int64))
        weights = np.concatenate([np.full(len(ids), weight, np.float32) for ids, weight in pieces])
        chunk.weights.append(weights[:CONTEXT])
    return chunk


def chunks(seed: int, tokenizer_file: Path, avoid: dict[str, str], processes: int) -> Iterator[Chunk]:
    """The endless stream of chunks, in order, made ahead by `processes` processes."""
    make = partial(encode_chunk, seed=seed, tokenizer_file=tokenizer_file, avoid=avoid)
    with Pool(processes) as pool:
        ahead = deque(pool.apply_async(make, (number,)) for number in range(2 * processes))
        for number in count(len(ahead)):
            ahead.append(pool.apply_async(make, (number,)))
            yield ahead.popleft().get()


def batches(chunk: Chunk, tokens: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ids and weights [rows, time] of documents of like length, about `tokens` ids each, in random order."""
    order = sorted(range(len(chunk.ids)), key=lambda at: len(chunk.ids[at]))
    groups, start = [], 0
    while start < len(order):
        rows = max(1, tokens // padded(len(chunk.ids[order[start]])))
        while rows > 1 and padded(len(chunk.ids[order[min(start + rows, len(order)) - 1]])) * rows > tokens:
            rows -= 1
        groups.append(order[start : start + rows])
        start += rows
    for group in rng.permutation(len(groups)):
        members = groups[group]
        time = padded(max(len(chunk.ids[at]) for at in members))
        ids, weights = np.zeros((len(members), time), np.int64), np.zeros((len(members), time), np.float32)
        for row, at in enumerate(members):
            length = len(chunk.ids[at])
            ids[row, :length], weights[row, :length] = chunk.ids[at], chunk.weights[at]
        yield ids, weights


def padded(length: int, multiple: int = 32) -> int:
    return -(-length // multiple) * multiple
