"""Mentions whose author edited or deleted the post after it was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from bot.domain.mention import OPEN, State
from bot.domain.policy import PolicyReason
from bot.storage import direct_messages, introductions, merging
from bot.storage.consent import withdraw
from bot.storage.outcomes import decline
from bot.storage.queue import enqueue
from bot.storage.redaction import WHY_WITHOUT_WORDS
from bot.storage.rows import post_columns
from bot.storage.tables import MentionRow, OutboxRow
from memory.db import mark_erased

DECLINED = MentionRow.state == State.DECLINED

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from bot.domain.mention import Mention
    from memory.db import Tx


def cids_of(tx: Tx, uris: list[str]) -> dict[str, str]:
    """The stored ones among these mentions: URI to CID."""
    rows = tx.execute(select(MentionRow.uri, MentionRow.cid).where(MentionRow.uri.in_(uris)))
    return {row.uri: row.cid for row in rows}


def advance_rev(tx: Tx, uri: str, rev: str | None) -> bool:
    """Store `rev` as the mention's latest. False if it is not newer than the stored one: the edit is known.

    An edit without a revision is always new.
    """
    if rev is None:
        return True
    last = tx.execute(select(MentionRow.rev).where(MentionRow.uri == uri).with_for_update()).scalar()
    if last is not None and rev <= last:  # TIDs sort by time
        return False
    tx.execute(update(MentionRow).where(MentionRow.uri == uri).values(rev=rev))
    return True


def cids_with_text(tx: Tx, did: str) -> dict[str, str]:
    """This person's mentions whose text is still stored, oldest first: URI to CID."""
    rows = select(MentionRow.uri, MentionRow.cid).where(MentionRow.did == did, MentionRow.text != "")
    return {row.uri: row.cid for row in tx.execute(rows.order_by(MentionRow.said_at, MentionRow.uri))}


def replace(tx: Tx, mention: Mention, due_at: datetime) -> State | None:
    """Replace the stored post by the edited one.

    An open mention without a posted reply waits again, and a worker on it loses its fence. Otherwise the
    state stays. Returns the state before; None if the mention is not stored, or has this version already.
    """
    row = tx.execute(
        select(MentionRow.cid, MentionRow.state).where(MentionRow.uri == mention.uri).with_for_update()
    ).first()
    if row is None or row.cid == mention.ref.cid:
        return None
    state = State(row.state)
    if state in OPEN and not _has_posted_part(tx, mention.uri):
        values = post_columns(mention) | _as_waiting(due_at, _may_stand(tx, [mention.uri]))
        _discard_draft(tx, [mention.uri])
    else:
        values = {key: post_columns(mention)[key] for key in ("cid", "text", "langs", "command")}
    tx.execute(update(MentionRow).where(MentionRow.uri == mention.uri).values(**values))
    if "state" in values:
        enqueue(tx, mention.did, due_at)
    mark_erased(tx)
    return state


def think_again(tx: Tx, uris: Collection[str], now: datetime) -> None:
    """Throw away what is thought or drafted of these mentions, unless it is on its way to the network.

    A worker that thinks of one loses its fence.
    """
    begun = MentionRow.uri.in_(uris) & MentionRow.state.in_((State.THINKING, State.DRAFTED))
    found = tx.scalars(select(MentionRow.uri).where(begun)).all()
    found = [uri for uri in found if not _has_posted_part(tx, uri)]
    waiting = _as_waiting(now, _may_stand(tx, found))
    _discard_draft(tx, found)
    again = update(MentionRow).where(MentionRow.uri.in_(found)).values(waiting)
    for did in set(tx.scalars(again.returning(MentionRow.did))):
        enqueue(tx, did, now)


def retract(tx: Tx, uri: str, why: str, now: datetime) -> bool:
    """The author deleted the post, or no longer addresses the bot: decline it and erase its text.

    False if no text was stored.
    """
    withdraw(tx, [uri], now)
    decline(tx, uri, why, now)
    if tx.scalar(select(MentionRow.why).where(MentionRow.uri == uri, DECLINED)) in (why, PolicyReason.GONE):
        merging.release(tx, uri, now)
    stored = update(MentionRow).where(MentionRow.uri == uri, MentionRow.text != "")
    if erased := bool(tx.execute(stored.values(text="", langs="", why=WHY_WITHOUT_WORDS)).rowcount):
        mark_erased(tx)
    return erased


def _as_waiting(due_at: datetime, may_stand: Collection[str]) -> dict[str, Any]:
    """The columns of a mention that is thought of for the first time. A worker on it loses its fence.

    Of those that `may_stand` the old answer may be adopted: it is erased and shown to no brain.
    """
    unset = dict.fromkeys(("worker", "why", "drafted_at", "post_at"))
    counters = dict.fromkeys(("attempts", "post_failures"), 0)
    forgotten = MentionRow.uri.in_(may_stand)
    state = {"state": State.WAITING, "due_at": due_at, "answer_forgotten": forgotten}
    return unset | counters | state | {"fence": MentionRow.fence + 1}


def _discard_draft(tx: Tx, uris: Collection[str]) -> None:
    tx.execute(delete(OutboxRow).where(OutboxRow.mention_uri.in_(uris)))
    introductions.drop(tx, uris)
    direct_messages.drop(tx, uris)


def _may_stand(tx: Tx, uris: Collection[str]) -> list[str]:
    """Those of these mentions of whose reply a post may be on the network, for its record was fixed."""
    fixed = select(OutboxRow.mention_uri).where(OutboxRow.mention_uri.in_(uris), OutboxRow.rkey.is_not(None))
    return list(tx.scalars(fixed))


def _has_posted_part(tx: Tx, uri: str) -> bool:
    posted = select(OutboxRow.part).where(OutboxRow.mention_uri == uri, OutboxRow.uri.is_not(None))
    return tx.execute(posted.limit(1)).first() is not None
