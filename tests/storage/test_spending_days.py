from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from support.factory import LIMITS, NOW, mention

from bot.domain.policy import Facts
from bot.storage import spending, spending_days
from bot.storage.spending import Attempt, SpendKind
from bot.storage.tables import SpendRow

FACTS = Facts(age=timedelta(0))


def spend(tx, number, at):
    who = Attempt("p", "t", mention(number).uri, 1)
    spending.reserve(tx, who, FACTS, LIMITS, at, SpendKind.TURN)


def test_rows_that_no_limit_counts_any_more_become_sums_of_days_and_nothing_is_lost(db):
    times = [NOW - timedelta(hours=hours) for hours in (1, 13, 25, 26, 50)]
    with db.write() as tx:
        for number, at in enumerate(times):
            spend(tx, number, at)
        before = spending_days.by_day(tx, NOW - timedelta(days=9))
        for _ in range(2):
            spending_days.roll_up(tx, NOW)
        left = tx.execute(select(func.count()).select_from(SpendRow)).scalar_one()
        spend(tx, 9, NOW - timedelta(hours=30))  # of a day that has its sum already
        after = spending_days.by_day(tx, NOW - timedelta(days=9))
        spending_days.roll_up(tx, NOW)
        again = spending_days.by_day(tx, NOW - timedelta(days=9))

    assert left == 2
    assert {day: sums["calls"] for day, sums in before.items()} == {
        "2026-11-22": 1,
        "2026-11-21": 3,
        "2026-11-20": 1,
    }
    assert (
        after
        == again
        == before | {"2026-11-21": {name: n // 3 * 4 for name, n in before["2026-11-21"].items()}}
    )
