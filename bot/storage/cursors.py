"""Where each stream may be resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.storage.tables import CursorRow
from memory.db import insert

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx


def get(tx: Tx, host: str) -> int | None:
    return tx.execute(select(CursorRow.seq).where(CursorRow.host == host)).scalar_one_or_none()


def latest_first(tx: Tx) -> dict[str, int]:
    """The cursor of every host. The one that moved last comes first."""
    rows = tx.execute(select(CursorRow.host, CursorRow.seq).order_by(CursorRow.at.desc()))
    return {row.host: row.seq for row in rows}


def move(tx: Tx, host: str, seq: int, now: datetime) -> None:
    moved = insert(tx, CursorRow).values(host=host, seq=seq, at=now)
    tx.execute(moved.on_conflict_do_update(index_elements=["host"], set_={"seq": seq, "at": now}))
