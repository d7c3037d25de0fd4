"""The gaps of streams, what closed them, and the people and records that a gap may concern."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, insert, select, update

from bot.domain.mention import OPEN
from bot.storage import jobs
from bot.storage.jobs import JobKind
from bot.storage.tables import BlockRow, GapRow, JobRow, MentionRow
from memory.db import stream
from memory.tables import PersonRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Select

    from bot.domain.events import Gap
    from memory.db import Tx


TRACKED_PEOPLE = select(PersonRow.did).union(select(MentionRow.did).where(MentionRow.state.in_(OPEN)))


class Recovery(StrEnum):
    """What closed a gap."""

    REPLAY = "replay"  # the stream was resumed from before the gap
    RECHECK = "second look"  # notifications were read, and everybody was rechecked


@dataclass(frozen=True, slots=True)
class RecordedGap:
    """A recorded gap. `since` and `until` are cursors of `host`, if known; `at` is when it was over."""

    host: str
    why: str
    since: int | None
    until: int | None
    at: datetime
    closed_at: datetime | None

    @property
    def closed_by(self) -> Recovery | None:
        """None: it is still open."""
        if self.closed_at is None:
            return None
        return Recovery.REPLAY if self.closed_at == self.at else Recovery.RECHECK


def record(tx: Tx, gap: Gap, now: datetime) -> bool:
    """Record the gap. If it was not replayed, add a recheck job for each tracked person.

    False if it was known.
    """
    same = (GapRow.host == gap.host, GapRow.since == gap.since, GapRow.until == gap.until)
    known = select(GapRow.id).where(*same, GapRow.reason == gap.why, GapRow.closed_at.is_(None))
    if tx.execute(known).first() is not None:
        return False
    place = {"host": gap.host, "since": gap.since, "until": gap.until}
    closed_at = now if gap.replayed else None
    tx.execute(insert(GapRow).values(reason=gap.why, at=now, closed_at=closed_at, **place))
    if not gap.replayed:
        jobs.add_all(tx, JobKind.RECHECK, TRACKED_PEOPLE, now)
    return True


def close_gaps(tx: Tx, since: datetime, now: datetime) -> int:
    """Close the gaps before `since`, the time when notifications were read. Returns how many.

    A gap stays open while one of its recheck jobs is not done.
    """
    pending = select(func.min(JobRow.at)).where(JobRow.kind == JobKind.RECHECK)
    oldest = tx.execute(pending).scalar()
    before = min(since, oldest) if oldest else since
    closing = update(GapRow).where(GapRow.closed_at.is_(None), GapRow.at < before)
    return tx.execute(closing.values(closed_at=now)).rowcount


def latest(tx: Tx, *, limit: int, still_open: bool = False) -> tuple[RecordedGap, ...]:
    """The newest gaps first; with `still_open` only those."""
    columns = (GapRow.host, GapRow.reason, GapRow.since, GapRow.until, GapRow.at, GapRow.closed_at)
    rows = select(*columns).order_by(GapRow.id.desc()).limit(limit)
    if still_open:
        rows = rows.where(GapRow.closed_at.is_(None))
    return tuple(RecordedGap(*row) for row in tx.execute(rows))


def tracked_people(tx: Tx, since: datetime | None = None) -> Iterator[str]:
    """The DIDs of everybody with memory or with an open mention; of those who wrote `since`.

    One may come twice.
    """
    if since is not None:
        yield from _names(tx, select(MentionRow.did).where(MentionRow.seen_at >= since))
        return
    yield from _names(tx, select(PersonRow.did))
    yield from _names(tx, select(MentionRow.did).where(MentionRow.state.in_(OPEN)))


def tracked_posts(tx: Tx, since: datetime | None = None) -> Iterator[str]:
    """The AT URIs to track besides those of tracked people: thread roots, others' mentions, blocks.

    `since`: of the mentions that were stored from then on. One may come twice.
    """
    recent = [] if since is None else [MentionRow.seen_at >= since]
    stranger = ~exists().where(PersonRow.did == MentionRow.did)
    yield from _names(
        tx, select(MentionRow.root_uri).where(MentionRow.root_uri.not_in(("", MentionRow.uri)), *recent)
    )
    yield from _names(tx, select(MentionRow.uri).where(stranger, MentionRow.text != "", *recent))
    yield from _names(tx, select(BlockRow.uri))


def _names(tx: Tx, query: Select[str]) -> Iterator[str]:
    return (name for (name,) in stream(tx, query))
