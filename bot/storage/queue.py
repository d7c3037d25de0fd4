"""The people whose mentions wait, and whose turn it is. A claim costs the same however many mentions wait."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, func, literal_column, select, update

from bot.domain.fairness import Turn, newcomers_first
from bot.storage.tables import MentionRow, PersonQueueRow
from memory.db import insert

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import ColumnElement, Row, Select

    from memory.db import Tx

NEWCOMERS = ""  # the row of the lane that all newcomers share
NEXT_PLACE = timedelta(microseconds=1)
MAX_EMPTY = 100  # people looked at in one claim who have nothing due
COLUMNS = PersonQueueRow.did, PersonQueueRow.turn_at, PersonQueueRow.served, PersonQueueRow.held


def literals(*states: str) -> list[ColumnElement[str]]:
    """These states as they stand in an index: SQLite uses a partial one only for the very same words."""
    return [literal_column(f"'{state}'") for state in states]


WAITING = MentionRow.state == literal_column("'waiting'")
ANSWERED = MentionRow.state == literal_column("'answered'")
ACTIVE = MentionRow.state.in_(literals("thinking", "posting"))


def is_newcomer(tx: Tx, did: str) -> bool:
    """Whether this person had no answer yet."""
    answered = select(MentionRow.uri).where(MentionRow.did == did, ANSWERED).limit(1)
    return tx.execute(answered).first() is None


def enqueue(tx: Tx, did: str, due_at: datetime) -> None:
    """Let this person have a turn from then on, because a mention of theirs waits."""
    row = insert(tx, PersonQueueRow).values(
        did=did, newcomer=is_newcomer(tx, did), turn_at=due_at, served=0, held=False
    )
    sooner = case((PersonQueueRow.turn_at > due_at, due_at), else_=PersonQueueRow.turn_at)
    tx.execute(
        row.on_conflict_do_update(
            index_elements=["did"], set_={"turn_at": sooner, "newcomer": row.excluded.newcomer}
        )
    )


def hold(tx: Tx, until: datetime, did: str | None = None) -> None:
    """Give this person (NEWCOMERS: no newcomer; None: nobody) a turn before then."""
    if did is None or did == NEWCOMERS:
        lane = insert(tx, PersonQueueRow).values(
            did=NEWCOMERS, newcomer=False, turn_at=until, served=0, held=True
        )
        tx.execute(lane.on_conflict_do_nothing())
    held = update(PersonQueueRow).where(PersonQueueRow.turn_at < until).values(turn_at=until, held=True)
    tx.execute(held if did is None else held.where(PersonQueueRow.did == did))


def has_turn(tx: Tx, now: datetime) -> bool:
    """Whether it may be somebody's turn."""
    found = [turn for who in (REGULAR, NEWCOMER) if (turn := _turn(tx, who)) and turn.at <= now]
    return bool(found)


def next_waiting(tx: Tx, now: datetime) -> Row[Any] | None:
    """The mention whose turn it is, and its person's turn is over. None if nobody has one."""
    for _ in range(MAX_EMPTY):
        did = _next_person(tx, now)
        if did is None:
            return None
        waiting = select(MentionRow.__table__).where(MentionRow.did == did, WAITING)
        head = waiting.order_by(MentionRow.due_at).limit(1)
        row = tx.execute(head.with_for_update(skip_locked=True)).first()
        if row is not None and row.due_at <= now:
            _end_turn(tx, did, now)
            return row
        if row is not None:
            tx.execute(update(PersonQueueRow).where(PersonQueueRow.did == did).values(turn_at=row.due_at))
        else:
            drop_idle(tx, [did])
    return None


def drop_idle(tx: Tx, dids: Iterable[str]) -> None:
    """Drop the people of whom nothing waits."""
    waits = select(MentionRow.uri).where(MentionRow.did == PersonQueueRow.did, WAITING)
    idle = delete(PersonQueueRow).where(PersonQueueRow.did.in_(list(dids)), ~waits.exists())
    tx.execute(idle)


def _next_person(tx: Tx, now: datetime) -> str | None:
    first = newcomers_first(_turn(tx, REGULAR), _turn(tx, NEWCOMER), _turn(tx, LANE), now)
    for who in (NEWCOMER, REGULAR) if first else (REGULAR,):
        due = who.where(PersonQueueRow.turn_at <= now).with_for_update(skip_locked=True)
        if found := tx.execute(due).first():
            return str(found.did)
    return None


def _next(*, newcomer: bool) -> Select[str, datetime, int, bool]:
    """The person of this lane who comes next, and whom no worker serves."""
    served = select(MentionRow.uri).where(MentionRow.did == PersonQueueRow.did, ACTIVE)
    waiting = select(*COLUMNS).where(
        PersonQueueRow.newcomer.is_(newcomer), PersonQueueRow.did != NEWCOMERS, ~served.exists()
    )
    return waiting.order_by(PersonQueueRow.turn_at, PersonQueueRow.served).limit(1)


def _turn(tx: Tx, who: Select[str, datetime, int, bool]) -> Turn | None:
    row = tx.execute(who).first()
    return Turn(row.turn_at, row.served, row.held) if row else None


def _end_turn(tx: Tx, did: str, now: datetime) -> None:
    """Move this person, and the lane of newcomers if they are one, behind all others who wait."""
    newcomer = is_newcomer(tx, did)
    last = _last_place(tx, now)
    behind = {"turn_at": last, "served": PersonQueueRow.served + 1, "held": False}
    person = update(PersonQueueRow).where(PersonQueueRow.did == did)
    tx.execute(person.values(newcomer=newcomer, **behind))
    if newcomer:
        lane = insert(tx, PersonQueueRow).values(
            did=NEWCOMERS, newcomer=False, turn_at=last, served=1, held=False
        )
        tx.execute(lane.on_conflict_do_update(index_elements=["did"], set_=behind))


def _last_place(tx: Tx, now: datetime) -> datetime:
    """The time behind the turns of all others. It is not simply now: the clock may be an hour ahead."""
    last = tx.execute(select(func.max(PersonQueueRow.turn_at)).where(PersonQueueRow.held.is_(False))).scalar()
    return min(now, last + NEXT_PLACE) if last else now


# Each claim asks for them, and to build them takes longer than to run them.
REGULAR, NEWCOMER = _next(newcomer=False), _next(newcomer=True)
LANE = select(*COLUMNS).where(PersonQueueRow.did == NEWCOMERS)
