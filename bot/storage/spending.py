"""What was reserved and spent, in rows: calls, tokens, money, replies and write points.

A row is written in the transaction that admits a mention, before anything is spent, and is settled after it.
Whose it is stands as hashes with the salt of the journal of erasures: who is forgotten is counted on for a
day, and is not named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, insert, select, update

from bot.domain.policy import Facts, Spent, Window
from bot.storage.queue import is_newcomer
from bot.storage.tables import SpendRow
from memory.db import lock

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import BindParameter, Select
    from sqlalchemy.orm import InstrumentedAttribute

    from bot.domain.limits import Limits, Price
    from bot.domain.mention import Mention
    from bot.domain.prompt import Usage
    from bot.storage.journal import Journal
    from memory.db import Tx

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NO_ONE = ""


class SpendKind(StrEnum):
    TURN = "turn"
    COMMAND = "command"
    DELETION = "deletion"
    REPEATED_PUT = "repeated put"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whose attempt it is, and which: all that a row is found by. `fence` is the claim's; 0 without one."""

    person: str
    thread: str
    mention: str
    fence: int


def attempt(journal: Journal, mention: Mention, fence: int = 0) -> Attempt:
    name = journal.pseudonym
    return Attempt(name(mention.did), name(mention.root.uri), name(mention.uri), fence)


def reserve(tx: Tx, who: Attempt, facts: Facts, limits: Limits, now: datetime, kind: SpendKind) -> None:
    """Write down what the answer may take. `facts` are those that policy decided by."""
    thinking = kind is SpendKind.TURN
    _add(
        tx,
        who,
        now,
        kind,
        newcomer=facts.newcomers is not None,
        replies=1,
        posts=1,
        points=limits.reply_points,
        calls=limits.turn_calls if thinking else 0,
        tokens_in=limits.turn_tokens if thinking else 0,
        money=limits.turn_money if thinking else 0,
    )


def is_reserved(tx: Tx, who: Attempt) -> bool:
    """Whether the place of a reply to this mention is reserved."""
    reserved = select(SpendRow.id).where(SpendRow.mention == who.mention, SpendRow.replies > 0)
    return tx.scalar(reserved.limit(1)) is not None


def add_points(tx: Tx, now: datetime, kind: SpendKind, points: int) -> None:
    """Count write points that belong to no answer's reservation."""
    _add(tx, Attempt(NO_ONE, NO_ONE, NO_ONE, 0), now, kind, points=points)


def _add(tx: Tx, who: Attempt, now: datetime, kind: SpendKind, **amounts: int) -> None:
    zeros = dict.fromkeys(
        ("replies", "posts", "points", "calls", "tokens_in", "tokens_out", "money", "newcomer"), 0
    )
    values = {**zeros, **amounts}
    values["newcomer"] = bool(values["newcomer"])
    tx.execute(
        insert(SpendRow).values(
            at=now,
            kind=kind,
            person=who.person,
            thread=who.thread,
            mention=who.mention,
            fence=who.fence,
            **values,
        )
    )


def settle(tx: Tx, who: Attempt, usage: Usage, price: Price) -> None:
    """Replace the reserved tokens and money by what the turn has cost."""
    cost = {"tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "money": price.complete(usage)}
    tx.execute(update(SpendRow).where(*_is(who)).values(**cost))


def settle_posts(tx: Tx, who: Attempt, posts: int, points: int) -> None:
    """Replace the reserved posts and write points by those of the reply as it was drafted."""
    tx.execute(update(SpendRow).where(*_is(who)).values(posts=posts, points=points))


def release_reply(tx: Tx, who: Attempt) -> None:
    """No reply comes of any attempt at this mention so far. What the attempts have cost stays."""
    released = update(SpendRow).where(SpendRow.mention == who.mention, SpendRow.replies > 0)
    tx.execute(released.values(replies=0, posts=0, points=0))


def release(tx: Tx, who: Attempt) -> None:
    """The attempt has cost nothing: the brain was not asked."""
    release_reply(tx, who)
    tx.execute(delete(SpendRow).where(*_is(who)))


def _is(who: Attempt) -> tuple[ColumnElement[bool], ...]:
    return SpendRow.mention == who.mention, SpendRow.fence == who.fence


def with_spending(
    tx: Tx, mention: Mention, who: Attempt, facts: Facts, limits: Limits, now: datetime
) -> Facts:
    """`facts` with all that was spent. Call `lock_limits` before, if something is spent upon them."""
    spent = {"hour": now - HOUR, "day": now - DAY}
    both = {"person": who.person, "thread": who.thread}
    in_thread = tx.execute(IN_THREAD, spent | both).scalar_one()
    partner = tx.execute(BY_PARTNER, {"since": now - limits.partner_window} | both).one()
    newcomer = is_newcomer(tx, mention.did)
    return replace(
        facts,
        thread=max(facts.thread, int(in_thread)),
        partner=Window(*partner),
        person=_spent(tx, BY_PERSON, spent | both),
        newcomers=_spent(tx, BY_NEWCOMERS, spent) if newcomer else None,
        everyone=_spent(tx, BY_EVERYONE, spent),
    )


def lock_limits(tx: Tx) -> None:
    """Until the transaction ends, nobody else reads or spends what the limits leave."""
    lock(tx, "admit")


def _spent(tx: Tx, statement: Select[Any], values: dict[str, Any]) -> Spent:
    row = tx.execute(statement, values).one()
    return Spent(*(Window(int(row[at]), row[at + 1]) for at in range(0, len(row), 2)))


def _windows(*which: ColumnElement[bool]) -> Select[Any]:
    """The windows of one scan over the day's rows, of which the limits allow only so many."""
    windows = (
        (SpendRow.replies, HOUR_AGO),
        (SpendRow.replies, DAY_AGO),
        (SpendRow.calls, HOUR_AGO),
        (SpendRow.tokens_in + SpendRow.tokens_out, DAY_AGO),
        (SpendRow.money, DAY_AGO),
        (SpendRow.points, HOUR_AGO),
        (SpendRow.points, DAY_AGO),
    )
    columns = [column for amount, since in windows for column in _window(amount, since)]
    return select(*columns).where(SpendRow.at > DAY_AGO, *which)


def _window(amount: Any, since: BindParameter[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    counts = and_(SpendRow.at > since, amount > 0)
    return _sum(amount, since), func.min(case((counts, SpendRow.at)))


def _sum(
    amount: InstrumentedAttribute[int] | ColumnElement[int], since: BindParameter[Any]
) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((SpendRow.at > since, amount), else_=0)), 0)


# A mention asks for them up to three times, and to build them takes longer than to run them.
HOUR_AGO: BindParameter[datetime] = bindparam("hour")
DAY_AGO: BindParameter[datetime] = bindparam("day")
SINCE: BindParameter[datetime] = bindparam("since")
OF_PERSON, IN_ONE_THREAD = SpendRow.person == bindparam("person"), SpendRow.thread == bindparam("thread")
IN_THREAD = select(_sum(SpendRow.posts, DAY_AGO)).where(IN_ONE_THREAD)
BY_PARTNER = select(*_window(SpendRow.replies, SINCE)).where(SpendRow.at > SINCE, OF_PERSON, IN_ONE_THREAD)
BY_PERSON, BY_NEWCOMERS, BY_EVERYONE = _windows(OF_PERSON), _windows(SpendRow.newcomer.is_(True)), _windows()
