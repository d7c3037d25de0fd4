"""What became of mentions and what was spent, by day in UTC, for the operator. No person is in it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.domain.mention import State
from bot.storage import spending_days
from bot.storage.tables import MentionRow

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx

REFUSED = (State.DECLINED, State.EXPIRED, State.FAILED)


@dataclass(frozen=True, slots=True)
class Day:
    """One day. `refusals` counts mentions by the reason why they ended unanswered.

    `replies` and `posts` are those that were drafted. `money` is in millionths of a US dollar, as far as
    prices are known. Calls and tokens are those of turns, whatever came of them.
    """

    day: str
    replies: int
    posts: int
    points: int
    calls: int
    tokens_in: int
    tokens_out: int
    money: int
    refusals: dict[str, int]


def by_day(tx: Tx, since: datetime) -> list[Day]:
    """The days from that of `since` on, the latest first, without those on which nothing happened."""
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    spent, refused = spending_days.by_day(tx, midnight), _refusals(tx, midnight)
    nothing = dict.fromkeys(spending_days.AMOUNTS, 0)
    days = sorted({*spent, *refused}, reverse=True)
    return [Day(day, **spent.get(day, nothing), refusals=dict(refused.get(day, {}))) for day in days]


def _refusals(tx: Tx, since: datetime) -> dict[str, Counter[str]]:
    refused = MentionRow.state.concat("").in_(REFUSED)  # else SQLite takes the index of all ever refused
    ended = select(MentionRow.ended_at, MentionRow.state, MentionRow.why).where(
        MentionRow.ended_at >= since, refused
    )
    days: dict[str, Counter[str]] = defaultdict(Counter)
    for at, state, why in tx.execute(ended):
        reason = (
            State.FAILED.value if state == State.FAILED else why or state
        )  # a failure tells its own story
        days[f"{at:%Y-%m-%d}"][reason] += 1
    return days
