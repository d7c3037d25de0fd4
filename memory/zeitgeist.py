"""The zeitgeist, computed from the notes of everybody. Reached through `memory.store`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from memory.people import HIDDEN
from memory.rows.notes import ACTIVE, NOTE
from memory.rules.zeitgeist import PEOPLE_AT_LEAST, shared, words
from memory.tables import HandleRow

if TYPE_CHECKING:
    from memory.db import Tx

MOST_LINES = 20  # more would fit no prompt


def find(tx: Tx) -> tuple[tuple[str, int], ...]:
    """What at least three people say, each with how many do, most people first.

    SQL selects candidates by the hash `gist`; `memory.rules.zeitgeist.shared` decides.
    """
    visible = (*ACTIVE, NOTE.did.not_in(HIDDEN))
    frequent = select(NOTE.gist).where(*visible).group_by(NOTE.gist)
    frequent = frequent.having(func.count(NOTE.did.distinct()) >= PEOPLE_AT_LEAST)
    found = tx.execute(select(NOTE.did, NOTE.text).where(*visible, NOTE.gist.in_(frequent))).all()
    statements = [(row.did, row.text) for row in found]
    candidates = shared(statements)[:MOST_LINES]
    names = _handles_among(tx, {word for text, _ in candidates for word in words(text)})
    nameless = shared(statements, names)
    return tuple(each for each in candidates if each in nameless)


def _handles_among(tx: Tx, words: set[str]) -> set[str]:
    """Those of the words that somebody's handle begins with, before its first dot."""
    if not words:
        return set()
    like = [HandleRow.handle.startswith(f"{word}.", autoescape=True) for word in sorted(words)]
    return {handle.split(".")[0] for handle in tx.scalars(select(HandleRow.handle).where(or_(*like)))}
