"""Finding notes by their words."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memory.model import Note

WORD = re.compile(r"\w+")


def words(text: str) -> frozenset[str]:
    """The words of a text, alike in any case and composition."""
    return frozenset(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def rank(notes: Iterable[Note], query: str, limit: int) -> tuple[Note, ...]:
    """The notes that share words with the query: most words first, then the newest."""
    wanted = words(query)
    scored = [(len(wanted & words(note.text)), note) for note in notes]
    found = [(score, note) for score, note in scored if score]
    found.sort(key=lambda hit: (hit[0], hit[1].receipt.said_at, hit[1].id), reverse=True)
    return tuple(note for _, note in found[:limit])
