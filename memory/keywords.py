"""Keyword search over notes: the operator's search, and that of a replayed turn. Pure.

Within a turn, `memory.retrieval` finds notes and passages.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memory.model import Note

WORD = re.compile(r"\w+")


def search(notes: Iterable[Note], query: str, limit: int) -> tuple[Note, ...]:
    """The notes that share words with the query: those with most shared words first, then the newest."""
    wanted = _words(query)
    scored = [(len(wanted & _words(note.text)), note) for note in notes]
    found = [(score, note) for score, note in scored if score]
    found.sort(key=lambda hit: (hit[0], hit[1].receipt.said_at, hit[1].id), reverse=True)
    return tuple(note for _, note in found[:limit])


def _words(text: str) -> frozenset[str]:
    """The words of a text; case and composition do not count."""
    return frozenset(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
