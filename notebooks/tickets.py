"""Seeded generator of support tickets, each with its category, priority and one-line summary.

    python notebooks/tickets.py [--seed 1] [--count 3]      prints tickets

What has to be understood, not looked up: which of several matters is the main one, which of several numbers, dates and
products belong to it, a priority that adds up cues scattered over the text (severity of the issue, deadline, people
affected, repeats, legal threats, contract; shouting counts for nothing), corrections, typos and several notations of
sums and dates. One product in eight and one pair of issues in six never occur in training tickets.
"""

import argparse
import random
import re
import string
from dataclasses import dataclass

import ticket_phrases as phrases
from ticket_phrases import CUES, DETAILS, ISSUES, Issue

PRODUCTS = [f"{brand} {kind}" for brand in phrases.BRANDS for kind in phrases.KINDS]
RESERVED_PRODUCTS = [name for number, name in enumerate(PRODUCTS) if (number * 7 + number // 24) % 8 == 0]
TRAINING_PRODUCTS = sorted(set(PRODUCTS) - set(RESERVED_PRODUCTS))
LAYOUTS = {"one issue": 40, "side after": 16, "side before": 16, "solved before": 12, "two points": 16}
SUBJECTS = ("Problem", "Question", "Help needed", "URGENT", "My order", "Two things", "Request", "Complaint")


@dataclass(frozen=True)
class Ticket:
    text: str
    category: str
    priority: str
    summary: str
    main: Issue
    side: Issue | None
    product: str | None  # of the main issue

    @property
    def prompt(self) -> str:
        return f"Ticket: {self.text}\nAnswer:"

    @property
    def answer(self) -> str:
        return f" category={self.category}; priority={self.priority}; summary={self.summary}"


def reserved_pair(main: Issue, side: Issue) -> bool:
    return (ISSUES.index(main) * 11 + ISSUES.index(side)) % 6 == 0


def slots_of(template: str) -> list[str]:
    return [field for _, field, _, _ in string.Formatter().parse(template) if field]


class TicketWriter:
    """Draws tickets from one random stream. Training tickets avoid the reserved products and pairs, and all summaries
    of `avoid`, which maps held-out texts to their summaries."""

    def __init__(self, seed: int, held_out: bool, avoid: dict[str, str] | None = None):
        self.random = random.Random(f"{'held out' if held_out else 'training'} {seed}")
        self.held_out = held_out
        self.avoided_texts = frozenset(avoid or {})
        self.avoided_summaries = frozenset((avoid or {}).values())

    def ticket(self) -> Ticket:
        while (ticket := self._draft()).summary in self.avoided_summaries:
            pass
        assert ticket.text not in self.avoided_texts, f"a held-out ticket in training: {ticket.text}"
        return ticket

    def _draft(self) -> Ticket:
        main, side, layout = self._issues()
        facts, shown = self._facts(main, other=None)
        blocks = self._blocks(layout, main, shown, side, facts)
        cues = self._cues()
        body = self._interleave(blocks, [self._sentence(phrase) for _, phrase in cues] + self._distractors())
        text = self._noise(self._letter(body, shown))
        priority = priority_of(main.severity + sum(points for points, _ in cues))
        return Ticket(text, main.category, priority, main.summary.format(**facts), main, side, facts.get("product"))

    def _issues(self) -> tuple[Issue, Issue | None, str]:
        layout = self.random.choices(list(LAYOUTS), LAYOUTS.values())[0]
        while True:
            main, side = self.random.sample(ISSUES, 2)
            if self.held_out or not reserved_pair(main, side):
                return main, None if layout == "one issue" else side, layout

    # --- facts: what is true (as the summary spells it), and as the customer writes it

    def _facts(self, issue: Issue, other: dict | None) -> tuple[dict, dict]:
        names = {name for template in (issue.summary, *issue.statements) for name in slots_of(template)}
        facts, shown = {}, {}
        for name in sorted(names):
            kind = name.rstrip("2")
            while True:
                facts[name], shown[name] = self._value(kind)
                if facts[name] not in [value for key, value in facts.items() if key != name] + list((other or {}).values()):
                    break
        if "count2" in facts and int(facts["count"]) > int(facts["count2"]):  # an export loses records, never adds
            for values in (facts, shown):
                values["count"], values["count2"] = values["count2"], values["count"]
        return facts, shown

    def _value(self, kind: str) -> tuple[str, str]:
        number, choice = self.random.randint, self.random.choice
        if kind == "product":
            return self._product()
        if kind == "amount":
            value = f"{number(3, 1800)}.{choice(('00', '50', '90', '95', '99', f'{number(0, 99):02}'))}"
            return f"${value}", self.random.choices((f"${value}", f"{value} dollars", f"USD {value}"), (7, 2, 1))[0]
        if kind == "date":
            return self._date()
        plain = {
            "order": lambda: str(number(10000, 999999)),
            "invoice": lambda: f"INV-{number(1000, 99999)}",
            "tracking": lambda: f"TR{number(10**6, 10**8)}",
            "voucher": lambda: f"{self._letters(2)}{number(10, 99)}-{self._letters(1)}{number(100, 999)}",
            "serial": lambda: f"SN-{number(10, 99)}{self._letters(1)}{number(1000, 9999)}",
            "code": lambda: f"E-{number(10, 999)}",
            "version": lambda: f"{number(1, 9)}.{number(0, 19)}.{number(0, 9)}",
            "last4": lambda: f"{number(0, 9999):04}",
            "days": lambda: str(number(2, 60)),
            "count": lambda: str(number(2, 900)),
            "email": self._email,
            "city": lambda: choice(phrases.CITIES),
            "plan": lambda: choice(phrases.PLANS),
            "part": lambda: choice(phrases.PARTS),
            "defect": lambda: choice(phrases.DEFECTS),
            "action": lambda: choice(phrases.ACTIONS),
            "first": lambda: choice(phrases.FIRST_NAMES),
            "name": lambda: f"{choice(phrases.FIRST_NAMES)} {choice(phrases.LAST_NAMES)}",
            "year": lambda: str(number(2009, 2025)),
            "number": lambda: str(number(10000, 999999)),
            "phone": lambda: f"0{number(100, 999)} {number(10000, 9999999)}",
            "many": lambda: str(number(20, 90)),
            "few": lambda: str(number(2, 19)),
        }[kind]()
        return plain, plain

    def _product(self) -> tuple[str, str]:
        reserved = self.held_out and self.random.random() < 0.5
        name = self.random.choice(RESERVED_PRODUCTS if reserved else TRAINING_PRODUCTS)
        chance = self.random.random()
        if chance < 0.12:
            return name, name.lower()
        if chance < 0.15:
            return name, name.upper()
        return name, misspell(name, self.random) if chance < 0.22 else name

    def _date(self) -> tuple[str, str]:
        day, month = self.random.randint(1, 28), self.random.choice(phrases.MONTHS)
        ordinal = f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"
        forms = (f"{day} {month}", f"{month} {day}", f"{month} {ordinal}", f"the {ordinal} of {month}")
        return forms[0], self.random.choice(forms)

    def _email(self) -> str:
        first, last = self.random.choice(phrases.FIRST_NAMES).lower(), self.random.choice(phrases.LAST_NAMES).lower()
        local = self.random.choice((f"{first}.{last}", f"{first}{self.random.randint(1, 99)}", f"{first[0]}.{last}"))
        return f"{local}@{self.random.choice(phrases.MAIL_HOSTS)}"

    def _letters(self, count: int) -> str:
        return "".join(self.random.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=count))

    # --- text

    def _blocks(self, layout: str, main: Issue, shown: dict, side: Issue | None, facts: dict) -> list[str]:
        """The statements of the issues in the order of the layout, with the words that say which one is the main one."""
        choice = self.random.choice
        statement = self._statement(main, shown, may_correct=True)
        if side is None:
            return [capitalize(statement)]
        other = self._statement(side, self._facts(side, other=facts)[1], may_correct=False)
        if layout == "side after":
            lead = choice(phrases.MAIN_LEADS) if self.random.random() < 0.3 else ""
            return [capitalize(lead + statement), capitalize(choice(phrases.SIDE_LEADS) + other)]
        if layout == "side before":
            return [capitalize(choice(phrases.SIDE_LEADS) + other), capitalize(choice(phrases.MAIN_LEADS) + statement)]
        if layout == "solved before":
            solved = choice(phrases.SOLVED_LEADS) + other + " " + choice(phrases.SOLVED_TAILS)
            return [capitalize(solved), choice(("Now: ", "Today it is something else: ", "This time: ")) + statement]
        place = self.random.randint(1, 2)
        first, second = (statement, other) if place == 1 else (other, statement)
        pointer = choice(phrases.POINTERS[place])
        opening = choice(phrases.TWO_THINGS) + (" " + pointer if self.random.random() < 0.3 else "")
        ending = [] if pointer in opening else [pointer]
        return [f"{opening} First, {first}", f"Second, {second}", *ending]

    def _statement(self, issue: Issue, shown: dict, may_correct: bool) -> str:
        template = self.random.choice(issue.statements)
        missing = [name for name in slots_of(issue.summary) if name not in slots_of(template)]
        self.random.shuffle(missing)
        sentences = [template] + [self.random.choice(DETAILS[name]) for name in missing]
        text = " ".join(sentences).format(**shown)
        if may_correct and "order" in shown and self.random.random() < 0.08:
            wrong = misspell(shown["order"], self.random)
            text = text.replace(shown["order"], wrong)
            text += f" Sorry, I mistyped: the order number is {shown['order']}, not {wrong}."
        return text

    def _cues(self) -> list[tuple[int, str]]:
        names = self.random.sample(list(CUES), self.random.choices((0, 1, 2, 3), (18, 34, 32, 16))[0])
        for rivals in phrases.EXCLUSIVE_CUES:
            for extra in [name for name in names if name in rivals][1:]:
                names.remove(extra)
        return [(CUES[name][0], self.random.choice(CUES[name][1])) for name in names]

    def _distractors(self) -> list[str]:
        count = self.random.choices((0, 1, 2, 3), (35, 35, 20, 10))[0]
        return [self._sentence(template) for template in self.random.sample(phrases.DISTRACTORS, count)]

    def _sentence(self, template: str) -> str:
        return template.format(**{name: self._value(name)[1] for name in slots_of(template)})

    def _interleave(self, blocks: list[str], extras: list[str]) -> list[str]:
        """Puts each extra sentence before, between or after the blocks; mostly after."""
        places = [self.random.choice((0, 1, len(blocks), len(blocks), len(blocks))) for _ in extras]
        self.random.shuffle(extras)
        body = []
        for place in range(len(blocks) + 1):
            body += [extra for extra, at in zip(extras, places) if at == place] + blocks[place : place + 1]
        return body

    def _letter(self, body: list[str], shown: dict) -> str:
        gap = self.random.choice((" ", "\n"))
        parts = [self._sentence(self.random.choice(phrases.GREETINGS)), " ".join(body)]
        parts.append(self._sentence(self.random.choice(phrases.CLOSINGS)))
        chance = self.random.random()
        if chance < 0.15:
            parts.insert(0, f"Subject: {self.random.choice(SUBJECTS)}.")
        elif chance < 0.25 and ("order" in shown or "product" in shown):
            parts.insert(0, f"Subject: {shown.get('product') or 'order ' + shown['order']}.")
        return gap.join(part for part in parts if part)

    def _noise(self, text: str) -> str:
        """The article `an`; typos in words of small letters (never in numbers, codes or addresses), and a few letters without capitals."""
        text = re.sub(r"\b([Aa]) (?=[AEIOaeio]|[Uu]mbra)", r"\1n ", text)
        rate = self.random.choices((0.0, 0.03, 0.08), (50, 35, 15))[0]
        word = r"(?<![\w@.-])[a-z]{4,}(?![\w@-]|\.\w)"
        text = re.sub(word, lambda m: misspell(m[0], self.random) if self.random.random() < rate else m[0], text)
        return text.lower() if self.random.random() < 0.06 else text


def priority_of(points: int) -> str:
    return "low" if points <= 0 else "normal" if points == 1 else "high" if points <= 3 else "urgent"


def capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def misspell(word: str, rng: random.Random) -> str:
    """Swaps, drops or doubles one character after the first; numbers only swap digits, and always change."""
    for _ in range(20):
        at = rng.randint(1, len(word) - 2)
        swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        dropped, doubled = word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]
        result = swapped if word.isdigit() else rng.choice((swapped, dropped, doubled))
        if result != word:
            return result
    return word[:-1] + str((int(word[-1]) + 1) % 10) if word.isdigit() else word + word[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--held-out", action="store_true")
    arguments = parser.parse_args()
    writer = TicketWriter(arguments.seed, arguments.held_out)
    for _ in range(arguments.count):
        ticket = writer.ticket()
        print(f"{ticket.prompt}{ticket.answer}\n")


if __name__ == "__main__":
    main()
