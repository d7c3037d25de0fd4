"""A mention's way through its states, and the cursor that moves with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from bot.domain.mention import ACTIVE, Claim, Mention, State
from bot.errors import FenceLost
from bot.storage.rows import columns, to_mention
from bot.storage.tables import MentionRow, OutboxRow
from memory.db import insert, mark_erased

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from bot.domain.prompt import Usage
    from memory.db import Database, Tx

CLAIM_TRIES = 5
TAKEN_BY = {State.WAITING: State.THINKING, State.DRAFTED: State.POSTING}
GIVEN_BACK = {State.THINKING: State.WAITING, State.POSTING: State.DRAFTED}


def accept(tx: Tx, mention: Mention, *, now: datetime, due_at: datetime, rev: str | None = None) -> bool:
    """Take a mention in. False if it was known already."""
    fresh = columns(mention) | {"seen_at": now, "state": State.WAITING, "due_at": due_at, "rev": rev}
    counters = dict.fromkeys(("fence", "attempts", "tokens_in", "tokens_out", "cost"), 0)
    row = insert(tx, MentionRow).values(uri=mention.uri, did=mention.did, **fresh, **counters)
    added = tx.execute(row.on_conflict_do_nothing().returning(MentionRow.uri))
    return added.first() is not None


def is_due(tx: Tx, now: datetime) -> bool:
    """Is there perhaps something to claim?"""
    return tx.execute(select(MentionRow.uri).where(MentionRow.due_at <= now).limit(1)).first() is not None


def claim(db: Database, worker: str, *, now: datetime, lease: timedelta) -> Claim | None:
    """Take the mention that is due longest, of a person whom nobody is serving. None if there is none."""
    for _ in range(CLAIM_TRIES):
        try:
            with db.write() as tx:
                return _claim(tx, worker, now, lease)
        except IntegrityError:  # another worker took a mention of the same person just now
            continue
    return None


def _claim(tx: Tx, worker: str, now: datetime, lease: timedelta) -> Claim | None:
    other = aliased(MentionRow)
    served = select(other.uri).where(
        other.did == MentionRow.did, other.state.in_(ACTIVE), other.uri != MentionRow.uri
    )
    row = tx.execute(
        select(MentionRow.__table__)
        .where(MentionRow.due_at <= now, ~served.exists())
        .order_by(MentionRow.due_at, MentionRow.seen_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    found = State(row.state)
    state = TAKEN_BY.get(found, found)
    tx.execute(
        update(MentionRow)
        .where(MentionRow.uri == row.uri)
        .values(
            state=state,
            fence=MentionRow.fence + 1,
            attempts=MentionRow.attempts + 1,
            worker=worker,
            due_at=now + lease,
        )
    )
    return Claim(
        mention=to_mention(row),
        state=state,
        fence=row.fence + 1,
        attempts=row.attempts + 1,
        abandoned=found in ACTIVE,
        seen_at=row.seen_at,
        post_at=row.post_at,
    )


def owned(tx: Tx, claim: Claim, **values: object) -> None:
    """Write to the claimed mention.

    Raises FenceLost if it is no longer this worker's.
    """
    written = tx.execute(
        update(MentionRow)
        .where(
            MentionRow.uri == claim.mention.uri,
            MentionRow.fence == claim.fence,
            MentionRow.state == claim.state,
        )
        .values(**values)
    )
    if not written.rowcount:
        raise FenceLost(claim.mention.uri)


def renew(tx: Tx, claim: Claim, until: datetime) -> None:
    owned(tx, claim, due_at=until)


def hold(tx: Tx, claim: Claim) -> None:
    """Let nobody change the mention until the transaction ends. Raises FenceLost."""
    owned(tx, claim, worker=MentionRow.worker)


def admit(tx: Tx, claim: Claim, now: datetime) -> None:
    """Count this mention against the limits from now on."""
    owned(tx, claim, admitted_at=now)


def add_usage(tx: Tx, claim: Claim, brain: str, usage: Usage) -> None:
    """Keep what the thought cost, whatever came of it."""
    owned(
        tx,
        claim,
        brain=brain,
        model=usage.model,
        tokens_in=MentionRow.tokens_in + usage.tokens_in,
        tokens_out=MentionRow.tokens_out + usage.tokens_out,
        cost=None if usage.cost is None else MentionRow.cost + usage.cost,  # unknown once, unknown for good
    )


def postpone(tx: Tx, claim: Claim, until: datetime, why: str | None, *, failed: bool = True) -> None:
    """Give the mention back until later; `failed` tells whether this attempt counts."""
    owned(
        tx,
        claim,
        state=GIVEN_BACK[claim.state],
        due_at=until,
        worker=None,
        why=why,
        attempts=claim.attempts if failed else claim.attempts - 1,
    )


def postpone_waiting(tx: Tx, until: datetime, why: str, did: str | None) -> None:
    """Let all that waits (of this person) wait until then: a flood is refused once, not one by one."""
    waiting = update(MentionRow).where(MentionRow.state == State.WAITING, MentionRow.due_at < until)
    tx.execute((waiting.where(MentionRow.did == did) if did else waiting).values(due_at=until, why=why))


def uris_of(tx: Tx, did: str) -> list[str]:
    return list(tx.execute(select(MentionRow.uri).where(MentionRow.did == did)).scalars())


def blank(tx: Tx, before: datetime) -> int:
    """Take the words out of what ended before then. Outcomes stay; returns how many mentions.

    Without its CID a mention is not tried again, as after `scrub`.
    """
    ended = MentionRow.ended_at < before
    old = select(MentionRow.uri).where(ended)
    tx.execute(
        update(OutboxRow).where(OutboxRow.mention_uri.in_(old)).values(text="", facets="[]", record=None)
    )
    blanked = update(MentionRow).where(ended, MentionRow.cid != "").values(text="", langs="", cid="")
    if count := tx.execute(blanked).rowcount:
        mark_erased(tx)
    return count
