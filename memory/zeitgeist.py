"""The zeitgeist, read out of everybody's notes: the one place where these meet. Reached through the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select

from memory.people import HIDDEN
from memory.rows.notes import ACTIVE, NOTE
from memory.rules import consolidation
from memory.tables import HandleRow

if TYPE_CHECKING:
    from memory.db import Tx

LINES = 20  # more would fit no prompt


def find(tx: Tx) -> tuple[tuple[str, int], ...]:
    """What at least three people say, and how many, most first. `keeper.common` has the last word."""
    told = (*ACTIVE, NOTE.did.not_in(HIDDEN))
    shared = select(NOTE.gist).where(*told).group_by(NOTE.gist)
    shared = shared.having(func.count(NOTE.did.distinct()) >= consolidation.PEOPLE_AT_LEAST)
    said = tx.execute(select(NOTE.did, NOTE.text).where(*told, NOTE.gist.in_(shared))).all()
    pairs = [(row.did, row.text) for row in said]
    candidates = consolidation.common(pairs)[:LINES]
    nameless = consolidation.common(
        pairs, _names(tx, {word for text, _ in candidates for word in consolidation.words(text)})
    )
    return tuple(each for each in candidates if each in nameless)


def _names(tx: Tx, words: set[str]) -> set[str]:
    """Which of these words are somebody's handle, before its first dot."""
    if not words:
        return set()
    like = [HandleRow.handle.startswith(f"{word}.", autoescape=True) for word in sorted(words)]
    return {handle.split(".")[0] for handle in tx.scalars(select(HandleRow.handle).where(or_(*like)))}
