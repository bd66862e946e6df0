"""Seeded text whose answers need memory over hundreds of tokens, and arithmetic; training and held-out questions are disjoint by construction.

    python notebooks/recall_and_sums.py [--held-out]      prints one document of each kind

Recall follows bAbI (arXiv 1502.05698, tasks 1 to 3, 5): people walk, take things, hand them over and put them down; four questions
at the end ask for the last place of a person, the holder of a thing, its place (two facts), or where a person was before (the order of
facts). A question and its answer form a pair; one pair in six is asked in held-out documents alone.

Arithmetic: sums and differences of numbers of up to three digits, products of one digit with two, and chains of variables, each defined by the
one before. One pair of operands in eight occurs as a problem in held-out documents alone; of a chain, its first two numbers.
"""

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass

from plain_text import PLACES, THINGS
from ticket_phrases import FIRST_NAMES

PEOPLE = FIRST_NAMES[:16]
QUESTIONS = 4  # at the end of a document of recall
PROBLEMS = 8  # in a document of arithmetic


@dataclass(frozen=True)
class Piece:
    """Text, and which kind of answer it is: empty where it is none."""

    text: str
    answers: str = ""


def _asks(reserved: bool, held_out: bool) -> bool:
    return reserved == held_out


class World:
    """Who is where and has what, told sentence by sentence. A thing lies in a place or is with a person."""

    def __init__(self, rng: random.Random):
        self.random = rng
        self.people = rng.sample(PEOPLE, rng.randint(3, 6))
        self.things = rng.sample(THINGS, rng.randint(2, 4))
        self.trail = {person: [] for person in self.people}
        self.holder: dict[str, str | None] = {}
        self.lies: dict[str, str] = {}

    def opening(self) -> list[str]:
        sentences = []
        for person in self.people:
            self.trail[person].append(self.random.choice(PLACES))
            sentences.append(f"{person} is in the {self.trail[person][-1]}.")
        for thing in self.things:
            self.holder[thing] = self.random.choice(self.people)
            sentences.append(f"{self.holder[thing]} has the {thing}.")
        self.random.shuffle(sentences)
        return sentences

    def event(self) -> str:
        person, thing = self.random.choice(self.people), self.random.choice(self.things)
        here, holder = self.trail[person][-1], self.holder[thing]
        chance = self.random.random()
        if chance < 0.5:
            place = self.random.choice([place for place in PLACES if place != here])
            self.trail[person].append(place)
            return f"{person} goes to the {place}."
        if holder is None:
            self.holder[thing] = person
            self.trail[person] += [self.lies[thing]] if here != self.lies[thing] else []
            return f"{person} goes to the {self.lies[thing]} and takes the {thing}."
        if chance < 0.8:
            other = self.random.choice([one for one in self.people if one != holder])
            self.holder[thing] = other
            return f"{holder} gives the {thing} to {other}."
        self.holder[thing], self.lies[thing] = None, self.trail[holder][-1]
        return f"{holder} puts the {thing} down."

    def questions(self) -> list[tuple[str, str, str]]:
        """(subject, question, answer) of all that can be asked."""
        asked = []
        for person, places in self.trail.items():
            asked.append((person, f"Where is {person}?", places[-1]))
            if len(places) > 1 and places[-1] not in places[:-1]:
                asked.append((person, f"Where was {person} before the {places[-1]}?", places[-2]))
        for thing, holder in self.holder.items():
            place = self.trail[holder][-1] if holder else self.lies[thing]
            asked += [(thing, f"Where is the {thing}?", place)] * 2
            if holder:
                asked.append((thing, f"Who has the {thing}?", holder))
        return asked


def reserved_answer(subject: str, answer: str) -> bool:
    names = (*PEOPLE, *THINGS, *PLACES)
    return (names.index(subject) * 7 + names.index(answer)) % 6 == 0


def recall(rng: random.Random, held_out: bool) -> list[Piece]:
    while True:
        world = World(rng)
        sentences = world.opening() + [world.event() for _ in range(rng.randint(8, 36))]
        may_ask = [q for q in world.questions() if _asks(reserved_answer(q[0], q[2]), held_out)]
        if may_ask:
            break
    pieces = [Piece(" ".join(sentences))]
    for _, question, answer in rng.sample(may_ask, min(QUESTIONS, len(may_ask))):
        pieces += [Piece(f"\n{question}"), Piece(f" {answer}.", "recall")]
    return pieces


def reserved_operands(a: int, b: int) -> bool:
    return (a * 5 + b * 3) % 8 == 0


def _number(rng: random.Random, digits: int) -> int:
    return rng.randint(10 ** (digits - 1) if digits > 1 else 1, 10**digits - 1)


def _sum(rng: random.Random) -> tuple[int, int, str, str]:
    a, b = _number(rng, rng.randint(1, 3)), _number(rng, rng.randint(1, 3))
    return a, b, f"{a} + {b} =", f" {a + b}"


def _difference(rng: random.Random) -> tuple[int, int, str, str]:
    a, b, _, _ = _sum(rng)
    a, b = max(a, b), min(a, b)
    return a, b, f"{a} - {b} =", f" {a - b}"


def _product(rng: random.Random) -> tuple[int, int, str, str]:
    a, b = rng.randint(10, 99), rng.randint(2, 9)
    return a, b, f"{a} * {b} =", f" {a * b}"


def _chain(rng: random.Random) -> tuple[int, int, str, str]:
    """`a = 7; b = a + 5; c = b - 3; c =`, three to five variables, every value from 1 to 99."""
    letters = rng.sample("abcdefghkmnpqrstuvwxyz", rng.randint(3, 5))
    first = value = rng.randint(1, 60)
    second, text = 0, f"{letters[0]} = {first};"
    for before, letter in zip(letters, letters[1:]):
        step = rng.randint(1, 20)
        plus = value - step < 1 or (value + step < 100 and rng.random() < 0.5)
        value, second = value + step if plus else value - step, second or step
        text += f" {letter} = {before} {'+' if plus else '-'} {step};"
    return first, second, f"{text} {letters[-1]} =", f" {value}"


ARITHMETIC: dict[str, Callable[[random.Random], tuple[int, int, str, str]]] = {
    "sum": _sum, "difference": _difference, "product": _product, "chain": _chain,
}  # fmt: skip


def arithmetic(rng: random.Random, held_out: bool) -> list[Piece]:
    pieces = []
    while len(pieces) < 2 * PROBLEMS:
        kind = rng.choice(list(ARITHMETIC))
        a, b, problem, answer = ARITHMETIC[kind](rng)
        if _asks(reserved_operands(a, b), held_out):
            pieces += [Piece(("\n" if pieces else "") + problem), Piece(answer + ".", kind)]
    return pieces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", action="store_true")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    for kind in (recall, arithmetic):
        print("".join(piece.text for piece in kind(rng, arguments.held_out)) + "\n")


if __name__ == "__main__":
    main()
