"""Who does not want to be answered, or not in a thread: stops, blocks and threadgates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from bot.domain.threadgate import Gate
from bot.domain.uris import author
from bot.storage import jobs
from bot.storage.jobs import JobKind
from bot.storage.outbox import bot_posts_in_thread
from bot.storage.outcomes import decline_where
from bot.storage.tables import BlockRow, GateRow, MentionRow, OutboxRow, RefusalRow, StopRow, ThreadStopRow
from memory.db import insert

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Command, Mention
    from memory.db import Tx

WITHDRAW_WITHIN = timedelta(seconds=60)  # older posts were made before the stop and stay


def stop(tx: Tx, did: str, now: datetime) -> None:
    """Stop answering this person: decline open mentions, and withdraw the posts of the last minute."""
    tx.execute(insert(tx, StopRow).values(did=did, at=now).on_conflict_do_nothing())
    _decline_and_withdraw(tx, MentionRow.did == did, "stop", now)


def start(tx: Tx, did: str) -> None:
    """Answer this person again, also in the threads that they stopped."""
    tx.execute(delete(StopRow).where(StopRow.did == did))
    tx.execute(delete(ThreadStopRow).where(ThreadStopRow.did == did))


def refuse_memory(tx: Tx, did: str, now: datetime) -> None:
    """From now on, remember nothing of this person. What is remembered stays."""
    tx.execute(insert(tx, RefusalRow).values(did=did, at=now).on_conflict_do_nothing())


def allow_memory(tx: Tx, did: str) -> None:
    tx.execute(delete(RefusalRow).where(RefusalRow.did == did))


def refuses_memory(tx: Tx, did: str) -> bool:
    return tx.scalar(select(RefusalRow.did).where(RefusalRow.did == did)) is not None


def stop_thread(tx: Tx, root_uri: str, now: datetime) -> None:
    """Stop answering in this thread, whoever asks."""
    row = insert(tx, ThreadStopRow).values(root_uri=root_uri, did=author(root_uri), at=now)
    tx.execute(row.on_conflict_do_nothing())
    _decline_and_withdraw(tx, MentionRow.root_uri == root_uri, "thread stopped", now)


def is_overruled(tx: Tx, mention: Mention, *opposites: Command) -> bool:
    """Whether the same person wrote a later one of these commands, so that this late one must do nothing."""
    later = select(MentionRow.uri).where(
        MentionRow.did == mention.did,
        MentionRow.command.in_(opposites),
        MentionRow.said_at > mention.said_at,
    )
    return tx.execute(later.limit(1)).first() is not None


def block(tx: Tx, uri: str, at: datetime, now: datetime) -> bool:
    """Record that the author of this block record blocks the bot since `at`. False if it was known."""
    row = insert(tx, BlockRow).values(uri=uri, did=author(uri), at=at)
    added = tx.execute(row.on_conflict_do_nothing().returning(BlockRow.uri)).first() is not None
    if added:
        earlier = (MentionRow.did == author(uri)) & (MentionRow.said_at <= at)
        _decline_and_withdraw(tx, earlier, "blocked", now)
    return added


def blocks_of(tx: Tx, did: str) -> list[str]:
    return list(tx.execute(select(BlockRow.uri).where(BlockRow.did == did)).scalars())


def set_gate(tx: Tx, uri: str, post: str, gate: Gate, at: datetime, now: datetime) -> None:
    """Store the gate of the thread under `post`. If the bot may not reply there, decline open mentions."""
    changed = {"post": post, "record": gate.to_json(), "at": at}
    row = insert(tx, GateRow).values(uri=uri, **changed)
    tx.execute(row.on_conflict_do_update(index_elements=["uri"], set_=changed))
    if gate.allows_reply(mentioned=None, bot_posts=bot_posts_in_thread(tx, post)) is False:
        _decline_and_withdraw(tx, (MentionRow.root_uri == post) & (MentionRow.said_at <= at), "gated", now)


def gate_of(tx: Tx, root_uri: str) -> Gate | None:
    stored = tx.execute(select(GateRow.record).where(GateRow.post == root_uri).limit(1)).scalar()
    return Gate.from_json(stored) if stored else None


def record_deleted(tx: Tx, uri: str) -> bool:
    """Forget a deleted block or gate. False if it was not known."""
    deleted = [tx.execute(delete(table).where(table.uri == uri)).rowcount for table in (BlockRow, GateRow)]
    return any(deleted)


def withdraw(tx: Tx, mention_uri: str, now: datetime) -> None:
    """Delete those posts of this reply that may be on the network though no put was confirmed."""
    _withdraw(tx, (OutboxRow.mention_uri == mention_uri) & OutboxRow.uri.is_(None), now)


def _decline_and_withdraw(tx: Tx, which: Any, why: str, now: datetime) -> None:
    """Decline open mentions. Withdraw posts of the last minute, and those that are being sent now."""
    recent = OutboxRow.posted_at.is_(None) | (OutboxRow.posted_at > now - WITHDRAW_WITHIN)
    mentions = select(MentionRow.uri).where(which)
    _withdraw(tx, OutboxRow.mention_uri.in_(mentions) & recent, now)
    decline_where(tx, which, why, now)


def _withdraw(tx: Tx, which: Any, now: datetime) -> None:
    fixed = select(OutboxRow.rkey).where(which, OutboxRow.rkey.is_not(None), OutboxRow.withdrawn_at.is_(None))
    for rkey in filter(None, tx.execute(fixed).scalars().all()):
        jobs.add(tx, JobKind.WITHDRAW, rkey, now)
