"""Ordinary posts, notes and replies, made of topics: nothing of them should be refused."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = [
    "Lisbon",
    "Oslo",
    "Kyoto",
    "Porto",
    "Leeds",
    "Turin",
    "Quito",
    "Accra",
    "Bergen",
    "Graz",
    "Hobart",
    "Split",
    "Galway",
    "Ghent",
    "Malmö",
]
ANIMALS = ["dog", "cat", "parrot", "horse", "tortoise", "hamster", "goat", "ferret", "rabbit", "goldfish"]
NAMES = ["Biscuit", "Pepper", "Milo", "Zelda", "Otto", "Mango", "Hazel", "Pixel", "Waffle", "Juno"]
JOBS = [
    "carpenter",
    "nurse",
    "baker",
    "teacher",
    "welder",
    "librarian",
    "gardener",
    "pilot",
    "potter",
    "translator",
    "geologist",
]
LIKES = [
    "rainy mornings",
    "oolong tea",
    "night trains",
    "old maps",
    "board games",
    "murder mysteries",
    "wild swimming",
    "jazz",
    "chess",
    "sourdough",
    "long walks",
    "the smell of tar",
    "synthesizers",
    "film noir",
    "crosswords",
    "mountain huts",
    "node.js",
    "typography",
]
KIN = [
    "sister",
    "brother",
    "mother",
    "father",
    "daughter",
    "son",
    "neighbour",
    "cousin",
    "grandmother",
    "partner",
]
TOOLS = [
    "kayak",
    "cello",
    "loom",
    "tandem",
    "telescope",
    "camera",
    "bicycle",
    "sewing",
    "machine",
    "printing",
    "press",
    "accordion",
]
TIMES = ("in May", "last autumn", "two years ago", "at 5:30", "on Tuesday", "every 3 weeks", "in 1998")
OPENINGS = ("", "Good. ", "Ah, ", "Well... ", "Hm. ", "I'd say: ", "No, ", "Yes; ", "Honestly, ")
ENDINGS = ("", " What do you think?", " That is worth a try.", " I may be wrong.", " 🙂", " Slowly, though.")


@dataclass(frozen=True)
class Exchange:
    """A post, a note that it gives, and a reply."""

    post: str
    note: str
    reply: str


def exchanges(number: int, seed: int) -> Iterator[Exchange]:
    chance = random.Random(seed)
    for _ in range(number):
        yield _exchange(chance)


def _exchange(chance: random.Random) -> Exchange:
    place, animal, name = chance.choice(PLACES), chance.choice(ANIMALS), chance.choice(NAMES)
    job, like, kin = chance.choice(JOBS), chance.choice(LIKES), chance.choice(KIN)
    tool, when, many = chance.choice(TOOLS), chance.choice(TIMES), chance.randint(2, 40)
    said = (
        (
            f"I live in {place} and {like} is my thing",
            f"lives in {place}",
            f"{place} suits {like}, or so people say.",
        ),
        (
            f"my {animal} is called {name}",
            f"has a {animal} called {name}",
            f"{name} is a fine name for a {animal}.",
        ),
        (f"I work as a {job} {when}", f"works as a {job}", f"A {job} {when}: did you sleep at all?"),
        (
            f"I really like {like}",
            f"likes {like}",
            f"{like.capitalize()} has a charm that grows with the years.",
        ),
        (
            f"my {kin} lives in {place}",
            f"their {kin} lives in {place}",
            f"Does your {kin} miss you in {place}?",
        ),
        (
            f"I bought a {tool} {when}",
            f"bought a {tool} {when}",
            f"A {tool} is easier to buy than to carry home.",
        ),
        (
            f"I'm {many + 18} and I still can't cook",
            f"is {many + 18} years old",
            f"At {many + 18} there is time to learn. Start with {many} eggs.",
        ),
        (
            f"I grew up in {place} with {many} hens",
            f"grew up in {place} with {many} hens",
            f"{many} hens in {place}: who counted them {when}?",
        ),
        (
            f"I can't stand {like}, sorry",
            f"does not like {like}",
            f"Then leave {like} to others, and take the {tool}.",
        ),
        (
            f"I want to see {place} {when}",
            f"wants to see {place}",
            f"Go to {place} {when}, when the crowds have left.",
        ),
        (
            f"we moved to {place} with our {animal}",
            f"moved to {place} {when}",
            f"How did the {animal} like {place}? Mine would hide.",
        ),
        (
            f"I never eat meat, I'm a {job} after all",
            "never eats meat",
            f"I don't see what a {job} has to do with it, but fine.",
        ),
    )
    post, note, reply = chance.choice(said)
    return Exchange(post, note, f"{chance.choice(OPENINGS)}{reply}{chance.choice(ENDINGS)}")
