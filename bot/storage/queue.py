"""The people whose mentions wait, and whose turn it is. A claim costs the same however many mentions wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    and_,
    bindparam,
    case,
    delete,
    exists,
    literal,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import aliased

from bot.domain.fairness import Turn, newcomers_first
from bot.storage.pauses import IS_PAUSED
from bot.storage.tables import MentionRow, PersonQueueRow
from memory.db import insert
from memory.prepared import per_database, table_of
from memory.tables import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Row, Select

    from memory.db import Tx

NEWCOMERS = ""  # the row of the lane that all newcomers share
REGULAR, NEWCOMER, LANE, LAST = "regular", "newcomer", "lane", "last"
NEXT_PLACE = timedelta(microseconds=1)
MAX_EMPTY = 100  # people looked at in one claim who have nothing due
COLUMNS = PersonQueueRow.did, PersonQueueRow.turn_at, PersonQueueRow.served, PersonQueueRow.held


def literals(*states: str) -> list[ColumnElement[str]]:
    """These states as they stand in an index: SQLite uses a partial one only for the very same words."""
    return [literal_column(f"'{state}'") for state in states]


WAITING = MentionRow.state == literal_column("'waiting'")
# with the time, as SQLite would else take the index of states, and read all that was ever answered
ANSWERED = and_(MentionRow.state == literal_column("'answered'"), MentionRow.ended_at > EPOCH)
ACTIVE = MentionRow.state.in_(literals("thinking", "posting"))


QUEUE = table_of(PersonQueueRow)
PERSON = QUEUE.c.did == bindparam("who")
NEW: ColumnElement[bool] = ~exists().where(MentionRow.did == bindparam("who"), ANSWERED)  # had no answer yet
MERGED = aliased(MentionRow)
IS_BURST = select(MERGED.uri).where(MERGED.merged_into == MentionRow.uri).exists().label("is_burst")
HEAD = (
    select(MentionRow.__table__, IS_BURST)
    .where(MentionRow.did == bindparam("who"), WAITING)
    .order_by(MentionRow.due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
WAITS = select(MentionRow.uri).where(MentionRow.did == QUEUE.c.did, WAITING).limit(1)
IS_IDLE = WAITS.scalar_subquery().is_(None)  # an anti-join might read all that wait
DROP_IDLE = delete(QUEUE).where(QUEUE.c.did.in_(bindparam("dids", expanding=True)), IS_IDLE)
LANE_OF = select(QUEUE.c.newcomer).where(PERSON).scalar_subquery()
FIRST = (
    select(QUEUE.c.did)
    .where(QUEUE.c.newcomer == LANE_OF, QUEUE.c.did != NEWCOMERS)
    .order_by(QUEUE.c.turn_at, QUEUE.c.served)
    .limit(MAX_EMPTY)
)
# locked before they are dropped: of whoever is locked by another, a mention may just be stored
IDLE = select(QUEUE.c.did).where(QUEUE.c.did.in_(FIRST), IS_IDLE).with_for_update(skip_locked=True)
BEHIND: Any = {"turn_at": bindparam("last"), "served": QUEUE.c.served + 1, "held": False}
END_TURN = update(QUEUE).where(PERSON).values(newcomer=NEW, **BEHIND).returning(QUEUE.c.newcomer)


def enqueue(tx: Tx, did: str, due_at: datetime) -> None:
    """Let this person have a turn from then on, because a mention of theirs waits."""
    tx.execute(_enqueuing(tx), {"who": did, "due": due_at})


@per_database
def _enqueuing(insert: Any) -> Any:
    new = {"did": bindparam("who"), "newcomer": NEW, "turn_at": bindparam("due"), "served": 0, "held": False}
    row = insert(QUEUE).values(**new)
    sooner = case((QUEUE.c.turn_at > row.excluded.turn_at, row.excluded.turn_at), else_=QUEUE.c.turn_at)
    later = {"turn_at": sooner, "newcomer": row.excluded.newcomer}
    return row.on_conflict_do_update(index_elements=["did"], set_=later)


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
    heads = _heads(tx, now)
    return any(heads[lane].turn.at <= now for lane in (REGULAR, NEWCOMER) if lane in heads)


def next_waiting(tx: Tx, now: datetime) -> Row[Any] | None:
    """The mention whose turn it is, and its person's turn is over. None if nobody has one."""
    for _ in range(MAX_EMPTY):
        heads = _heads(tx, now)
        did = _next_person(tx, heads, now)
        if did is None:
            return None
        row = tx.execute(HEAD, {"who": did}).first()
        if row is not None and row.due_at <= now:
            _end_turn(tx, did, _last_place(heads, now))
            return row
        if row is not None:
            tx.execute(update(PersonQueueRow).where(PersonQueueRow.did == did).values(turn_at=row.due_at))
        else:
            drop_idle(tx, [did, *tx.scalars(IDLE, {"who": did})])
    return None


def drop_idle(tx: Tx, dids: Iterable[str]) -> None:
    """Drop the people of whom nothing waits."""
    tx.execute(DROP_IDLE, {"dids": list(dids)})


def _next_person(tx: Tx, heads: Mapping[str, Head], now: datetime) -> str | None:
    turns = {lane: head.turn for lane, head in heads.items()}
    first = newcomers_first(turns.get(REGULAR), turns.get(NEWCOMER), turns.get(LANE), now)
    for lane in (NEWCOMER, REGULAR) if first else (REGULAR,):
        if lane in heads and (found := _lock(tx, heads[lane], lane, now)):
            return found
    return None


def _lock(tx: Tx, head: Head, lane: str, now: datetime) -> str | None:
    """The person who is due first in the lane, locked. On SQLite, with its one writer, that is the head."""
    if tx.dialect.name == "sqlite":
        return head.did if head.turn.at <= now else None
    found = tx.execute(DUE[lane], {"now": now}).first()
    return str(found.did) if found else None


def _next(*, newcomer: bool) -> Select[str, datetime, int, bool]:
    """The person of this lane who comes next, and whom no worker serves. Nobody in a pause."""
    served = select(MentionRow.uri).where(MentionRow.did == PersonQueueRow.did, ACTIVE)
    waiting = select(*COLUMNS).where(
        PersonQueueRow.newcomer.is_(newcomer), PersonQueueRow.did != NEWCOMERS, ~served.exists(), ~IS_PAUSED
    )
    return waiting.order_by(PersonQueueRow.turn_at, PersonQueueRow.served).limit(1)


@dataclass(frozen=True, slots=True)
class Head:
    """Who comes next in a lane (a DID), and since when it is their turn."""

    did: str
    turn: Turn


def _heads(tx: Tx, now: datetime) -> dict[str, Head]:
    """Who comes next of those who had an answer, of newcomers; the lane of all newcomers; who comes last."""
    rows = tx.execute(HEADS, {"now": now})
    return {row.lane: Head(row.did, Turn(row.turn_at, row.served, row.held)) for row in rows}


def _heads_of_all() -> Any:
    lane = select(*COLUMNS).where(PersonQueueRow.did == NEWCOMERS)
    last = select(*COLUMNS).where(PersonQueueRow.held.is_(False)).order_by(PersonQueueRow.turn_at.desc())
    heads = {name: who.subquery(name) for name, who in {**NEXT, LANE: lane, LAST: last.limit(1)}.items()}
    return union_all(*(select(literal(name).label("lane"), head) for name, head in heads.items()))


def _end_turn(tx: Tx, did: str, last: datetime) -> None:
    """Move this person, and the lane of newcomers if they are one, behind all others who wait."""
    if tx.scalar(END_TURN, {"who": did, "last": last}):
        tx.execute(_ending_turn_of_newcomers(tx), {"last": last})


@per_database
def _ending_turn_of_newcomers(insert: Any) -> Any:
    new = {"did": NEWCOMERS, "newcomer": False, "turn_at": bindparam("last"), "served": 1, "held": False}
    lane = insert(QUEUE).values(**new)
    return lane.on_conflict_do_update(index_elements=["did"], set_=BEHIND)


def _last_place(heads: Mapping[str, Head], now: datetime) -> datetime:
    """The time behind the turns of all others. It is not simply now: the clock may be an hour ahead."""
    return min(now, heads[LAST].turn.at + NEXT_PLACE) if LAST in heads else now


# Each claim asks for them, and to build them takes longer than to run them.
NEXT = {REGULAR: _next(newcomer=False), NEWCOMER: _next(newcomer=True)}
HEADS = _heads_of_all()
DUE = {
    lane: who.where(PersonQueueRow.turn_at <= bindparam("now")).with_for_update(skip_locked=True)
    for lane, who in NEXT.items()
}
