"""Who does not want to be answered, or not here; and what was said too late for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from bot.domain.mention import Command
from bot.domain.threadgate import Gate
from bot.domain.uris import author
from bot.storage import jobs
from bot.storage.jobs import JobKind
from bot.storage.outbox import bot_posts_in_thread
from bot.storage.outcomes import decline_where
from bot.storage.tables import BlockRow, GateRow, MentionRow, OutboxRow, StopRow, ThreadStopRow
from memory.db import insert

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Mention
    from memory.db import Tx

WITHDRAWN_WITHIN = timedelta(seconds=60)  # what was said longer ago was said before the stop


def stop(tx: Tx, did: str, now: datetime) -> None:
    """No more talk with this person: from now on, in what is still open, and in what was said just now."""
    tx.execute(insert(tx, StopRow).values(did=did, at=now).on_conflict_do_nothing())
    _end(tx, MentionRow.did == did, "stop", now)


def start(tx: Tx, did: str) -> None:
    """Talk with this person again, in all their threads."""
    tx.execute(delete(StopRow).where(StopRow.did == did))
    tx.execute(delete(ThreadStopRow).where(ThreadStopRow.did == did))


def stop_thread(tx: Tx, root_uri: str, now: datetime) -> None:
    """Say no more in this thread, whoever asks."""
    row = insert(tx, ThreadStopRow).values(root_uri=root_uri, did=author(root_uri), at=now)
    tx.execute(row.on_conflict_do_nothing())
    _end(tx, MentionRow.root_uri == root_uri, "thread stopped", now)


def overruled(tx: Tx, mention: Mention) -> bool:
    """Did the same person command something else after this (which is heard late)?"""
    later = select(MentionRow.uri).where(
        MentionRow.did == mention.did,
        MentionRow.command.in_((Command.STOP, Command.START)),
        MentionRow.said_at > mention.said_at,
    )
    return tx.execute(later.limit(1)).first() is not None


def block(tx: Tx, uri: str, at: datetime, now: datetime) -> bool:
    """Its author blocks the bot since `at`. False if that was known."""
    row = insert(tx, BlockRow).values(uri=uri, did=author(uri), at=at)
    fresh = tx.execute(row.on_conflict_do_nothing().returning(BlockRow.uri)).first() is not None
    if fresh:
        _end(tx, (MentionRow.did == author(uri)) & (MentionRow.said_at <= at), "blocked", now)
    return fresh


def blocks_of(tx: Tx, did: str) -> list[str]:
    return list(tx.execute(select(BlockRow.uri).where(BlockRow.did == did)).scalars())


def set_gate(tx: Tx, uri: str, post: str, gate: Gate, at: datetime, now: datetime) -> None:
    """Keep the gate of the thread under `post`; what waits behind a shut one is declined."""
    changed = {"post": post, "record": gate.to_json(), "at": at}
    row = insert(tx, GateRow).values(uri=uri, **changed)
    tx.execute(row.on_conflict_do_update(index_elements=["uri"], set_=changed))
    if gate.allows_reply(mentioned=None, bot_posts=bot_posts_in_thread(tx, post)) is False:
        _end(tx, (MentionRow.root_uri == post) & (MentionRow.said_at <= at), "gated", now)


def gate_of(tx: Tx, root_uri: str) -> Gate | None:
    found = tx.execute(select(GateRow.record).where(GateRow.post == root_uri).limit(1)).scalar()
    return Gate.from_json(found) if found else None


def record_deleted(tx: Tx, uri: str) -> bool:
    """A block or a gate is gone. False if it was not known."""
    gone = [tx.execute(delete(table).where(table.uri == uri)).rowcount for table in (BlockRow, GateRow)]
    return any(gone)


def withdraw(tx: Tx, mention_uri: str, now: datetime) -> None:
    """Take back what of this answer may have reached the network unseen."""
    _withdraw(tx, (OutboxRow.mention_uri == mention_uri) & OutboxRow.uri.is_(None), now)


def _end(tx: Tx, which: Any, why: str, now: datetime) -> None:
    """Decline what is open, and take back what was put within the last minute or is being put now."""
    recent = OutboxRow.posted_at.is_(None) | (OutboxRow.posted_at > now - WITHDRAWN_WITHIN)
    asked = select(MentionRow.uri).where(which)
    _withdraw(tx, OutboxRow.mention_uri.in_(asked) & recent, now)
    decline_where(tx, which, why, now)


def _withdraw(tx: Tx, which: Any, now: datetime) -> None:
    fixed = select(OutboxRow.rkey).where(which, OutboxRow.rkey.is_not(None), OutboxRow.withdrawn_at.is_(None))
    for rkey in filter(None, tx.execute(fixed).scalars().all()):
        jobs.add(tx, JobKind.WITHDRAW, rkey, now)
