"""Where each stream may be resumed, and how far the clock was believed when people were last forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from bot.storage.tables import CursorRow
from memory.db import insert

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx

RETENTION = "retention"  # in place of a host


def get(tx: Tx, host: str) -> int | None:
    return tx.execute(select(CursorRow.seq).where(CursorRow.host == host)).scalar_one_or_none()


def latest_first(tx: Tx) -> dict[str, int]:
    """The cursor of every host. The one that moved last comes first."""
    of_hosts = select(CursorRow.host, CursorRow.seq).where(CursorRow.host != RETENTION)
    rows = tx.execute(of_hosts.order_by(CursorRow.at.desc()))
    return {row.host: row.seq for row in rows}


def believed(tx: Tx) -> tuple[datetime, int] | None:
    """The time that was believed last, and when that was (microseconds by the clock, 0: not by retention).

    At first it is the time when a stream moved last; None if none ever did.
    """
    row = tx.execute(select(CursorRow.at, CursorRow.seq).where(CursorRow.host == RETENTION)).first()
    if row is not None:
        return row.at, row.seq
    moved = tx.scalar(select(func.max(CursorRow.at)))
    return (moved, 0) if moved else None


def move(tx: Tx, host: str, seq: int, now: datetime) -> None:
    moved = insert(tx, CursorRow).values(host=host, seq=seq, at=now)
    tx.execute(moved.on_conflict_do_update(index_elements=["host"], set_={"seq": seq, "at": now}))
