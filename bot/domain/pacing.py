"""When to think, when to post and when to retry. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.limits import Pace

FIRST_RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(minutes=10)


def think_at(now: datetime, pace: Pace) -> datetime:
    """When to think about a mention seen `now`. The pause is for people who add a second post at once."""
    return now + pace.think_delay


def post_at(now: datetime, last_to_person: datetime | None, last: datetime | None, pace: Pace) -> datetime:
    """When to post a reply drafted `now`, given the latest times planned for this person and overall."""
    slots = [now + pace.post_delay]
    if last_to_person is not None:
        slots.append(last_to_person + pace.person_spacing)
    if last is not None:
        slots.append(last + pace.spacing)
    return max(slots)


def retry_at(now: datetime, attempts: int, retry_after: float | None, jitter: float) -> datetime:
    """When to try again after `attempts` (1 or more) failures: exponential backoff with jitter.

    `jitter` (0 to 1) spreads the retries of many workers over half the wait. The wait is never shorter than
    the server's own `retry_after` (seconds).
    """
    wait = min(FIRST_RETRY * float(2 ** min(attempts - 1, 20)), LONGEST_RETRY) * (0.5 + jitter / 2)
    return now + max(wait, timedelta(seconds=retry_after or 0))
