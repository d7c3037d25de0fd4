"""Drafts in the operator's hand: held, approved, edited, retracted. One that is held has no time to post."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, select, update

from bot.domain.mention import State
from bot.errors import NotFound
from bot.storage import introductions, jobs, outbox, outcomes
from bot.storage.jobs import JobKind
from bot.storage.queue import ANSWERED
from bot.storage.rows import to_entry
from bot.storage.tables import MentionRow, OutboxRow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from bot.domain.mention import Entry, Part
    from memory.db import Tx

WAITS = "waits for the operator"
REJECTED = "rejected by the operator"
WITHDRAWN = "withdrawn by the operator"
UNAPPROVED = "not approved in time"
DRAFTED = MentionRow.state == State.DRAFTED
HELD = DRAFTED, MentionRow.due_at.is_(None)
UNPOSTED = MentionRow.state.in_((State.DRAFTED, State.POSTING))
FIXED = OutboxRow.rkey.is_not(None), OutboxRow.withdrawn_at.is_(None)


def is_new(tx: Tx, did: str) -> bool:
    """Whether this person had no answer yet."""
    return not tx.scalar(select(exists().where(MentionRow.did == did, ANSWERED)))


def held(tx: Tx, did: str | None, limit: int) -> tuple[Entry, ...]:
    """The drafts (for this person) that wait for the operator, the oldest first."""
    found = select(MentionRow.__table__).where(*HELD)
    found = found if did is None else found.where(MentionRow.did == did)
    rows = tx.execute(found.order_by(MentionRow.drafted_at, MentionRow.uri).limit(limit)).all()
    parts = outbox.parts_of(tx, [row.uri for row in rows])
    return tuple(to_entry(row, parts[row.uri]) for row in rows)


def held_among(tx: Tx, uris: Collection[str]) -> frozenset[str]:
    """Those of these mentions whose drafts wait for the operator."""
    return frozenset(tx.scalars(select(MentionRow.uri).where(MentionRow.uri.in_(uris), *HELD)))


def expire(tx: Tx, before: datetime, now: datetime, limit: int | None = None) -> int:
    """Drop drafts that wait since before then: they hold what was said so long ago. Returns how many."""
    found = select(MentionRow.uri).where(*HELD, MentionRow.drafted_at < before).limit(limit)
    return _withdraw(tx, MentionRow.uri.in_(tx.scalars(found).all()), UNAPPROVED, now)


def hold(tx: Tx, uri: str) -> None:
    """Let this draft wait for the operator. Raises NotFound if there is none, or its posting has begun."""
    begun = exists().where(OutboxRow.mention_uri == uri, OutboxRow.rkey.is_not(None))
    values = {"due_at": None, "post_at": None, "why": WAITS, "worker": None, "fence": MentionRow.fence + 1}
    held = update(MentionRow).where(MentionRow.uri == uri, DRAFTED, MentionRow.command.is_(None), ~begun)
    if not tx.execute(held.values(**values)).rowcount:
        raise NotFound(
            f"draft for {uri} of which nothing was posted. `scrubjay post list` shows what there is."
        )


def approve(tx: Tx, uri: str, now: datetime) -> None:
    """Post this draft at the next free time. Its mention's age counts from now. Raises NotFound."""
    values = {"due_at": now, "why": None, "retried_at": now, "attempts": 0}
    approved = update(MentionRow).where(MentionRow.uri == uri, *HELD)
    if not tx.execute(approved.values(**values)).rowcount:
        raise NotFound(f"draft for {uri} that waits. `scrubjay post list --held` shows those that do.")


def edit(tx: Tx, uri: str, before: Sequence[Part], parts: Sequence[Part], now: datetime) -> None:
    """Let these be the draft. It waits for the operator then.

    Raises NotFound as `hold` does, and if the draft is not the one `before`: it may have been thought of
    anew, because something was forgotten.
    """
    hold(tx, uri)
    if [part.text for part in outbox.parts(tx, uri)] != [part.text for part in before]:
        raise NotFound(f"such draft for {uri} any more: there is another one. `scrubjay post show` shows it.")
    outbox.write_parts(tx, uri, parts)
    tx.execute(update(OutboxRow).where(OutboxRow.mention_uri == uri).values(edited_at=now))
    introductions.set_answer(tx, uri, "\n\n".join(part.text for part in parts))


def reject(tx: Tx, uri: str, now: datetime) -> bool:
    """Never post this draft, and drop what its turn wanted remembered. False if there is none.

    What was posted of it, or may be just now, is deleted.
    """
    return bool(_withdraw(tx, MentionRow.uri == uri, REJECTED, now))


def withdraw_all(tx: Tx, now: datetime) -> int:
    """The same for all drafts but those of the program itself, which answer commands. Returns how many."""
    return _withdraw(tx, MentionRow.command.is_(None), WITHDRAWN, now)


def retract(tx: Tx, uri: str, now: datetime) -> int:
    """Delete the answer to this mention. It stays answered. Returns how many posts are to be deleted."""
    return _delete_posts(tx, [uri], now)


def _withdraw(tx: Tx, which: Any, why: str, now: datetime) -> int:
    uris = tx.scalars(select(MentionRow.uri).where(which, UNPOSTED).with_for_update()).all()
    _delete_posts(tx, uris, now)
    declined = outcomes.decline_all(tx, uris, why, now)
    tx.execute(delete(OutboxRow).where(OutboxRow.mention_uri.in_(uris), OutboxRow.rkey.is_(None)))
    return declined


def _delete_posts(tx: Tx, uris: Sequence[str], now: datetime) -> int:
    keys = tx.scalars(select(OutboxRow.rkey).where(OutboxRow.mention_uri.in_(uris), *FIXED)).all()
    for rkey in filter(None, keys):
        jobs.add(tx, JobKind.WITHDRAW, rkey, now)
    return len(keys)
