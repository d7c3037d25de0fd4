"""The queue of mentions: accept, claim, postpone, and what a claimed mention may be changed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from bot.domain.mention import ACTIVE, Claim, Mention, State
from bot.errors import FenceLost
from bot.storage.rows import post_columns, to_mention
from bot.storage.tables import MentionRow, OutboxRow
from memory.db import insert, mark_erased

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from bot.domain.prompt import Usage
    from memory.db import Database, Tx

CLAIM_TRIES = 5
CLAIMED_STATE = {State.WAITING: State.THINKING, State.DRAFTED: State.POSTING}
POSTPONED_STATE = {State.THINKING: State.WAITING, State.POSTING: State.DRAFTED}


def accept(tx: Tx, mention: Mention, *, now: datetime, due_at: datetime, rev: str | None = None) -> bool:
    """Store a mention as waiting. False if it was stored already."""
    fresh = post_columns(mention) | {"seen_at": now, "state": State.WAITING, "due_at": due_at, "rev": rev}
    counters = dict.fromkeys(("fence", "attempts", "tokens_in", "tokens_out", "cost"), 0)
    row = insert(tx, MentionRow).values(uri=mention.uri, did=mention.did, **fresh, **counters)
    added = tx.execute(row.on_conflict_do_nothing().returning(MentionRow.uri))
    return added.first() is not None


def is_due(tx: Tx, now: datetime) -> bool:
    """Whether a mention is due. It may still not be claimable, if its person is being served."""
    return tx.execute(select(MentionRow.uri).where(MentionRow.due_at <= now).limit(1)).first() is not None


def claim(db: Database, worker: str, *, now: datetime, lease: timedelta) -> Claim | None:
    """Claim the mention that is due longest, of a person whom no worker serves. None if there is none."""
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
    before = State(row.state)
    state = CLAIMED_STATE.get(before, before)
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
        abandoned=before in ACTIVE,
        seen_at=row.seen_at,
        post_at=row.post_at,
    )


def update_claimed(tx: Tx, claim: Claim, **values: object) -> None:
    """Change columns of the claimed mention. Raises FenceLost if the claim is no longer this worker's."""
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
    update_claimed(tx, claim, due_at=until)


def lock_claimed(tx: Tx, claim: Claim) -> None:
    """Lock the claimed mention until the transaction ends. Raises FenceLost."""
    update_claimed(tx, claim, worker=MentionRow.worker)


def admit(tx: Tx, claim: Claim, now: datetime) -> None:
    """Count this mention against the limits from now on."""
    update_claimed(tx, claim, admitted_at=now)


def add_usage(tx: Tx, claim: Claim, brain: str, usage: Usage) -> None:
    """Add what the turn cost, however it ended."""
    update_claimed(
        tx,
        claim,
        brain=brain,
        model=usage.model,
        tokens_in=MentionRow.tokens_in + usage.tokens_in,
        tokens_out=MentionRow.tokens_out + usage.tokens_out,
        cost=None if usage.cost is None else MentionRow.cost + usage.cost,  # unknown once, unknown for good
    )


def postpone(tx: Tx, claim: Claim, until: datetime, why: str | None, *, failed: bool = True) -> None:
    """Give the mention back until `until`. With `failed`, this attempt counts."""
    update_claimed(
        tx,
        claim,
        state=POSTPONED_STATE[claim.state],
        due_at=until,
        worker=None,
        why=why,
        attempts=claim.attempts if failed else claim.attempts - 1,
    )


def postpone_waiting(tx: Tx, until: datetime, why: str, did: str | None) -> None:
    """Let all waiting mentions (of this person) wait until then, so that they are not each judged in vain."""
    waiting = update(MentionRow).where(MentionRow.state == State.WAITING, MentionRow.due_at < until)
    tx.execute((waiting.where(MentionRow.did == did) if did else waiting).values(due_at=until, why=why))


def uris_of(tx: Tx, did: str) -> list[str]:
    return list(tx.execute(select(MentionRow.uri).where(MentionRow.did == did)).scalars())


def erase_texts(tx: Tx, before: datetime) -> int:
    """Erase the texts of mentions that ended before then, and of their replies. Returns how many mentions.

    Outcomes stay. The CID is erased too: a mention without one is not tried again.
    """
    ended = MentionRow.ended_at < before
    old = select(MentionRow.uri).where(ended)
    tx.execute(
        update(OutboxRow).where(OutboxRow.mention_uri.in_(old)).values(text="", facets="[]", record=None)
    )
    erased = update(MentionRow).where(ended, MentionRow.cid != "").values(text="", langs="", cid="")
    if count := tx.execute(erased).rowcount:
        mark_erased(tx)
    return count
