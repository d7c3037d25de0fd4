"""How much and how fast the bot may post."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """How many posts and tokens are allowed, in sliding windows. docs/settings.md describes each limit."""

    person_hour: int
    person_day: int
    person_day_tokens: int
    thread_posts: int
    partner_posts: int
    partner_window: timedelta
    hour: int
    day: int
    max_age: timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """Pauses before thinking, before posting, and between replies."""

    think_delay: timedelta
    post_delay: timedelta
    person_spacing: timedelta
    spacing: timedelta
