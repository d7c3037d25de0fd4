"""Reading for the operator: stored mentions, and the bot's posts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bot.domain.mention import BotPost, Entry, State
from bot.errors import NotFound
from bot.storage import outbox
from bot.storage.rows import to_entry, to_part
from bot.storage.tables import MentionRow, OutboxRow

if TYPE_CHECKING:
    from memory.db import Tx


def entries(
    tx: Tx, *, did: str | None = None, state: State | None = None, limit: int = 50
) -> tuple[Entry, ...]:
    """The newest mentions first."""
    rows = select(MentionRow.__table__).order_by(MentionRow.seen_at.desc(), MentionRow.uri).limit(limit)
    if did is not None:
        rows = rows.where(MentionRow.did == did)
    if state is not None:
        rows = rows.where(MentionRow.state == state)
    found = tx.execute(rows).all()
    parts = outbox.parts_of(tx, [row.uri for row in found])
    return tuple(to_entry(row, parts[row.uri]) for row in found)


def entry(tx: Tx, uri: str) -> Entry:
    """One mention as storage has it. Raises NotFound."""
    row = tx.execute(select(MentionRow.__table__).where(MentionRow.uri == uri)).first()
    if row is None:
        raise NotFound(f"mention {uri}. `scrubjay mention list` shows what there is.")
    return to_entry(row, outbox.parts(tx, row.uri))


def posts(tx: Tx, *, did: str | None = None, limit: int = 50) -> tuple[BotPost, ...]:
    """The bot's newest posts first, before them the planned ones. `did` is the person who was answered."""
    rows = _bot_posts() if did is None else _bot_posts().where(MentionRow.did == did)
    planned = rows.where(OutboxRow.posted_at.is_(None)).order_by(OutboxRow.part.desc()).limit(limit)
    posted = rows.where(OutboxRow.posted_at.is_not(None)).limit(limit)  # two statements: each has an index
    newest = posted.order_by(OutboxRow.posted_at.desc(), OutboxRow.part.desc())
    found = [*tx.execute(planned), *tx.execute(newest)]
    return tuple(map(_to_bot_post, found[:limit]))


def post(tx: Tx, uri: str) -> BotPost:
    """One post of the bot by its AT URI. Raises NotFound."""
    row = tx.execute(_bot_posts().where(OutboxRow.uri == uri)).first()
    if row is None:
        raise NotFound(f"post {uri} of the bot. `scrubjay post list` shows what there is.")
    return _to_bot_post(row)


def _bot_posts() -> Any:
    held = (MentionRow.state == State.DRAFTED) & MentionRow.due_at.is_(None)
    return select(OutboxRow.__table__, MentionRow.did, held.label("held")).join(
        MentionRow, MentionRow.uri == OutboxRow.mention_uri
    )


def _to_bot_post(row: Any) -> BotPost:
    return BotPost(row.mention_uri, row.did, to_part(row), row.posted_at, held=row.held)
