"""When a new statement repeats a note, and when it contradicts one. Pure.

Age never removes a note and never lowers its rank: a half-life of 90 days cost 18 points of recall@10 on
LoCoMo. A note is superseded by a rule only if the form of the texts leaves no doubt, because a wrong guess
hides what is true: both fill the same slot (`memory.rules.slots`), exactly one active note does, and the new
statement was made later. A brain that understands more uses Revise.
"""

from __future__ import annotations

import hashlib
from itertools import combinations
from typing import TYPE_CHECKING

import regex

from memory.rules.slots import slot
from memory.text import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from memory.model import Note


def gist(text: str) -> int:
    """The `folded` text as a hash of 64 bits, for an index in SQL."""
    digest = hashlib.blake2b(folded(text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def duplicate(notes: Iterable[Note], text: str) -> Note | None:
    """The note that says the same as `text`."""
    wanted = folded(text)
    return next((note for note in notes if folded(note.text) == wanted), None)


def contradicted(notes: Collection[Note], text: str, said_at: datetime) -> Note | None:
    """The one note that is no longer true because `text` was said at `said_at`; None if in doubt."""
    wanted = slot(text)
    candidates = [note for note in notes if wanted and slot(note.text) == wanted]
    if len(candidates) != 1 or said_at <= max(one.said_at for one in candidates[0].receipts):
        return None
    return candidates[0]


def mergeable(notes: Collection[Note]) -> str:
    """Which notes to merge when there is no room: the two that share most words, or else the oldest."""
    words = [(note.name, set(regex.findall(r"\w{3,}", folded(note.text)))) for note in notes]
    pairs = (
        (len(a & b) / len(a | b), one, other) for (one, a), (other, b) in combinations(words, 2) if a & b
    )
    share, one, other = max(pairs, default=(0.0, "", ""))
    if share:
        return f"the most alike: {one}, {other}"
    return f"the oldest: {', '.join(name for name, _ in words[:3])}"
