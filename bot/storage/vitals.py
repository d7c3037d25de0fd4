"""What a scrape asks of the database: statements whose cost does not grow with what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal, literal_column, select, text, union_all

from bot.domain.mention import OPEN, State
from bot.storage.pauses import IS_PAUSED
from bot.storage.tables import GapRow, JobRow, MentionRow, SpendRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Select

    from memory.db import Tx

MOST = 10_000  # counted of each: a scrape must not take longer because more waits
RECENT_GAPS = 1_000
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Mentions in one state: how many (MOST: that many or more), and when the oldest was stored."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Spending:
    """What counts against the limits of a day now, reservations included. `money`: millionths of a dollar."""

    replies: int
    calls: int
    tokens_in: int
    tokens_out: int
    money: int
    points: int


@dataclass(frozen=True, slots=True)
class StoredVitals:
    """`gaps`: those open of the newest RECENT_GAPS. `jobs`: at most MOST. `size`: bytes, if SQL knows."""

    mentions: Mapping[State, Waiting]
    jobs: int
    gaps: int
    paused: bool
    spent: Spending
    size: int | None


def read(tx: Tx, now: datetime) -> StoredVitals:
    counts = {row.state: Waiting(row.number, row.oldest) for row in tx.execute(MENTIONS)}
    jobs, gaps, paused = tx.execute(JOBS_GAPS_AND_PAUSE, {"now": now}).one()
    spent = (int(amount or 0) for amount in tx.execute(SPENT, {"since": now - DAY}).one())
    size = tx.scalar(DATABASE_SIZE) if tx.dialect.name == "postgresql" else None
    return StoredVitals({state: counts[state] for state in OPEN}, jobs, gaps, paused, Spending(*spent), size)


def _mentions() -> Any:
    """For each open state its number, up to MOST, and its oldest time: both from an index."""
    return union_all(*map(_in_state, OPEN))


def _in_state(state: State) -> Select[Any]:
    which = MentionRow.state == literal_column(f"'{state}'")
    some = select(MentionRow.seen_at).where(which).limit(MOST).subquery(f"some_{state}")
    return select(
        literal(state.value).label("state"),
        select(func.count()).select_from(some).scalar_subquery().label("number"),
        select(func.min(MentionRow.seen_at)).where(which).scalar_subquery().label("oldest"),
    )


def _jobs_gaps_and_pause() -> Select[int, int, bool]:
    jobs = select(JobRow.due_at).limit(MOST).subquery("some_jobs")
    recent = select(GapRow.closed_at).order_by(GapRow.id.desc()).limit(RECENT_GAPS).subquery("recent_gaps")
    still_open = select(func.count()).select_from(recent).where(recent.c.closed_at.is_(None))
    counted = select(func.count()).select_from(jobs)
    return select(counted.scalar_subquery(), still_open.scalar_subquery(), IS_PAUSED)


MENTIONS = _mentions()
JOBS_GAPS_AND_PAUSE = _jobs_gaps_and_pause()
SPENT = select(
    *(
        func.sum(column)
        for column in (
            SpendRow.replies,
            SpendRow.calls,
            SpendRow.tokens_in,
            SpendRow.tokens_out,
            SpendRow.money,
            SpendRow.points,
        )
    )
).where(SpendRow.at > bindparam("since"))
DATABASE_SIZE = text("SELECT pg_database_size(current_database())")
