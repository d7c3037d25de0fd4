"""When a post was said, and which wish to be forgotten it comes before. Pure.

The time in a post's record key (a TID) is its author's: like `createdAt` it can be wrong or a lie, so it is
believed only if it is possible. What cannot be dated counts as said before the wish.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.domain.reply import EARLIEST, tid_time
from bot.domain.uris import record_key

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = EPOCH + timedelta(microseconds=EARLIEST)  # no post is older
CLOCK_ERROR = timedelta(minutes=5)  # a clock may be so much ahead of ours
LATE = timedelta(days=7)  # a wish is hardly heard later than this


def said_at(uri: str, created_at: object, now: datetime) -> datetime | None:
    """When this post was said: the time of its record key, else `created_at` (a time, or a record's text).

    None if neither is a time between 2020 and now.
    """
    micros = tid_time(record_key(uri))
    by_key = None if micros is None else EPOCH + timedelta(microseconds=micros)
    return next(
        (at for at in (by_key, _instant(created_at)) if at and FIRST <= at <= now + CLOCK_ERROR), None
    )


def wished_at(uri: str, heard_at: datetime, now: datetime) -> datetime:
    """When this wish to be forgotten was said. In doubt now: then more counts as said before it."""
    said = said_at(uri, heard_at, now)
    return min(said, now) if said is not None and now - said <= LATE else now


def is_before(said: datetime | None, wish: datetime) -> bool:
    """Whether something was said before the wish, or is the wish. In doubt it was."""
    return said is None or said <= wish


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else value
        return at.astimezone(UTC) if isinstance(at, datetime) and at.tzinfo else None
    except (ValueError, OverflowError):
        return None
