"""When to think, when to post and when to retry. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bot.domain.limits import Pace

FIRST_RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(minutes=10)
LONGEST_JOB_RETRY = timedelta(days=1)
JOB_ATTEMPTS, JOB_GROWTH = 20, 1.1  # after about two hours a job waits a tenth of its age
LATE = timedelta(seconds=1)


def think_at(now: datetime, pace: Pace) -> datetime:
    """When to think about a mention seen `now`. The pause is for people who add a second post at once."""
    return now + pace.think_delay


def post_at(
    earliest: datetime, planned: Iterable[datetime], to_person: Iterable[datetime], pace: Pace
) -> datetime:
    """When to post: the first time from `earliest` on that keeps its distance from what is planned.

    `planned` are the times of all replies, `to_person` of those to the same person. A time far ahead, as a
    clock that jumped leaves it, takes no more room than any other.
    """
    taken = [(at - pace.spacing, at + pace.spacing) for at in planned]
    taken += [(at - pace.person_spacing, at + pace.person_spacing) for at in to_person]
    free = earliest
    for begin, end in sorted(taken):
        if begin < free < end:
            free = end
    return free


def is_missed(post_at: datetime, now: datetime) -> bool:
    """Whether so much time has passed since the time to post that others may be planned for now."""
    return now - post_at > LATE


def retry_job_at(now: datetime, attempts: int, retry_after: float | None, jitter: float) -> datetime:
    """When to try a job again. It never ends by itself; what fails for weeks is tried once a day."""
    grown = LONGEST_RETRY * JOB_GROWTH ** min(attempts - JOB_ATTEMPTS, 100)
    wait = min(grown, LONGEST_JOB_RETRY) * (0.5 + jitter / 2) if attempts > JOB_ATTEMPTS else timedelta(0)
    return max(retry_at(now, attempts, retry_after, jitter), now + wait)


def retry_at(now: datetime, attempts: int, retry_after: float | None, jitter: float) -> datetime:
    """When to try again after `attempts` (1 or more) failures: exponential backoff with jitter.

    `jitter` (0 to 1) spreads the retries of many workers over half the wait. The wait is never shorter than
    the server's own `retry_after` (seconds).
    """
    wait = min(FIRST_RETRY * float(2 ** min(attempts - 1, 20)), LONGEST_RETRY) * (0.5 + jitter / 2)
    return now + max(wait, timedelta(seconds=retry_after or 0))
