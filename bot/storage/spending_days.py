"""What was spent by day, without people: kept when the rows of `spend` are removed."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from bot.storage.tables import SpendDayRow, SpendRow
from memory.db import insert

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from memory.db import Tx

COUNTED_FOR = timedelta(days=1)  # the longest window of a limit
AMOUNTS = ("replies", "posts", "points", "calls", "tokens_in", "tokens_out", "money")


def roll_up(tx: Tx, now: datetime, limit: int | None = None) -> int:
    """Add rows that no limit counts any more to their days, and remove them. Returns how many.

    At most `limit`, the oldest.
    """
    oldest = select(SpendRow.id).where(SpendRow.at <= now - COUNTED_FOR).order_by(SpendRow.at).limit(limit)
    old = SpendRow.id.in_(tx.scalars(oldest.with_for_update(skip_locked=True)).all())
    for (day, kind), amounts in _by_day(tx, old).items():
        row = insert(tx, SpendDayRow).values(day=day, kind=kind, **amounts)
        more = {name: getattr(SpendDayRow, name) + row.excluded[name] for name in AMOUNTS}
        tx.execute(row.on_conflict_do_update(index_elements=["day", "kind"], set_=more))
    return tx.execute(delete(SpendRow).where(old)).rowcount


def by_day(tx: Tx, since: datetime) -> dict[str, dict[str, int]]:
    """The amounts of each day from that of `since` on, in UTC: 2026-11-22 to its sums."""
    days: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(AMOUNTS, 0))
    first = f"{since:%Y-%m-%d}"
    stored = select(SpendDayRow.__table__).where(SpendDayRow.day >= first)
    found: list[tuple[str, Mapping[Any, Any]]] = [(row["day"], row) for row in tx.execute(stored).mappings()]
    found += [
        (day, amounts) for (day, _), amounts in _by_day(tx, SpendRow.at >= since).items() if day >= first
    ]
    for day, amounts in found:
        for name in AMOUNTS:
            days[day][name] += amounts[name]
    return dict(days)


def _by_day(tx: Tx, which: ColumnElement[bool]) -> Mapping[tuple[str, str], dict[str, int]]:
    columns = [getattr(SpendRow, name) for name in AMOUNTS]
    days: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(AMOUNTS, 0))
    for at, kind, *amounts in tx.execute(select(SpendRow.at, SpendRow.kind, *columns).where(which)):
        sums = days[f"{at:%Y-%m-%d}", kind]
        for name, amount in zip(AMOUNTS, amounts, strict=True):
            sums[name] += amount
    return days
