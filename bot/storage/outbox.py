"""What is said in answer: drafted as texts, fixed as records, put, and known to be there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from bot.domain import pacing
from bot.domain.mention import Part, State
from bot.storage.mentions import hold, owned
from bot.storage.rows import to_part
from bot.storage.tables import MentionRow, OutboxRow
from memory.db import lock

PLANNED = (State.DRAFTED, State.POSTING, State.ANSWERED)  # a slot counts while its reply may stand

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.domain.limits import Pace
    from bot.domain.mention import Claim, Mention
    from memory.db import Tx


def draft(tx: Tx, claim: Claim, parts: Sequence[Part], plan: Pace, now: datetime) -> datetime:
    """Keep the reply, and never think of this mention again. Return when it is to be posted."""
    post_at = _free_slot(tx, claim.mention, now + plan.post_delay, plan)
    write_parts(tx, claim.mention.uri, parts)
    owned(
        tx,
        claim,
        state=State.DRAFTED,
        due_at=post_at,
        post_at=post_at,
        drafted_at=now,
        attempts=0,
        worker=None,
    )
    return post_at


def draft_at_once(tx: Tx, uri: str, parts: Sequence[Part], now: datetime) -> None:
    """Draft what code itself answers to a mention that nobody has claimed yet."""
    write_parts(tx, uri, parts)
    drafted = {"state": State.DRAFTED, "drafted_at": now, "post_at": now, "due_at": now, "brain": "code"}
    tx.execute(update(MentionRow).where(MentionRow.uri == uri).values(**drafted))


def write_parts(tx: Tx, uri: str, parts: Sequence[Part]) -> None:
    tx.execute(delete(OutboxRow).where(OutboxRow.mention_uri == uri))
    for part in parts:
        tx.execute(
            insert(OutboxRow).values(
                mention_uri=uri, part=part.index, text=part.text, facets=json.dumps(part.facets)
            )
        )


def reschedule(tx: Tx, claim: Claim, plan: Pace, now: datetime) -> datetime:
    """Give a draft that missed its slot the next free one, which may be now, and return it."""
    post_at = _free_slot(tx, claim.mention, now, plan)
    owned(tx, claim, post_at=post_at)
    return post_at


def _free_slot(tx: Tx, mention: Mention, earliest: datetime, plan: Pace) -> datetime:
    lock(tx, "slots")
    since = earliest - max(plan.spacing, plan.person_spacing)
    planned = tx.execute(
        select(MentionRow.post_at, MentionRow.did).where(
            MentionRow.post_at > since, MentionRow.state.in_(PLANNED), MentionRow.uri != mention.uri
        )
    ).all()
    to_person = [row.post_at for row in planned if row.did == mention.did]
    return pacing.slot(earliest, [row.post_at for row in planned], to_person, plan)


def parts(tx: Tx, uri: str) -> tuple[Part, ...]:
    rows = tx.execute(
        select(OutboxRow.__table__).where(OutboxRow.mention_uri == uri).order_by(OutboxRow.part)
    )
    return tuple(map(to_part, rows))


def fix_record(tx: Tx, claim: Claim, part: Part) -> None:
    """From now on this part is these bytes under this key."""
    hold(tx, claim)
    _part(tx, claim, part.index, rkey=part.rkey, record=part.record)


def mark_posted(tx: Tx, claim: Claim, part: Part, now: datetime) -> None:
    """The part stands on the network, at `part.ref`."""
    assert part.ref is not None
    hold(tx, claim)
    _part(tx, claim, part.index, rkey=part.rkey, uri=part.ref.uri, cid=part.ref.cid, posted_at=now)


def _part(tx: Tx, claim: Claim, index: int, **values: object) -> None:
    part = (OutboxRow.mention_uri == claim.mention.uri) & (OutboxRow.part == index)
    tx.execute(update(OutboxRow).where(part).values(**values))


def ours_in(tx: Tx, root_uri: str) -> frozenset[str]:
    """The bot's posts in this thread."""
    said = select(OutboxRow.uri).join(MentionRow, MentionRow.uri == OutboxRow.mention_uri)
    mine = said.where(MentionRow.root_uri == root_uri, OutboxRow.uri.is_not(None))
    return frozenset(uri for uri in tx.execute(mine).scalars() if uri)


def mark_withdrawn(tx: Tx, rkey: str, now: datetime) -> bool:
    """The bot's post under this key is gone. False if that is no news."""
    mine = (OutboxRow.rkey == rkey, OutboxRow.withdrawn_at.is_(None))
    return bool(tx.execute(update(OutboxRow).where(*mine).values(withdrawn_at=now)).rowcount)


def is_settled(tx: Tx, rkey: str) -> bool:
    """Is it known that the post under this key was put? Otherwise that may still be under way."""
    return (
        tx.execute(
            select(OutboxRow.part).where(OutboxRow.rkey == rkey, OutboxRow.uri.is_not(None)).limit(1)
        ).first()
        is not None
    )
