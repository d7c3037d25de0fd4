"""Who and what the tests of memory speak of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from memory.model import Limits, Note, Receipt

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALICE, BOB = "did:plc:alice", "did:plc:bob"
ROOMY = Limits(notes=1000, per_exchange=1000, per_day=1000)


def later(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def receipt(did: str = ALICE, post: str = "p1", said_at: datetime = NOW) -> Receipt:
    return Receipt(f"at://{did}/app.bsky.feed.post/{post}", f"bafy{post}", did, said_at)


def note(note_id: int, text: str, said_at: datetime = NOW) -> Note:
    return Note(note_id, ALICE, text, receipt(said_at=said_at), said_at)
