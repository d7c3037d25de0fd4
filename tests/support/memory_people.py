"""Who and what the tests of memory speak of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

import bot.storage.tables  # noqa: F401 - registers its tables
from memory.model import Edit, Limits, Note, Receipt, RetentionPolicy, RetentionResult
from memory.store import Memory
from memory.tables import Base

if TYPE_CHECKING:
    from memory.db import Database, Tx

MEMORY = Memory()

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALICE, BOB = "did:plc:alice", "did:plc:bob"
ROOMY = Limits(notes=1000, per_exchange=1000, per_day=1000)


def later(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def receipt(did: str = ALICE, post: str = "p1", said_at: datetime = NOW) -> Receipt:
    return Receipt(f"at://{did}/app.bsky.feed.post/{post}", f"bafy{post}", did, said_at)


def note(note_id: int, text: str, said_at: datetime = NOW) -> Note:
    return Note(note_id, ALICE, text, receipt(said_at=said_at), said_at)


def retain(tx: Tx, now: datetime, policy: RetentionPolicy) -> RetentionResult:
    """What retention does to memory, in one transaction."""
    idle = MEMORY.people.idle(tx, now - policy.idle)
    for did in idle:
        MEMORY.erase(tx, did)
    return RetentionResult(MEMORY.retrieval.expire(tx, now - policy.text), idle)


def say(
    db: Database, *edits: Edit, post: str = "p1", did: str = ALICE, hours: float = 0, key: str | None = None
) -> tuple[Note, ...]:
    """What one exchange, `hours` after NOW, makes of memory."""
    said = receipt(did, post, later(hours))
    with db.write() as tx:
        return MEMORY.apply(tx, did, edits, said, key=key or said.uri, actor="rules", at=later(hours))


def texts(db: Database, did: str = ALICE) -> list[str]:
    with db.read() as tx:
        return [note.text for note in MEMORY.recall(tx, did).notes]


def everything(db: Database) -> str:
    with db.read() as tx:
        return repr([tx.execute(select(table)).all() for table in Base.metadata.sorted_tables])
