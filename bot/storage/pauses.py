"""When the operator has paused the bot. No two pauses overlap."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from bot.domain.pausing import Pause
from bot.storage.tables import PauseRow
from memory.db import lock

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx

KEEP_FOR = timedelta(days=365)  # no mention that was open in a pause waits for so long after it
COLUMNS = PauseRow.began_at, PauseRow.until, PauseRow.ended_at, PauseRow.ages
ON: Any = PauseRow.ended_at.is_(None), or_(PauseRow.until.is_(None), PauseRow.until > bindparam("now"))
IS_PAUSED = select(PauseRow.id).where(*ON).exists()  # a claim and a decision ask it together with the rest
SINCE = select(*COLUMNS).where(or_(PauseRow.ended_at.is_(None), PauseRow.ended_at > bindparam("since")))


def begin(tx: Tx, now: datetime, until: datetime | None, *, ages: bool) -> None:
    """Answer nothing from now on. A pause that is on ends where this one begins."""
    lock(tx, "pauses")  # two that began at once would not see each other
    end(tx, now)
    tx.execute(delete(PauseRow).where(PauseRow.ended_at < now - KEEP_FOR))
    tx.execute(insert(PauseRow).values(began_at=now, until=until, ended_at=None, ages=ages))


def end(tx: Tx, now: datetime) -> Pause | None:
    """Answer again. Returns the pause that was on; None if there was none."""
    found = current(tx, now)
    for row in tx.execute(select(PauseRow.id, PauseRow.until).where(PauseRow.ended_at.is_(None))).all():
        over = min(now, row.until or now)
        tx.execute(update(PauseRow).where(PauseRow.id == row.id).values(ended_at=over))
    return found


def current(tx: Tx, now: datetime) -> Pause | None:
    """The pause that is on."""
    row = tx.execute(select(*COLUMNS).where(*ON).limit(1), {"now": now}).first()
    return Pause(*row) if row else None


def since(tx: Tx, at: datetime) -> list[Pause]:
    """The pauses that were on at that time or later."""
    return [Pause(*row) for row in tx.execute(SINCE, {"since": at})]
