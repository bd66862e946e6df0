"""Seeded plain English for the demo's training: little stories and notices in which later sentences depend on earlier ones."""

import random

from ticket_phrases import CITIES, FIRST_NAMES, KINDS, LAST_NAMES, MONTHS

JOBS = ("baker", "nurse", "teacher", "driver", "painter", "gardener", "cook", "librarian", "carpenter", "pilot", "farmer")
THINGS = ("key", "umbrella", "book", "hat", "ticket", "letter", "phone", "wallet", "scarf", "map", "glove", "bag")
PLACES = ("kitchen", "garden", "garage", "office", "bathroom", "attic", "cellar", "car", "shed", "hall", "library")
ANIMALS = ("dog", "cat", "rabbit", "parrot", "horse", "goat")
WEATHER = ("sunny", "rainy", "windy", "cold", "foggy", "warm")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SHE = dict(they="she", their="her", them="her")
HE = dict(they="he", their="his", them="him")

STORY = (
    "{name} is a {job} from {city}.",
    "Every day at {hour} o'clock {they} walks to work with {their} {animal}.",
    "On a {weather} {weekday} in {month}, {first} lost {their} {thing}.",
    "{They} looked for it in the {place}, but the {thing} was not in the {place}.",
    "Then {friend} came to help {them}, and they searched the {place2} together.",
    '"Where did you see the {thing} last?" asked {friend}.',
    '"I had it in the {place}," said {first}.',
    "At last the {animal} found the {thing} in the {place3}.",
    "{First} thanked {friend} and made a pot of tea for both.",
    "Since that {weekday}, the {thing} has its place in the {place2}.",
    "The next morning it was {weather2} in {city}, and the {job} was happy.",
)
NOTICE = (
    "Opening hours in {city}: {weekday} from {hour} to {hour2} o'clock.",
    "In {month} the shop in {city} is closed.",
    "Every {kind} comes with a warranty that lasts {years} years.",
    "Orders above ${price} are delivered without a fee.",
    "A {kind} can be returned within {days} days if the box is not damaged.",
    "Refunds are paid to the card that was used for the order.",
    "Please write down the serial number of the {kind} before you contact us.",
    "For repairs ask for {name}, who works in {city} on every {weekday}.",
    "Clean the {kind} with a dry cloth, and never with water.",
)


def plain_text(rng: random.Random) -> str:
    """One to four paragraphs, each a story or a notice."""
    return "\n".join(_paragraph(rng) for _ in range(rng.randint(1, 4)))


def _paragraph(rng: random.Random) -> str:
    first, friend = rng.sample(FIRST_NAMES, 2)
    place, place2, place3 = rng.sample(PLACES, 3)
    weather, weather2 = rng.sample(WEATHER, 2)
    pronouns = rng.choice((SHE, HE))
    hour = rng.randint(6, 11)
    values = pronouns | dict(
        They=pronouns["they"].capitalize(), first=first, First=first, friend=friend,
        name=f"{first} {rng.choice(LAST_NAMES)}", job=rng.choice(JOBS), city=rng.choice(CITIES), hour=hour,
        hour2=hour + rng.randint(2, 9), animal=rng.choice(ANIMALS), weather=weather, weather2=weather2,
        weekday=rng.choice(WEEKDAYS), month=rng.choice(MONTHS), thing=rng.choice(THINGS), place=place, place2=place2,
        place3=place3, kind=rng.choice(KINDS).lower(), years=rng.randint(2, 5), price=rng.randint(2, 20) * 10,
        days=rng.randint(2, 6) * 7,
    )  # fmt: skip
    if rng.random() < 0.7:
        kept = [sentence for sentence in STORY[1:] if rng.random() < 0.7]
        sentences = [STORY[0], *kept]
    else:
        sentences = rng.sample(NOTICE, rng.randint(2, 5))
    return " ".join(sentences).format(**values)
