"""What is said in answer: drafted as texts, fixed as records, put, and known to be there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from bot.domain import pacing
from bot.domain.mention import Entry, Part, State, StrongRef
from bot.storage.mentions import hold, owned, to_mention
from bot.storage.tables import MentionRow, OutboxRow
from memory.db import lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.domain.mention import Claim, Pace
    from memory.db import Tx


def draft(tx: Tx, claim: Claim, parts: Sequence[Part], plan: Pace, now: datetime) -> datetime:
    """Keep the reply, and never think of this mention again. Return when it is to be posted."""
    lock(tx, "slots")
    to_person, overall = _last_planned(tx, claim.mention.did)
    post_at = pacing.post_at(now, to_person, overall, plan)
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


def _last_planned(tx: Tx, did: str) -> tuple[datetime | None, datetime | None]:
    latest = select(func.max(MentionRow.post_at))
    return (
        tx.execute(latest.where(MentionRow.did == did)).scalar(),
        tx.execute(latest).scalar(),
    )


def parts(tx: Tx, uri: str) -> tuple[Part, ...]:
    rows = tx.execute(
        select(OutboxRow.__table__).where(OutboxRow.mention_uri == uri).order_by(OutboxRow.part)
    )
    return tuple(map(to_part, rows))


def fix_record(tx: Tx, claim: Claim, part: Part) -> None:
    """From now on this part is these bytes under this key."""
    hold(tx, claim)
    _part(tx, claim, part.index, rkey=part.rkey, record=part.record)


def posted(tx: Tx, claim: Claim, part: Part, now: datetime) -> None:
    """The part stands on the network, at `part.ref`."""
    assert part.ref is not None
    hold(tx, claim)
    _part(tx, claim, part.index, rkey=part.rkey, uri=part.ref.uri, cid=part.ref.cid, posted_at=now)


def _part(tx: Tx, claim: Claim, index: int, **values: object) -> None:
    part = (OutboxRow.mention_uri == claim.mention.uri) & (OutboxRow.part == index)
    tx.execute(update(OutboxRow).where(part).values(**values))


def answers_of(tx: Tx, uri: str) -> tuple[str, ...]:
    """The AT URIs of the posts that answered this mention."""
    rows = select(OutboxRow.uri).where(OutboxRow.mention_uri == uri).order_by(OutboxRow.part)
    return tuple(answer for answer in tx.execute(rows).scalars() if answer)


def to_part(row: Any) -> Part:
    return Part(
        index=row.part,
        text=row.text,
        facets=tuple(json.loads(row.facets)),
        rkey=row.rkey,
        record=row.record,
        ref=StrongRef(row.uri, row.cid) if row.uri else None,
    )


def to_entry(tx: Tx, row: Any) -> Entry:
    return Entry(
        mention=to_mention(row),
        state=State(row.state),
        why=row.why,
        attempts=row.attempts,
        due_at=row.due_at,
        seen_at=row.seen_at,
        drafted_at=row.drafted_at,
        post_at=row.post_at,
        ended_at=row.ended_at,
        brain=row.brain,
        model=row.model,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost=row.cost,
        parts=parts(tx, row.uri),
    )
