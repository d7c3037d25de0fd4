"""Whether the bot may answer a mention: now, later or never. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from bot.domain.mention import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.domain.limits import Limits

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BOT_LABEL = "bot"
ALLOWED_BOT_POSTS = 2  # in one thread with an allow-listed bot


class PolicyReason(StrEnum):
    """Every reason why a mention is not answered, or not yet."""

    STOPPED = "stopped"
    THREAD_STOPPED = "thread stopped"
    BLOCKED = "blocked"
    HIDDEN = "account not active"
    GONE = "gone"
    GATED = "gated"
    BOT = "bot"
    TOO_OLD = "too old"
    THREAD = "thread limit"
    PERSON_HOUR = "person hour limit"
    PERSON_DAY = "person day limit"
    PERSON_TOKENS = "person token limit"
    PARTNER = "partner limit"
    HOUR = "hour limit"
    DAY = "day limit"


class Scope(StrEnum):
    """What has to wait: only this mention, all mentions of this person, or all mentions."""

    MENTION = "mention"
    PERSON = "person"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """What counts in a sliding window: how many replies or tokens, and the time of the oldest."""

    count: int = 0
    oldest: datetime | None = None


EMPTY = Window()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision about one mention needs. `gone` and `labels` are None until they are looked up.

    `thread_stopped`: the thread's first author told the bot to stop there. `gated`: their threadgate does not
    allow the bot to reply, or hides one of its replies. `blocked`: the asker or the thread's first author
    blocks the bot. `hidden`: the asker's account is not active.

    `thread` counts the bot's posts under the mention's root. `partner` counts replies to this person in this
    thread within the partner window. The other windows are of one hour or 24 hours.
    """

    age: timedelta
    stopped: bool = False
    thread_stopped: bool = False
    blocked: bool = False
    hidden: bool = False
    gated: bool = False
    gone: bool | None = None
    labels: frozenset[str] | None = None
    allowed_bot: bool = False
    thread: int = 0
    partner: Window = field(default=EMPTY)
    person_hour: Window = field(default=EMPTY)
    person_day: Window = field(default=EMPTY)
    person_tokens: Window = field(default=EMPTY)
    hour: Window = field(default=EMPTY)
    day: Window = field(default=EMPTY)


@dataclass(frozen=True, slots=True)
class Go:
    """Answer it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Decide again at `until`, when the oldest reply has left the full window."""

    until: datetime
    reason: PolicyReason
    scope: Scope


@dataclass(frozen=True, slots=True)
class No:
    """Never answer it. `state` is DECLINED, or EXPIRED if the mention is or would become too old."""

    reason: PolicyReason
    state: State


Decision: TypeAlias = Go | Later | No


def decide(facts: Facts, limits: Limits, now: datetime, *, admitted: bool = False) -> Decision:
    """May this mention be answered? Asked before thinking and, with `admitted`, again before posting.

    Limits do not refuse an admitted mention: it counts against them already.
    """
    refusal = _refusal(facts, limits)
    if refusal or admitted:
        return refusal or Go()
    if facts.thread >= _thread_posts(facts, limits):
        return No(PolicyReason.THREAD, State.DECLINED)
    return _wait(facts, limits, now)


def _refusal(facts: Facts, limits: Limits) -> No | None:
    refusals = {
        PolicyReason.STOPPED: facts.stopped,
        PolicyReason.THREAD_STOPPED: facts.thread_stopped,
        PolicyReason.BLOCKED: facts.blocked,
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
    return BOT_LABEL in (facts.labels or ())


def _thread_posts(facts: Facts, limits: Limits) -> int:
    return min(limits.thread_posts, ALLOWED_BOT_POSTS) if _is_bot(facts) else limits.thread_posts


def _wait(facts: Facts, limits: Limits, now: datetime) -> Decision:
    """The longest wait that a full window asks for; a No if the mention would be too old by then."""
    waits = list(_waits(facts, limits))
    for wait in waits:
        if isinstance(wait, No):
            return wait
    longest = max((wait for wait in waits if isinstance(wait, Later)), key=lambda w: w.until, default=None)
    if longest is None:
        return Go()
    if longest.until > now + limits.max_age - facts.age:
        return No(longest.reason, State.EXPIRED)
    return longest


def _waits(facts: Facts, limits: Limits) -> Iterator[Later | No]:
    for reason, scope, window, limit, length in (
        (PolicyReason.PARTNER, Scope.MENTION, facts.partner, limits.partner_posts, limits.partner_window),
        (PolicyReason.PERSON_HOUR, Scope.PERSON, facts.person_hour, limits.person_hour, HOUR),
        (PolicyReason.PERSON_DAY, Scope.PERSON, facts.person_day, limits.person_day, DAY),
        (PolicyReason.PERSON_TOKENS, Scope.PERSON, facts.person_tokens, limits.person_day_tokens, DAY),
        (PolicyReason.HOUR, Scope.ALL, facts.hour, limits.hour, HOUR),
        (PolicyReason.DAY, Scope.ALL, facts.day, limits.day, DAY),
    ):
        if window.count < limit:
            continue
        if window.oldest is None:  # a limit of zero: no wait will help
            yield No(reason, State.DECLINED)
        else:
            yield Later(window.oldest + length, reason, scope)
