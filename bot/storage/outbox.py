"""The parts of replies: drafted as texts, fixed as records, posted, perhaps withdrawn."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from bot.domain import pacing
from bot.domain.chance import chance
from bot.domain.hours import ALWAYS
from bot.domain.mention import Part, State, StrongRef
from bot.domain.uris import AtUri
from bot.storage import claimed
from bot.storage.rows import to_part
from bot.storage.tables import MentionRow, OutboxRow
from memory.db import lock
from memory.prepared import table_of

PLANNED = (State.DRAFTED, State.POSTING, State.ANSWERED)  # a time to post counts while the reply may stand
OUTBOX = table_of(OutboxRow)
ANSWER = OUTBOX.c.mention_uri == bindparam("answered")
DROP = delete(OUTBOX).where(ANSWER)
CHANGE = update(OUTBOX).where(ANSWER, OUTBOX.c.part == bindparam("number"))
PARTS = (
    select(OUTBOX)
    .where(OUTBOX.c.mention_uri.in_(bindparam("uris", expanding=True)))
    .order_by(OUTBOX.c.mention_uri, OUTBOX.c.part)
)
# The state is looked at afterwards: SQLite would take its index, and read all that was ever answered.
TIMES = select(MentionRow.post_at, MentionRow.did, MentionRow.state).where(
    MentionRow.post_at > bindparam("since"), MentionRow.uri != bindparam("this")
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from bot.domain.hours import Hours
    from bot.domain.limits import Pace
    from bot.domain.mention import Claim, Mention
    from bot.storage.claimed import Locked
    from memory.db import Tx


def draft(
    tx: Tx,
    claim: Claim,
    parts: Sequence[Part],
    pace: Pace,
    now: datetime,
    lease: timedelta | None = None,
    hours: Hours = ALWAYS,
) -> datetime | Claim:
    """Store the reply; the brain is not asked about this mention again. Returns when to post it.

    With a `lease`, who drafts what is due at once claims it at once: then that claim is returned.
    """
    length = sum(len(part.text) for part in parts)
    wanted = pacing.answer_at(claim.seen_at, claim.mention.uri, pace, hours, length)
    post_at = _time_to_post(tx, claim.mention, max(wanted, now + pace.post_delay), pace, hours)
    if claim.fence > 1:  # else nobody drafted one before
        _drop_parts(tx, claim.mention.uri)
    _add_parts(tx, claim.mention.uri, parts)
    drafted = {"post_at": post_at, "drafted_at": now, "post_failures": 0}
    if lease is None or post_at > now:
        given_back = {"state": State.DRAFTED, "due_at": post_at, "attempts": 0, "worker": None}
        claimed.update(tx, claim, **drafted, **given_back)
        return post_at
    kept = replace(
        claim, state=State.POSTING, fence=claim.fence + 1, attempts=1, post_at=post_at, post_failures=0
    )
    again = {"state": kept.state, "fence": kept.fence, "attempts": kept.attempts, "due_at": now + lease}
    claimed.update(tx, claim, **drafted, **again)
    return kept


def draft_held(tx: Tx, claim: Claim, parts: Sequence[Part], now: datetime, why: str) -> None:
    """The same, but it is not posted before the operator has approved it."""
    write_parts(tx, claim.mention.uri, parts)
    times = {"post_at": None, "drafted_at": now, "due_at": None}
    claimed.update(tx, claim, state=State.DRAFTED, why=why, attempts=0, post_failures=0, worker=None, **times)


def draft_at_once(tx: Tx, uri: str, parts: Sequence[Part], now: datetime) -> None:
    """Draft a reply of the program itself to a mention that no worker has claimed.

    Without parts, their texts are made when it is claimed.
    """
    write_parts(tx, uri, parts)
    drafted = {"state": State.DRAFTED, "drafted_at": now, "post_at": now, "due_at": now, "brain": "code"}
    tx.execute(update(MentionRow).where(MentionRow.uri == uri).values(**drafted))


def write_parts(tx: Tx, uri: str, parts: Sequence[Part]) -> None:
    _drop_parts(tx, uri)
    _add_parts(tx, uri, parts)


def _drop_parts(tx: Tx, uri: str) -> None:
    tx.execute(DROP, {"answered": uri})


def _add_parts(tx: Tx, uri: str, parts: Sequence[Part]) -> None:
    rows = [
        {"mention_uri": uri, "part": part.index, "text": part.text, "facets": json.dumps(part.facets)}
        for part in parts
    ]
    if rows:
        tx.execute(insert(OUTBOX), rows)


def reschedule(tx: Tx, claim: Claim, pace: Pace, now: datetime, hours: Hours = ALWAYS) -> datetime:
    """Give a draft that missed its time to post the next free one, which may be now, and return it."""
    post_at = _time_to_post(tx, claim.mention, now, pace, hours)
    claimed.update(tx, claim, post_at=post_at)
    return post_at


def _time_to_post(tx: Tx, mention: Mention, earliest: datetime, pace: Pace, hours: Hours) -> datetime:
    lock(tx, "slots")
    at = _free_time(tx, mention, earliest, pace)
    if hours.next_open(at) == at:
        return at
    return _free_time(tx, mention, pacing.answer_at(at, mention.uri, pace, hours), pace)


def _free_time(tx: Tx, mention: Mention, earliest: datetime, pace: Pace) -> datetime:
    since = earliest - 2 * max(pace.spacing, pace.person_spacing)
    later = tx.execute(TIMES, {"since": since, "this": mention.uri})
    planned = [row for row in later if row.state in PLANNED]
    to_person = [row.post_at for row in planned if row.did == mention.did]
    drawn = chance(mention.uri, "distance")
    return pacing.post_at(earliest, [row.post_at for row in planned], to_person, pace, drawn)


def parts(tx: Tx, uri: str) -> tuple[Part, ...]:
    return parts_of(tx, [uri])[uri]


def parts_of(tx: Tx, uris: Sequence[str]) -> dict[str, tuple[Part, ...]]:
    """The parts of the replies to these mentions, in order; none for a mention without a reply."""
    found: dict[str, tuple[Part, ...]] = dict.fromkeys(uris, ())
    for row in tx.execute(PARTS, {"uris": list(uris)}) if uris else ():
        found[row.mention_uri] += (to_part(row),)
    return found


def fix_record(tx: Tx, claim: Claim, part: Part) -> Locked:
    """Store the part's record key and record. They do not change any more. Raises FenceLost."""
    locked = claimed.lock(tx, claim)
    _update_part(tx, claim, part.index, rkey=part.rkey, record=part.record)
    return locked


def mark_posted(tx: Tx, claim: Claim, part: Part, now: datetime) -> Locked:
    """Store that the part was posted, as `part.ref`. Raises FenceLost."""
    assert part.ref is not None
    locked = claimed.lock(tx, claim)
    _update_part(tx, claim, part.index, rkey=part.rkey, uri=part.ref.uri, cid=part.ref.cid, posted_at=now)
    return locked


def _update_part(tx: Tx, claim: Claim, index: int, **values: object) -> None:
    tx.execute(CHANGE, values | {"answered": claim.mention.uri, "number": index})


def posted_to(tx: Tx, uris: Collection[str]) -> frozenset[str]:
    """The AT URIs of the bot's posts that answer these mentions."""
    posted = select(OutboxRow.uri).where(OutboxRow.mention_uri.in_(uris), OutboxRow.uri.is_not(None))
    return frozenset(uri for uri in tx.execute(posted).scalars() if uri)


def is_known(tx: Tx, uri: str) -> bool:
    """Whether this post of the bot is known to be an answer."""
    return tx.scalar(select(OutboxRow.part).where(OutboxRow.uri == uri).limit(1)) is not None


def root_of(tx: Tx, uri: str) -> StrongRef | None:
    """The first post of the thread that this post of the bot stands in; None if it is not known any more."""
    roots = select(MentionRow.root_uri, MentionRow.root_cid).join(
        OutboxRow, MentionRow.uri == OutboxRow.mention_uri
    )
    row = tx.execute(roots.where(OutboxRow.uri == uri).limit(1)).first()
    return StrongRef(row.root_uri, row.root_cid) if row and AtUri.parse(row.root_uri) else None


def bot_posts_in_thread(tx: Tx, root_uri: str) -> frozenset[str]:
    """The AT URIs of the bot's posts in this thread."""
    posts = select(OutboxRow.uri).join(MentionRow, MentionRow.uri == OutboxRow.mention_uri)
    posted = posts.where(MentionRow.root_uri == root_uri, OutboxRow.uri.is_not(None))
    return frozenset(uri for uri in tx.execute(posted).scalars() if uri)


def mark_withdrawn(tx: Tx, rkey: str, now: datetime) -> bool:
    """Store that the bot's post under this key is deleted. False if that was known."""
    standing = (OutboxRow.rkey == rkey, OutboxRow.withdrawn_at.is_(None))
    return bool(tx.execute(update(OutboxRow).where(*standing).values(withdrawn_at=now)).rowcount)


def is_posted(tx: Tx, rkey: str) -> bool:
    """Whether the post under this key is known to be posted. If not, its request may still be under way."""
    return (
        tx.execute(
            select(OutboxRow.part).where(OutboxRow.rkey == rkey, OutboxRow.uri.is_not(None)).limit(1)
        ).first()
        is not None
    )
