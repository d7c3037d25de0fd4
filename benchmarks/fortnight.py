"""The script of a bad fortnight: who writes when, and which fault stands when. Pure, from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from benchmarks.faults import DIRECTORY, HANGING, HOSTS, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterator

SPAN = timedelta(days=14)
OWN = ("outage", "lost_answer", "suspended", "revoked", "full_disk", "database", "clock_ahead")
FAULTS = (*HOSTS, *HANGING, *DIRECTORY, *PROVIDERS, *OWN)
LONG = timedelta(minutes=30)
SPANS = dict.fromkeys((*HANGING, "model_hang"), timedelta(minutes=4))  # each request costs real time
BURST = 6  # mentions at once, so that all workers have work
MENTIONS_IN_TROUBLE = 0.3  # of those of a slot, while its fault stands
VICTIMS = 3  # one of so many people
REFUSALS = 0.04  # of mentions, each kind


class Kind(StrEnum):
    """What a mention is. Only a plain one is to be answered."""

    PLAIN = "plain"
    GATED = "gated"
    DELETED = "deleted"
    STOP = "stop"
    BLOCK = "block"
    AFTER = "after"  # of somebody who has stopped or blocked the bot


@dataclass(frozen=True, slots=True)
class Said:
    """`at`: since the beginning. `who`: the number of a person."""

    at: timedelta
    who: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Slot:
    """A fault, from `begin` to `end`. `victims`: the people whose hosts have it, if it is one of hosts."""

    fault: str
    begin: timedelta
    end: timedelta
    victims: frozenset[int]


@dataclass(frozen=True, slots=True)
class Script:
    slots: tuple[Slot, ...]
    said: tuple[Said, ...]
    people: int
    silent: frozenset[int] = field(default_factory=frozenset)  # they have notes, and never write


def write(mentions: int, seed: int) -> Script:
    """`mentions` by people of whom each tenth writes nothing, spread over all faults."""
    chance = random.Random(seed)
    people = min(110, max(8, mentions // 8))
    silent = frozenset(range(max(2, people // 10)))
    slots = tuple(_slots(chance, people, silent))
    times = sorted(
        at for number, slot in enumerate(slots) for at in _times(chance, slot, _share(mentions, number))
    )
    return Script(slots, tuple(_said(chance, times, people, silent)), people, silent)


def _slots(chance: random.Random, people: int, silent: frozenset[int]) -> Iterator[Slot]:
    faults = list(FAULTS)
    chance.shuffle(faults)
    length = SPAN / len(faults)
    for number, fault in enumerate(faults):
        begin = number * length
        victims = frozenset(chance.sample(range(people), people // VICTIMS)) | silent
        yield Slot(fault, begin, begin + SPANS.get(fault, LONG), victims)


def _share(mentions: int, number: int) -> int:
    """How many of the mentions are in the time of this slot."""
    return mentions // len(FAULTS) + (number < mentions % len(FAULTS))


def _times(chance: random.Random, slot: Slot, count: int) -> Iterator[timedelta]:
    for begin in range(0, count, BURST):
        yield from [_time(chance, slot)] * min(BURST, count - begin)


def _time(chance: random.Random, slot: Slot) -> timedelta:
    rest = SPAN / len(FAULTS) - (slot.end - slot.begin)
    if chance.random() < MENTIONS_IN_TROUBLE:
        return slot.begin + chance.random() * (slot.end - slot.begin)
    return slot.end + chance.random() * rest


def _said(
    chance: random.Random, times: list[timedelta], people: int, silent: frozenset[int]
) -> Iterator[Said]:
    left: set[int] = set()
    speakers = sorted(set(range(people)) - silent)
    leavers = set(chance.sample(speakers, len(speakers) // 10))
    for at in times:
        who = chance.choice(speakers)
        if who in left:
            yield Said(at, who, Kind.AFTER)
        elif who in leavers and at > SPAN / 3:
            left.add(who)
            yield Said(at, who, chance.choice((Kind.STOP, Kind.BLOCK)))
        else:
            drawn = chance.random()
            refused = {0: Kind.GATED, 1: Kind.DELETED}.get(int(drawn / REFUSALS), Kind.PLAIN)
            yield Said(at, who, refused)
