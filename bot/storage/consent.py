"""Who does not want to be answered or remembered, or not in a thread: stops, wishes, blocks, threadgates."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, bindparam, delete, literal_column, select, update

from bot.domain.mention import OPEN
from bot.domain.policy import PolicyReason
from bot.domain.threadgate import Gate
from bot.domain.uris import author
from bot.storage import jobs, redaction
from bot.storage.jobs import JobKind
from bot.storage.outbox import bot_posts_in_thread
from bot.storage.outcomes import decline_where
from bot.storage.tables import (
    GATES_THAT_HIDE,
    BlockRow,
    GateRow,
    MemoryWishRow,
    MentionRow,
    OutboxRow,
    StopRow,
    ThreadStopRow,
)
from memory.db import insert

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from bot.domain.mention import Command, Mention
    from memory.db import Tx

HIDES: ColumnElement[bool] = literal_column(GATES_THAT_HIDE)  # as it stands in an index
MEMORY_WISH = select(MemoryWishRow.wanted).where(MemoryWishRow.did == bindparam("who"))
WITHDRAW_WITHIN = timedelta(seconds=60)  # older posts were made before the stop and stay


def stop(tx: Tx, did: str, now: datetime) -> None:
    """Stop answering this person: decline open mentions, and withdraw the posts of the last minute."""
    tx.execute(insert(tx, StopRow).values(did=did, at=now).on_conflict_do_nothing())
    _decline_and_withdraw(tx, MentionRow.did == did, "stop", now)


def start(tx: Tx, did: str) -> None:
    """Answer this person again, also in the threads that they stopped."""
    tx.execute(delete(StopRow).where(StopRow.did == did))
    tx.execute(delete(ThreadStopRow).where(ThreadStopRow.did == did))


def set_memory_wish(tx: Tx, did: str, now: datetime, *, wanted: bool) -> None:
    """From now on, remember this person or (not `wanted`) nothing of them. What is remembered stays."""
    row = insert(tx, MemoryWishRow).values(did=did, at=now, wanted=wanted)
    tx.execute(row.on_conflict_do_update(index_elements=["did"], set_={"at": now, "wanted": wanted}))


def memory_wish(tx: Tx, did: str) -> bool | None:
    """Whether this person wants to be remembered; None if they did not say."""
    return tx.scalar(MEMORY_WISH, {"who": did})


def forget_memory_wish(tx: Tx, did: str) -> None:
    """Who was forgotten begins anew. Only the wish not to be remembered stays, as a `stop` does."""
    tx.execute(delete(MemoryWishRow).where(MemoryWishRow.did == did, MemoryWishRow.wanted))


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


def add_block(tx: Tx, uri: str, at: datetime) -> None:
    """Store this block record without declining anything: policy is about to be asked."""
    row = insert(tx, BlockRow).values(uri=uri, did=author(uri), at=at)
    tx.execute(row.on_conflict_do_nothing())


def deny_inference(tx: Tx, did: str, now: datetime) -> None:
    """This person denies that a model is shown their words: decline what is open, and erase its words.

    Commands are the program's, not a model's.
    """
    which = (MentionRow.did == did) & MentionRow.command.is_(None)
    uris = tx.scalars(select(MentionRow.uri).where(which, MentionRow.state.in_(OPEN))).all()
    _decline_and_withdraw(tx, which, PolicyReason.DENIED, now)
    redaction.erase_words(tx, uris)
    redaction.erase_answers(tx, uris)


def blocks_of(tx: Tx, did: str) -> list[str]:
    return list(tx.execute(select(BlockRow.uri).where(BlockRow.did == did)).scalars())


def set_gate(tx: Tx, uri: str, post: str, gate: Gate, at: datetime, now: datetime) -> None:
    """Store the gate of the thread under `post`. If the bot may not reply there, decline open mentions."""
    changed = {"post": post, "record": gate.to_json(), "at": at}
    row = insert(tx, GateRow).values(uri=uri, **changed)
    tx.execute(row.on_conflict_do_update(index_elements=["uri"], set_=changed))
    if gate.allows_reply(mentioned=None, posts=bot_posts_in_thread(tx, post)) is False:
        _decline_and_withdraw(tx, (MentionRow.root_uri == post) & (MentionRow.said_at <= at), "gated", now)


def gate_of(tx: Tx, root_uri: str) -> Gate | None:
    stored = tx.execute(select(GateRow.record).where(GateRow.post == root_uri).limit(1)).scalar()
    return Gate.from_json(stored) if stored else None


def forget_hidden(tx: Tx, did: str) -> None:
    """Drop this person's posts from gates that an earlier version stored with all that they hide."""
    named = GateRow.record.contains(f"at://{did}/", autoescape=True)
    for row in tx.execute(select(GateRow.uri, GateRow.record).where(HIDES, named)).all():
        gate = Gate.from_json(row.record)
        kept = replace(gate, hidden=frozenset(uri for uri in gate.hidden if author(uri) != did))
        tx.execute(update(GateRow).where(GateRow.uri == row.uri).values(record=kept.to_json()))


def record_deleted(tx: Tx, uri: str) -> bool:
    """Forget a deleted block or gate. False if it was not known."""
    deleted = [tx.execute(delete(table).where(table.uri == uri)).rowcount for table in (BlockRow, GateRow)]
    return any(deleted)


def withdraw(tx: Tx, uris: Collection[str], now: datetime) -> None:
    """These mentions end: delete posts that may be on the network though no put was confirmed.

    Call it before they end. What has ended already is left alone.
    """
    still_open = select(MentionRow.uri).where(MentionRow.uri.in_(uris), MentionRow.state.in_(OPEN))
    _withdraw(tx, OutboxRow.mention_uri.in_(still_open) & OutboxRow.uri.is_(None), now)


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
