"""What the operator sees of the queue, what conduct is told of it, and the operator's two levers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from bot.domain.mention import ACTIVE, OPEN, Entry, Said, State
from bot.errors import NotFound
from bot.storage.outcomes import tell
from bot.storage.rows import to_entry, to_part
from bot.storage.tables import MentionRow, OutboxRow

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx


def mentions(
    tx: Tx, *, did: str | None = None, state: State | None = None, limit: int = 50
) -> tuple[Entry, ...]:
    """Return the newest mentions first."""
    rows = select(MentionRow.__table__).order_by(MentionRow.seen_at.desc(), MentionRow.uri).limit(limit)
    if did is not None:
        rows = rows.where(MentionRow.did == did)
    if state is not None:
        rows = rows.where(MentionRow.state == state)
    return tuple(to_entry(tx, row) for row in tx.execute(rows).all())


def entry(tx: Tx, uri: str) -> Entry:
    """Return one mention with its fate. Raises NotFound."""
    row = tx.execute(select(MentionRow.__table__).where(MentionRow.uri == uri)).first()
    if row is None:
        raise NotFound(f"mention {uri}. `scrubjay mention list` shows what there is.")
    return to_entry(tx, row)


def retry(tx: Tx, uri: str, now: datetime) -> None:
    """Let a mention be tried again at once, as if it had just been heard.

    Raises NotFound if it was answered, or is being served.
    """
    found = entry(tx, uri)
    if found.state in (State.ANSWERED, *ACTIVE) or not found.mention.ref.cid:  # a forgotten one has no CID
        raise NotFound(f"reason to try again: {uri} is {found.state}.")
    state = State.DRAFTED if found.parts else State.WAITING
    _set(tx, uri, state=state, due_at=now, ended_at=None, why=None, attempts=0, retried_at=now)


def skip(tx: Tx, uri: str, now: datetime, why: str) -> None:
    """Decline a mention that is still open, or that failed. Raises NotFound if it is neither."""
    found = entry(tx, uri)
    if found.state not in (*OPEN, State.FAILED):
        raise NotFound(f"open mention {uri}: it is {found.state} already.")
    _set(tx, uri, state=State.DECLINED, due_at=None, ended_at=now, why=why, worker=None)
    tell(tx, [uri])


def _set(tx: Tx, uri: str, **values: object) -> None:
    """Take the mention from whoever has it, and set it."""
    fenced = update(MentionRow).where(MentionRow.uri == uri).values(fence=MentionRow.fence + 1, **values)
    tx.execute(fenced)


def posts(tx: Tx, *, did: str | None = None, limit: int = 50) -> tuple[Said, ...]:
    """Return the bot's newest posts first, those planned before all; `did` is who was answered."""
    rows = _said().order_by(OutboxRow.posted_at.desc().nulls_first(), OutboxRow.part.desc()).limit(limit)
    if did is not None:
        rows = rows.where(MentionRow.did == did)
    return tuple(map(_to_said, tx.execute(rows)))


def said(tx: Tx, uri: str) -> Said:
    """Return one post of the bot by its AT URI. Raises NotFound."""
    row = tx.execute(_said().where(OutboxRow.uri == uri)).first()
    if row is None:
        raise NotFound(f"post {uri} of the bot. `scrubjay post list` shows what there is.")
    return _to_said(row)


def _said() -> Any:
    return select(OutboxRow.__table__, MentionRow.did).join(
        MentionRow, MentionRow.uri == OutboxRow.mention_uri
    )


def _to_said(row: Any) -> Said:
    return Said(mention_uri=row.mention_uri, did=row.did, part=to_part(row), posted_at=row.posted_at)
