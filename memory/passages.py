"""The rows of passages: read as values, written, erased. Reached through `memory.store`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from memory.model import Passage
from memory.tables import PassageRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Note

PASSAGE = PassageRow.__table__.c
VALUES = tuple(
    PASSAGE[name]
    for name in (
        *("did", "kind", "author", "text", "thread", "source_uri", "at", "id", "note_id"),
        *("valid_from", "valid_to", "superseded_by", "lang"),
    )
)


def thread_of(root_uri: str) -> int:
    """The number under which the passages of a thread stand together: 8 bytes instead of 70."""
    return int.from_bytes(hashlib.sha256(root_uri.encode()).digest()[:8], "big", signed=True)


def find(tx: Tx, *where: Any, limit: int | None = None, newest: bool = False) -> tuple[Passage, ...]:
    """The passages that meet every condition, in the order in which they were said.

    With `newest` and a `limit` it is the last ones, still oldest first.
    """
    order = (PASSAGE.at.desc(), PASSAGE.id.desc()) if newest else (PASSAGE.at, PASSAGE.id)
    rows = [Passage(*row) for row in tx.execute(select(*VALUES).where(*where).order_by(*order).limit(limit))]
    return tuple(reversed(rows) if newest else rows)


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of `passage`; what is recorded already stays as it is."""
    if rows:
        dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
        tx.execute(dialect.insert(PassageRow).on_conflict_do_nothing(), rows)


def of_note(note: Note) -> Passage:
    """A note as search finds it: it stands alone, in the thread of no other."""
    receipt = note.receipt
    return Passage(
        did=note.did,
        kind="note",
        author=note.did,
        text=note.text,
        thread=thread_of(f"note:{note.id}"),
        uri=receipt.uri,
        at=receipt.said_at,
        note_id=note.id,
        valid_to=note.valid_to,
        superseded_by=note.superseded_by,
    )


def supersede(tx: Tx, note_id: int, by: int | None, at: datetime | None) -> None:
    """The note holds no longer since `at`; with None and None it holds again."""
    tx.execute(update(PassageRow).where(PassageRow.note_id == note_id).values(superseded_by=by, valid_to=at))


def erase_source(tx: Tx, uri: str) -> int:
    """Erase what was said in this post and what answered it. Returns how many passages."""
    gone: int = tx.execute(
        delete(PassageRow).where(PassageRow.source_uri == uri, PassageRow.note_id.is_(None))
    ).rowcount
    return gone
