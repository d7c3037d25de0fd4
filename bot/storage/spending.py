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

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, select, update

from bot.domain.policy import Facts, Spent, Window
from bot.storage.queue import is_newcomer
from bot.storage.tables import SpendRow
from memory.db import lock

if TYPE_CHECKING:
    from datetime import datetime

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
    person = SpendRow.person == who.person
    thread = SpendRow.thread == who.thread
    in_thread = _sum(SpendRow.posts, now - DAY)
    return replace(
        facts,
        thread=max(facts.thread, int(tx.execute(select(in_thread).where(thread)).scalar_one())),
        partner=_partner(tx, now - limits.partner_window, person, thread),
        person=_spent(tx, now, person),
        newcomers=_spent(tx, now, SpendRow.newcomer.is_(True)) if is_newcomer(tx, mention.did) else None,
        everyone=_spent(tx, now),
    )


def lock_limits(tx: Tx) -> None:
    """Until the transaction ends, nobody else reads or spends what the limits leave."""
    lock(tx, "admit")


def _partner(tx: Tx, since: datetime, *which: ColumnElement[bool]) -> Window:
    return Window(
        *tx.execute(select(*_window(SpendRow.replies, since)).where(SpendRow.at > since, *which)).one()
    )


def _spent(tx: Tx, now: datetime, *which: ColumnElement[bool]) -> Spent:
    """The windows of one scan over the day's rows, of which the limits allow only so many."""
    hour, day = now - HOUR, now - DAY
    windows = (
        (SpendRow.replies, hour),
        (SpendRow.replies, day),
        (SpendRow.calls, hour),
        (SpendRow.tokens_in + SpendRow.tokens_out, day),
        (SpendRow.money, day),
        (SpendRow.points, hour),
        (SpendRow.points, day),
    )
    columns = [column for amount, since in windows for column in _window(amount, since)]
    row = tx.execute(select(*columns).where(SpendRow.at > day, *which)).one()
    return Spent(*(Window(int(row[at]), row[at + 1]) for at in range(0, len(row), 2)))


def _window(amount: Any, since: datetime) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    counts = and_(SpendRow.at > since, amount > 0)
    return _sum(amount, since), func.min(case((counts, SpendRow.at)))


def _sum(amount: InstrumentedAttribute[int] | ColumnElement[int], since: datetime) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((SpendRow.at > since, amount), else_=0)), 0)
