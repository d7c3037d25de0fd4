"""How much the bot may spend, and how fast it may post."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.domain.hours import ALWAYS, Hours

if TYPE_CHECKING:
    from datetime import timedelta

    from bot.domain.prompt import Usage

POINTS_PER_POST = 3  # rate limit points of a new record (docs.bsky.app, rate limits)
POINTS_PER_DELETION = 1
POINTS_PER_HOUR, POINTS_PER_DAY = 5_000 // 5, 35_000 // 5  # a fifth of what a PDS allows an account


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, which is millionths of a dollar for one."""

    tokens_in: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_out: int) -> int:
        """In millionths of a US dollar, rounded up."""
        return math.ceil(tokens_in * self.tokens_in + tokens_out * self.tokens_out)

    def complete(self, usage: Usage) -> int:
        """What the provider says that it cost; else by this price."""
        return self.of(usage.tokens_in, usage.tokens_out) if usage.cost is None else usage.cost


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed, in sliding windows. docs/settings.md describes each limit.

    `day_money` is in millionths of a US dollar; None if money has no limit. `turn_tokens` and `turn_money`
    are what one request to the model may take, and are reserved before it; `turn_calls` are the calls that a
    turn takes. `reply_points` are the write points of a whole reply. `hours`: when anything is answered.
    """

    person_hour: int
    person_day: int
    person_day_tokens: int
    thread_posts: int
    partner_posts: int
    partner_window: timedelta
    hour: int
    day: int
    max_age: timedelta
    automatic_answers: int = 4
    person_hour_calls: int = 20
    hour_calls: int = 120
    day_tokens: int = 3_000_000
    day_money: int | None = None
    price: Price = Price(0, 0)
    turn_calls: int = 1
    turn_tokens: int = 1
    turn_money: int = 0
    reply_points: int = POINTS_PER_POST
    hours: Hours = ALWAYS
    heated_thread: int = 10


class Tempo(StrEnum):
    """How soon answers come (`bot.domain.pacing.delay` has the numbers)."""

    HUMAN = "human"
    BRISK = "brisk"
    AT_ONCE = "at once"


@dataclass(frozen=True, slots=True)
class Pace:
    """Pauses before thinking, before posting, and between replies. `tempo`: from a mention to its answer."""

    think_delay: timedelta
    post_delay: timedelta
    person_spacing: timedelta
    spacing: timedelta
    tempo: Tempo = Tempo.AT_ONCE
