"""The script of a month of `benchmarks.month`: who writes what when. Pure, from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = ZoneInfo("Europe/Vienna")
BEGIN = datetime(2026, 3, 14, tzinfo=ZONE).astimezone(UTC)  # summer time begins on the 29th
DAYS = 30
QUIET = "2026-03-22"
HOURS = "08:00-23:00"
BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 10, 9, 8, 8, 9, 10, 12, 13, 13, 11, 8, 4)  # people sleep, too
BURSTS, SERIES = 0.1, 0.03  # of what is said
HEATED = timedelta(days=19, hours=15)  # since the beginning
PAUSE = timedelta(days=10, hours=12), timedelta(days=10, hours=17)
CRASHES = (timedelta(days=5, hours=11), "put"), (timedelta(days=24, hours=16), "drafted")
CROWD, CROWD_POSTS, CROWD_SPAN = 12, 48, timedelta(minutes=9)


class Kind(StrEnum):
    SINGLE = "single"
    BURST = "burst"
    SERIES = "series"
    HEATED = "heated"


@dataclass(frozen=True, slots=True)
class Said:
    """A post: when, by whom (a number), in which thread (a number), and which of how many it is there."""

    at: datetime
    who: int
    thread: int
    kind: Kind
    number: int = 0
    of: int = 1

    @property
    def text(self) -> str:
        said = f"{self.thread}-{self.number}: what do you make of this?"
        return f"{self.number + 1}/{self.of} {said}" if self.kind is Kind.SERIES else said


def write(mentions: int, people: int, seed: int) -> list[Said]:
    """`mentions` posts of a month in the order of time, a heated thread among them."""
    chance, threads = random.Random(seed), count(1)
    said: list[Said] = list(_crowd(chance, people, next(threads)))
    while len(said) < mentions:
        said += _conversation(chance, people, next(threads))
    return sorted(said[:mentions], key=lambda one: (one.at, one.thread, one.number))


def _crowd(chance: random.Random, people: int, thread: int) -> Iterator[Said]:
    who = chance.sample(range(people), CROWD)
    for number in range(CROWD_POSTS):
        at = BEGIN + HEATED + CROWD_SPAN * chance.random()
        yield Said(at, chance.choice(who), thread, Kind.HEATED, number)


def _conversation(chance: random.Random, people: int, thread: int) -> list[Said]:
    """One post, or some soon after each other."""
    who, at, drawn = _regular(chance, people), _time(chance), chance.random()
    kind = Kind.BURST if drawn < BURSTS else Kind.SERIES if drawn < BURSTS + SERIES else Kind.SINGLE
    posts = 1 if kind is Kind.SINGLE else chance.randint(2, 4)
    said = []
    for number in range(posts):
        said.append(Said(at, who, thread, kind, number, posts))
        at += timedelta(seconds=chance.uniform(4, 28))
    return said


def _regular(chance: random.Random, people: int) -> int:
    """Some write often, and most seldom."""
    return min(int(people * chance.random() ** 1.7), people - 1)


def _time(chance: random.Random) -> datetime:
    day, hour = chance.randrange(DAYS), chance.choices(range(24), BY_HOUR)[0]
    return BEGIN + timedelta(days=day, hours=hour, seconds=chance.uniform(0, 3600))
