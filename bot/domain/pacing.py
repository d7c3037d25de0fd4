"""When to think, when to post and when to retry. Pure."""

from __future__ import annotations

from datetime import timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING

from bot.domain.chance import chance
from bot.domain.limits import Tempo

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bot.domain.hours import Hours
    from bot.domain.limits import Pace

FIRST_RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(minutes=10)
LONGEST_JOB_RETRY = timedelta(days=1)
JOB_ATTEMPTS, JOB_GROWTH = 20, 1.1  # after about two hours a job waits a tenth of its age
LATE = timedelta(seconds=1)


HUMAN_MEDIAN, HUMAN_P95 = timedelta(seconds=40), timedelta(minutes=4)  # of a log-normal distribution
HUMAN_SPREAD = NormalDist(0, 1).inv_cdf(0.95)  # standard deviations from the one to the other
HUMAN_RARE = 0.005  # of all delays: so many are as short as the shortest, and as long as the longest
BRISK = timedelta(seconds=5), timedelta(seconds=20)  # evenly between
LEAD = timedelta(seconds=10)  # before its time to post an answer is thought of
SHORT_ANSWER, PER_CHARACTER = 150, timedelta(seconds=0.1)  # what an answer's length adds to a human delay


def delay(tempo: Tempo, drawn: float, length: int = 0) -> timedelta:
    """How long after a mention its answer of `length` characters is posted. `drawn` is from 0 to below 1."""
    match tempo:
        case Tempo.HUMAN:
            deviation = NormalDist(0, 1).inv_cdf(min(max(drawn, HUMAN_RARE), 1 - HUMAN_RARE))
            typing = max(length - SHORT_ANSWER, 0) * PER_CHARACTER
            times: float = (HUMAN_P95 / HUMAN_MEDIAN) ** (deviation / HUMAN_SPREAD)
            return HUMAN_MEDIAN * times + typing
        case Tempo.BRISK:
            return BRISK[0] + (BRISK[1] - BRISK[0]) * drawn
        case Tempo.AT_ONCE:
            return timedelta(0)


def answer_at(heard_at: datetime, uri: str, pace: Pace, hours: Hours, length: int = 0) -> datetime:
    """When the answer to the mention `uri` is to be posted, for all that its own time and the hours ask for.

    What is heard while the bot is asleep counts from when it wakes up; what would come when it is asleep
    again, from when it wakes up next.
    """
    wait = delay(pace.tempo, chance(uri), length)
    at = hours.next_open(heard_at) + wait
    opens = hours.next_open(at)
    return at if opens == at else opens + wait


def think_at(now: datetime, uri: str, pace: Pace, hours: Hours) -> datetime:
    """When to think about the mention `uri`, heard `now`: shortly before its time to post.

    The pause is for people who add a second post at once.
    """
    return max(now + pace.think_delay, answer_at(now, uri, pace, hours) - LEAD)


def post_at(
    earliest: datetime,
    planned: Iterable[datetime],
    to_person: Iterable[datetime],
    pace: Pace,
    drawn: float = 0.0,
) -> datetime:
    """When to post: the first time from `earliest` on that keeps its distance from what is planned.

    `planned` are the times of all replies, `to_person` of those to the same person. The distance is what the
    pace asks for, and by `drawn` (0 to 1) up to as much again: no queue is worked off in even steps. A time
    far ahead, as a clock that jumped leaves it, takes no more room than any other.
    """
    wider = 1.0 if pace.tempo is Tempo.AT_ONCE else 1 + drawn
    taken = [(at - pace.spacing * wider, at + pace.spacing * wider) for at in planned]
    taken += [(at - pace.person_spacing * wider, at + pace.person_spacing * wider) for at in to_person]
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
