"""How long a server asks to be left alone, by the headers of its response. Pure.

`Retry-After` is a number of seconds or an HTTP-date (RFC 9110, 10.2.3); some servers write fractions.
`RateLimit-Reset` is a Unix time in seconds, as a PDS sends it with its 429, often as the only header;
others send the seconds that are left, as the draft of the IETF has it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SECONDS = 900.0  # one response may delay us by 15 minutes; a longer limit is asked again
SECONDS = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,9})?")  # ASCII only, and short enough for a float
FIRST_UNIX_TIME = 1e9  # of 2001: what is less is no time of today, but a number of seconds


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, from 0 to MAX_SECONDS; None if the headers name no time, or one that is over.

    `headers`: names in lower case. `Retry-After` comes first, if it can be read.
    """
    waits = (_delay(headers.get("retry-after", ""), now), _until(headers.get("ratelimit-reset", ""), now))
    return next((kept for wait in waits if (kept := bounded(wait)) is not None), None)


def bounded(seconds: float | None) -> float | None:
    """`seconds` as a server may ask for them: at most MAX_SECONDS, and None if they are no wait."""
    return min(seconds, MAX_SECONDS) if seconds is not None and seconds >= 0 else None


def _delay(value: str, now: datetime) -> float | None:
    if SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _until(value: str, now: datetime) -> float | None:
    if not SECONDS.fullmatch(value.strip()):
        return None
    return float(value) - (now.timestamp() if float(value) >= FIRST_UNIX_TIME else 0)
