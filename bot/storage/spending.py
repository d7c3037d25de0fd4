"""What was reserved and spent, in rows: calls, tokens, money, replies and write points.

A row is written in the transaction that claims a mention, before anything is spent, and is settled after it.
Whose it is stands as hashes with the salt of the journal of erasures: who is forgotten is counted on for a
day, and is not named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, insert, select, update

from bot.domain.limits import POINTS_PER_POST
from bot.domain.policy import Facts, Spent, Window
from bot.storage.tables import SpendRow
from memory.db import lock
from memory.prepared import table_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import BindParameter, Select

    from bot.domain.limits import Limits, Price
    from bot.domain.mention import Mention
    from bot.domain.prompt import Usage
    from bot.storage.journal import Journal
    from memory.db import Tx

SPEND = table_of(SpendRow)
OF_MENTION = SPEND.c.mention == bindparam("whose")
OF_ATTEMPT = OF_MENTION, SPEND.c.fence == bindparam("which")
SETTLE = update(SPEND).where(*OF_ATTEMPT)
RELEASE = delete(SPEND).where(*OF_ATTEMPT)
RELEASE_REPLY = update(SPEND).where(OF_MENTION, SPEND.c.replies > 0).values(replies=0, posts=0, points=0)
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
    whose = {"person": who.person, "thread": who.thread, "mention": who.mention, "fence": who.fence}
    tx.execute(insert(SPEND), {"at": now, "kind": kind} | whose | values)


def settle(tx: Tx, who: Attempt, usage: Usage, price: Price, *, posts: int | None = None) -> None:
    """Replace the reserved tokens and money by what the turn has cost, and (if told) the reserved posts."""
    cost = {"tokens_in": usage.tokens_in, "tokens_out": usage.tokens_out, "money": price.complete(usage)}
    _settle(tx, who, cost if posts is None else cost | _of_posts(posts))


def settle_posts(tx: Tx, who: Attempt, posts: int) -> None:
    """Replace the reserved posts and write points by those of the reply as it was drafted."""
    _settle(tx, who, _of_posts(posts))


def _of_posts(posts: int) -> dict[str, int]:
    return {"posts": posts, "points": posts * POINTS_PER_POST}


def _settle(tx: Tx, who: Attempt, amounts: dict[str, int]) -> None:
    tx.execute(SETTLE, amounts | _row(who))


def release_reply(tx: Tx, who: Attempt) -> None:
    """No reply comes of any attempt at this mention so far. What the attempts have cost stays."""
    tx.execute(RELEASE_REPLY, {"whose": who.mention})


def release(tx: Tx, who: Attempt) -> None:
    """The attempt has cost nothing: the brain was not asked."""
    release_reply(tx, who)
    drop(tx, who)


def drop(tx: Tx, who: Attempt) -> None:
    """The same, of this attempt only: another may be under way meanwhile."""
    tx.execute(RELEASE, _row(who))


def _row(who: Attempt) -> dict[str, object]:
    return {"whose": who.mention, "which": who.fence}


def with_spending(
    tx: Tx, who: Attempt, facts: Facts, limits: Limits, now: datetime, *, newcomer: bool
) -> Facts:
    """`facts` with all that was spent. Until the transaction ends, nobody else asks what is left."""
    lock(tx, "admit")
    since = now - limits.partner_window
    spent = {"hour": now - HOUR, "day": now - DAY, "since": since, "oldest": min(now - DAY, since)}
    row = tx.execute(SPENT, spent | {"person": who.person, "thread": who.thread}).one()
    in_thread, partner, *windows = row[0], Window(row[1], row[2]), *row[3:]
    person, newcomers, everyone = (_spent(windows[at : at + WIDTH]) for at in range(0, 3 * WIDTH, WIDTH))
    return replace(
        facts,
        thread=max(facts.thread, int(in_thread)),
        partner=partner,
        person=person,
        newcomers=newcomers if newcomer else None,
        everyone=everyone,
    )


def _spent(windows: Sequence[Any]) -> Spent:
    return Spent(*(Window(int(windows[at]), windows[at + 1]) for at in range(0, WIDTH, 2)))


def _window(
    amount: Any, since: BindParameter[Any], *which: ColumnElement[bool]
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """How much within the window, and when the first of it was."""
    counts = and_(SpendRow.at > since, *which)
    return _sum(amount, counts), func.min(case((and_(counts, amount > 0), SpendRow.at)))


def _sum(amount: Any, counts: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((counts, amount), else_=0)), 0)


def _all_spent() -> Select[Any]:
    """The windows of person, newcomers and everyone in one scan over the day's rows.

    The limits allow only so many rows a day.
    """
    begins: dict[str, BindParameter[datetime]] = {name: bindparam(name) for name in ("hour", "day", "since")}
    hour, day, since = begins.values()
    person = SpendRow.person == bindparam("person")
    thread = SpendRow.thread == bindparam("thread")
    windows = (
        (SpendRow.replies, hour),
        (SpendRow.replies, day),
        (SpendRow.calls, hour),
        (SpendRow.tokens_in + SpendRow.tokens_out, day),
        (SpendRow.money, day),
        (SpendRow.points, hour),
        (SpendRow.points, day),
    )
    columns = [
        column
        for which in ((person,), (SpendRow.newcomer.is_(True),), ())
        for amount, begin in windows
        for column in _window(amount, begin, *which)
    ]
    partner = _window(SpendRow.replies, since, person, thread)
    in_thread = _sum(SpendRow.posts, and_(SpendRow.at > day, thread))
    return select(in_thread, *partner, *columns).where(SpendRow.at > bindparam("oldest"))


WIDTH = 14  # columns of one `Spent`
SPENT = _all_spent()  # to build it takes longer than to run it
