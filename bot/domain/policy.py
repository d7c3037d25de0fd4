"""Whether the bot may answer a mention: now, later or never. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from bot.domain.limits import POINTS_PER_DAY, POINTS_PER_HOUR
from bot.domain.mention import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.domain.limits import Limits

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BOT_LABEL = "bot"
ALLOWED_BOT_POSTS = 2  # in one thread with an allow-listed bot
SHORT_FROM = 0.8  # of the day's money: from here on answers are short, without recall
NEWCOMERS_SHARE = 0.75  # of what is for all: people who had no answer yet take at most so much together


class PolicyReason(StrEnum):
    """Every reason why a mention is not answered, or not yet."""

    PAUSED = "paused"
    ASLEEP = "asleep"
    STOPPED = "stopped"
    THREAD_STOPPED = "thread stopped"
    BLOCKED = "blocked"
    MUTED = "muted"
    NO_BOTS = "wants no bots"
    DENIED = "inference denied"
    HIDDEN = "account not active"
    GONE = "gone"
    GATED = "gated"
    BOT = "bot"
    TOO_OLD = "too old"
    THREAD = "thread limit"
    PERSON_HOUR = "person hour limit"
    PERSON_DAY = "person day limit"
    PERSON_TOKENS = "person token limit"
    PERSON_CALLS = "person call limit"
    PARTNER = "partner limit"
    HOUR = "hour limit"
    DAY = "day limit"
    CALLS = "call limit"
    TOKENS = "token limit"
    MONEY = "money limit"
    POINTS = "write limit"

    @property
    def is_limit(self) -> bool:
        return self.endswith(" limit")


class Scope(StrEnum):
    """What has to wait: only this mention, all mentions of this person, of all newcomers, or all mentions."""

    MENTION = "mention"
    PERSON = "person"
    NEWCOMERS = "newcomers"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """What counts in a sliding window: how many replies, calls, tokens ..., and the time of the oldest."""

    count: int = 0
    oldest: datetime | None = None


EMPTY = Window()


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent within an hour or 24 hours, for all or for some. Reservations count as spent."""

    hour: Window = EMPTY
    day: Window = EMPTY
    hour_calls: Window = EMPTY
    day_tokens: Window = EMPTY
    day_money: Window = EMPTY
    hour_points: Window = EMPTY
    day_points: Window = EMPTY


NOTHING = Spent()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision about one mention needs. `gone` and `labels` are None until they are looked up.

    `paused`: the operator lets nothing be answered now.

    `thread_stopped`: the thread's first author told the bot to stop there. `gated`: their threadgate does not
    allow the bot to reply, or hides one of its replies, or the mention. `blocked`: the asker or the thread's
    first author blocks the bot. `muted`: the operator mutes one of the two. `no_bots`: one of the two says in
    their bio that bots shall keep away. `denied`: the asker declared that no model may be shown their words.
    `hidden`: the asker's account is not active. `automatic`: it answers as a program does.

    `heated`: many mentions were heard in the thread just now. `thread` counts the bot's posts under the
    mention's root. `partner` counts replies to this person in this
    thread within the partner window. The other windows are of one hour or 24 hours. `newcomers` is what all
    people without an answer yet have spent together; None if the asker is none of them.
    """

    age: timedelta
    paused: bool = False
    stopped: bool = False
    thread_stopped: bool = False
    blocked: bool = False
    muted: bool = False
    no_bots: bool = False
    denied: bool = False
    hidden: bool = False
    gated: bool = False
    gone: bool | None = None
    labels: frozenset[str] | None = None
    automatic: bool = False
    allowed_bot: bool = False
    heated: bool = False
    thread: int = 0
    partner: Window = field(default=EMPTY)
    person: Spent = field(default=NOTHING)
    newcomers: Spent | None = None
    everyone: Spent = field(default=NOTHING)


@dataclass(frozen=True, slots=True)
class Go:
    """Answer it. `short`: without recall, in one post, because the day's money runs out."""

    short: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """Decide again at `until`, when the oldest reply has left the full window.

    In a pause that is at once: nothing can be claimed before its end. In the night it is when the bot wakes.
    """

    until: datetime
    reason: PolicyReason
    scope: Scope


@dataclass(frozen=True, slots=True)
class No:
    """Never answer it. `state` is DECLINED, or EXPIRED if the mention is or would become too old."""

    reason: PolicyReason
    state: State


Decision: TypeAlias = Go | Later | No


def decide(
    facts: Facts, limits: Limits, now: datetime, *, admitted: bool = False, thinking: bool = True
) -> Decision:
    """May this mention be answered? Asked before thinking and, with `admitted`, again before posting.

    In a pause nothing is decided. Limits do not refuse an admitted mention: it counts against them already.
    Without `thinking` the program itself answers, at any hour: no model is shown anything, and calls, tokens
    and money are not asked for.
    """
    if facts.paused:
        return Later(now, PolicyReason.PAUSED, Scope.MENTION)
    if refusal := _refusal(facts, limits, thinking=thinking):
        return refusal
    opens = limits.hours.next_open(now)
    if thinking and opens > now:
        return Later(opens, PolicyReason.ASLEEP, Scope.MENTION)
    if admitted:
        return Go()
    if facts.thread >= _thread_posts(facts, limits):
        return No(PolicyReason.THREAD, State.DECLINED)
    return _wait(facts, limits, now, thinking=thinking)


def _refusal(facts: Facts, limits: Limits, *, thinking: bool) -> No | None:
    refusals = {
        PolicyReason.STOPPED: facts.stopped,
        PolicyReason.THREAD_STOPPED: facts.thread_stopped,
        PolicyReason.BLOCKED: facts.blocked,
        PolicyReason.MUTED: facts.muted,
        PolicyReason.NO_BOTS: thinking and facts.no_bots,
        PolicyReason.DENIED: thinking and facts.denied,
        PolicyReason.HIDDEN: facts.hidden,
        PolicyReason.GONE: facts.gone,
        PolicyReason.GATED: facts.gated,
        PolicyReason.BOT: _is_bot(facts) and not facts.allowed_bot,
    }
    reason = next((reason for reason, holds in refusals.items() if holds), None)
    if reason is not None:
        return No(reason, State.DECLINED)
    if facts.age > limits.max_age:
        return No(PolicyReason.TOO_OLD, State.EXPIRED)
    return None


def _is_bot(facts: Facts) -> bool:
    return facts.automatic or BOT_LABEL in (facts.labels or ())


def _thread_posts(facts: Facts, limits: Limits) -> int:
    return min(limits.thread_posts, ALLOWED_BOT_POSTS) if _is_bot(facts) else limits.thread_posts


def _wait(facts: Facts, limits: Limits, now: datetime, *, thinking: bool) -> Decision:
    """The longest wait that a full window asks for; a No if the mention would be too old by then."""
    waits = [wait for rule in _rules(facts, limits, thinking=thinking) if (wait := rule.wait())]
    for wait in waits:
        if isinstance(wait, No):
            return wait
    longest = max((wait for wait in waits if isinstance(wait, Later)), key=lambda w: w.until, default=None)
    if longest is None:
        return Go(short=thinking and _is_dear(facts, limits))
    if longest.until > now + limits.max_age - facts.age:
        return No(longest.reason, State.EXPIRED)
    return longest


def _is_dear(facts: Facts, limits: Limits) -> bool:
    money = facts.everyone.day_money.count
    return limits.day_money is not None and money >= SHORT_FROM * limits.day_money


@dataclass(frozen=True, slots=True)
class _Rule:
    """A window with its limit. `need` is what one more answer takes."""

    reason: PolicyReason
    scope: Scope
    window: Window
    limit: int
    length: timedelta
    need: int = 1

    def wait(self) -> Later | No | None:
        if self.window.count + self.need <= self.limit:
            return None
        if self.window.oldest is None:  # the limit is too low: no wait will help
            return No(self.reason, State.DECLINED)
        return Later(self.window.oldest + self.length, self.reason, self.scope)


def _rules(facts: Facts, limits: Limits, *, thinking: bool) -> Iterator[_Rule]:
    person, posts = facts.person, 1 if facts.heated else limits.partner_posts
    yield _Rule(PolicyReason.PARTNER, Scope.MENTION, facts.partner, posts, limits.partner_window)
    yield _Rule(PolicyReason.PERSON_HOUR, Scope.PERSON, person.hour, limits.person_hour, HOUR)
    yield _Rule(PolicyReason.PERSON_DAY, Scope.PERSON, person.day, limits.person_day, DAY)
    if thinking:
        calls, tokens = limits.person_hour_calls, limits.person_day_tokens
        yield _Rule(
            PolicyReason.PERSON_CALLS, Scope.PERSON, person.hour_calls, calls, HOUR, limits.turn_calls
        )
        yield _Rule(
            PolicyReason.PERSON_TOKENS, Scope.PERSON, person.day_tokens, tokens, DAY, limits.turn_tokens
        )
    yield from _rules_for_all(facts.everyone, limits, Scope.ALL, 1, thinking=thinking)
    if facts.newcomers is not None:
        yield from _rules_for_all(
            facts.newcomers, limits, Scope.NEWCOMERS, NEWCOMERS_SHARE, thinking=thinking
        )


def _rules_for_all(
    spent: Spent, limits: Limits, scope: Scope, share: float, *, thinking: bool
) -> Iterator[_Rule]:
    """The limits of all answers together, of which these people may take `share`, and at least one answer."""

    def rule(reason: PolicyReason, window: Window, limit: int, length: timedelta, need: int = 1) -> _Rule:
        return _Rule(reason, scope, window, min(limit, max(int(limit * share), need)), length, need)

    yield rule(PolicyReason.HOUR, spent.hour, limits.hour, HOUR)
    yield rule(PolicyReason.DAY, spent.day, limits.day, DAY)
    yield rule(PolicyReason.POINTS, spent.hour_points, POINTS_PER_HOUR, HOUR, limits.reply_points)
    yield rule(PolicyReason.POINTS, spent.day_points, POINTS_PER_DAY, DAY, limits.reply_points)
    if not thinking:
        return
    yield rule(PolicyReason.CALLS, spent.hour_calls, limits.hour_calls, HOUR, limits.turn_calls)
    yield rule(PolicyReason.TOKENS, spent.day_tokens, limits.day_tokens, DAY, limits.turn_tokens)
    if limits.day_money is not None:
        yield rule(PolicyReason.MONEY, spent.day_money, limits.day_money, DAY, limits.turn_money)
