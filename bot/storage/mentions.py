"""The queue of mentions: accept, claim, postpone, and what a claimed mention may be changed to."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import bindparam, literal_column, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from bot.domain import pacing
from bot.domain.mention import ACTIVE, OPEN, Claim, Command, Mention, State
from bot.storage import claimed, merging, queue
from bot.storage.claimed import MENTION
from bot.storage.pauses import IS_PAUSED
from bot.storage.queue import IS_BURST, literals
from bot.storage.rows import post_columns, to_mention
from bot.storage.tables import MentionRow
from memory.db import stream
from memory.prepared import per_database

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime, timedelta

    from sqlalchemy import Row, Select

    from bot.domain.limits import Limits
    from bot.domain.mention import StrongRef
    from bot.domain.prompt import Usage
    from bot.storage.claimed import Locked
    from memory.db import Database, Tx

T = TypeVar("T")
CLAIM_TRIES = 5
PUBLISHING, THINKING = frozenset({State.DRAFTED, State.POSTING}), frozenset({State.THINKING})
CLAIMED_STATE = {State.WAITING: State.THINKING, State.DRAFTED: State.POSTING}
UNDER_WAY = PUBLISHING | THINKING  # few at a time: the limits allow no more
WISHES = tuple(command for command in Command if command.forgets)
CLAIM = (
    update(MENTION)
    .where(MENTION.c.uri == bindparam("claimed"))
    .values(fence=MENTION.c.fence + 1, attempts=MENTION.c.attempts + 1)
)
ADD_USAGE = claimed.CHANGE.values(
    tokens_in=MENTION.c.tokens_in + bindparam("more_in"),
    tokens_out=MENTION.c.tokens_out + bindparam("more_out"),
    cost=MENTION.c.cost + bindparam("more_cost"),  # unknown once, unknown for good
)
POSTPONED_STATE = {State.THINKING: State.WAITING, State.POSTING: State.DRAFTED}


def accept(
    tx: Tx,
    mention: Mention,
    *,
    now: datetime,
    due_at: datetime,
    rev: str | None = None,
    limits: Limits | None = None,
) -> bool:
    """Store a mention as waiting. False if it was stored already.

    With `limits`, what its author said just before in the thread, and still waits, ends in its turn; in a
    thread that is heated by them, all that waits of theirs there.
    """
    fresh = post_columns(mention) | {"seen_at": now, "state": State.WAITING, "due_at": due_at, "rev": rev}
    counters = dict.fromkeys(("fence", "attempts", "post_failures", "tokens_in", "tokens_out", "cost"), 0)
    values = {"uri": mention.uri, "did": mention.did, **fresh, **counters, **merging.window(limits, now)}
    added = tx.execute(_accepting(tx), values).first()
    if added is None:
        return False
    if limits is not None and added.siblings and mention.command is None:
        merging.merge(tx, mention, now, heated=added.heat >= limits.heated_thread)
    queue.enqueue(tx, mention.did, due_at)
    return True


@per_database
def _accepting(insert: Any) -> Any:
    row = insert(MENTION)
    return row.on_conflict_do_nothing().returning(merging.HAS_SIBLINGS, merging.HEAT)


def is_due(tx: Tx, now: datetime, states: Collection[State] | None = None) -> bool:
    """Whether a mention (in one of these states) is due.

    It may still not be claimable, if its person is being served.
    """
    wanted = UNDER_WAY if states is None else UNDER_WAY & set(states)
    if tx.execute(_under_way(wanted).limit(1), {"now": now}).first() is not None:
        return True
    return _may_wait(states) and queue.has_turn(tx, now)


@cache
def _under_way(states: frozenset[State]) -> Select[Any]:
    """The mentions that a worker has drafted, or had when it died, and that are due. None in a pause."""
    found = select(MentionRow.__table__, IS_BURST).where(MentionRow.state.in_(states), ~IS_PAUSED)
    return found.where(MentionRow.due_at <= bindparam("now"))


def _may_wait(states: Collection[State] | None) -> bool:
    return states is None or State.WAITING in states


def claim(
    db: Database,
    worker: str,
    *,
    now: datetime,
    lease: timedelta,
    states: Collection[State] | None = None,
) -> Claim | None:
    """Claim a mention that is due, of a person whom no worker serves. None if there is none.

    Replies that are ready come before mentions to think about; of these, people take turns. `states` limits
    what may be claimed.
    """
    return begin(db, worker, lambda _, claim: claim, now=now, lease=lease, states=states)


def begin(
    db: Database,
    worker: str,
    step: Callable[[Tx, Claim], T],
    *,
    now: datetime,
    lease: timedelta,
    states: Collection[State] | None = None,
) -> T | None:
    """Claim a mention, and take the first `step` in the same transaction. Returns what came of it."""
    for _ in range(CLAIM_TRIES):
        try:
            with db.write() as tx:
                claim = _claim(tx, worker, now, lease, states)
                return step(tx, claim) if claim else None
        except IntegrityError:  # another worker took a mention of the same person just now
            continue
    return None


def _claim(
    tx: Tx, worker: str, now: datetime, lease: timedelta, states: Collection[State] | None
) -> Claim | None:
    row = _next(tx, now, states)
    while row is not None and _is_deadly(row):
        _put_off(tx, row, now)
        row = _next(tx, now, states)
    if row is None:
        return None
    before = State(row.state)
    state = CLAIMED_STATE.get(before, before)
    claimed_by = {"state": state, "worker": worker, "due_at": now + lease}
    tx.execute(CLAIM, {"claimed": row.uri} | claimed_by)
    return Claim(
        mention=to_mention(row),
        state=state,
        fence=row.fence + 1,
        attempts=row.attempts + 1,
        seen_at=row.seen_at,
        post_at=row.post_at,
        post_failures=row.post_failures,
    )


def _next(tx: Tx, now: datetime, states: Collection[State] | None) -> Row[Any] | None:
    wanted = UNDER_WAY if states is None else UNDER_WAY & set(states)
    row = tx.execute(_ready(wanted), {"now": now}).first() if wanted else None
    return queue.next_waiting(tx, now) if row is None and _may_wait(states) else row


def _is_deadly(row: Row[Any]) -> bool:
    """Whether workers died again and again over this mention, perhaps of it."""
    return row.state in ACTIVE and row.attempts > 1


def _put_off(tx: Tx, row: Row[Any], now: datetime) -> None:
    """Give the mention back for longer each time, until its age ends it: the deaths may be the machine's."""
    until, state = pacing.retry_at(now, row.attempts, None, 1.0), POSTPONED_STATE[State(row.state)]
    given_back = {"state": state, "due_at": until, "worker": None, "why": "workers died over it"}
    back = update(MentionRow).where(MentionRow.uri == row.uri)
    tx.execute(back.values(fence=MentionRow.fence + 1, **given_back))
    if state is State.WAITING:
        queue.enqueue(tx, row.did, until)


@cache  # to build it takes longer than to run it
def _ready(states: frozenset[State]) -> Select[Any]:
    """The mention that is due longest, of those that are to be published if there are any."""
    other = aliased(MentionRow)
    served = select(other.uri).where(
        other.did == MentionRow.did,
        other.state.in_(literals("thinking", "posting")),
        other.uri != MentionRow.uri,
    )
    order = MentionRow.state == literal_column("'thinking'"), MentionRow.due_at
    ready = _under_way(states).where(~served.exists()).order_by(*order).limit(1)
    return ready.with_for_update(skip_locked=True)


def renew(tx: Tx, claim: Claim, until: datetime) -> None:
    claimed.update(tx, claim, due_at=until)


def set_root(tx: Tx, claim: Claim, root: StrongRef) -> None:
    """Store which thread the mention is in. Raises FenceLost."""
    claimed.update(tx, claim, root_uri=root.uri, root_cid=root.cid)


def add_usage(tx: Tx, claim: Claim, brain: str, usage: Usage) -> Locked:
    """Add what the turn cost, however it ended. Raises FenceLost."""
    used: dict[str, object] = {"brain": brain, "model": usage.model}
    more = {"more_in": usage.tokens_in, "more_out": usage.tokens_out, "more_cost": usage.cost}
    return claimed.change(tx, claim, ADD_USAGE, {**used, **more})


def postpone(
    tx: Tx,
    claim: Claim,
    until: datetime,
    why: str | None,
    *,
    failed: bool = True,
    post_suspected: bool = False,
) -> None:
    """Give the mention back until `until`. With `failed`, this attempt counts.

    With `post_suspected` it counts also among those of which the post itself may be the cause.
    """
    claimed.update(
        tx,
        claim,
        state=POSTPONED_STATE[claim.state],
        due_at=until,
        worker=None,
        why=why,
        attempts=claim.attempts if failed else claim.attempts - 1,
        post_failures=claim.post_failures + post_suspected,
    )
    if claim.state is State.THINKING:
        queue.enqueue(tx, claim.mention.did, until)


def uris_of(tx: Tx, did: str, limit: int | None = None) -> list[str]:
    return list(tx.scalars(select(MentionRow.uri).where(MentionRow.did == did).limit(limit)))


def texts_of(tx: Tx, uris: Collection[str]) -> list[str]:
    """The texts of these mentions, as far as they are still stored."""
    return list(tx.scalars(select(MentionRow.text).where(MentionRow.uri.in_(uris), MentionRow.text != "")))


def posts(tx: Tx, did: str | None, *, with_text: bool = False) -> Iterator[tuple[str, str, datetime]]:
    """The mentions of this person (None: of everyone who was not erased): (DID, AT URI, when it was said).

    Without the wishes to be forgotten, which are kept until they are answered.
    """
    found = select(MentionRow.did, MentionRow.uri, MentionRow.said_at).where(
        MentionRow.uri.startswith("at://"), MentionRow.command.is_(None) | MentionRow.command.not_in(WISHES)
    )
    if did is not None:
        found = found.where(MentionRow.did == did)
    for row in stream(tx, found.where(MentionRow.text != "") if with_text else found):
        yield row.did, row.uri, row.said_at


def open_wishes(tx: Tx, did: str) -> list[str]:
    """The wishes of this person to be forgotten that are still to be answered."""
    wishes = select(MentionRow.uri).where(MentionRow.did == did, MentionRow.command.in_(WISHES))
    return list(tx.scalars(wishes.where(MentionRow.state.in_(OPEN))))


def is_asked(tx: Tx, mention: Mention, since: datetime) -> bool:
    """Whether the last word between this person and the bot is its question whether to forget all."""
    said = select(MentionRow.command, MentionRow.state, MentionRow.ended_at)
    earlier = said.where(MentionRow.did == mention.did, MentionRow.uri != mention.uri)
    last = tx.execute(earlier.order_by(MentionRow.said_at.desc()).limit(1)).first()
    asked = last is not None and (last.command, last.state) == (Command.MAY_FORGET, State.ANSWERED)
    return bool(asked and last and last.ended_at and last.ended_at > since)
