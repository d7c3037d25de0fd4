"""How long a server asks to be left alone, by the headers of its response. Pure.

`Retry-After` is a number of seconds or an HTTP-date (RFC 9110, 10.2.3). `RateLimit-Reset` is a Unix time in
seconds: that is what a PDS sends with its 429, often as the only header.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SECONDS = 900.0  # one response may delay us by 15 minutes; a longer limit is asked again
DIGITS = re.compile(r"[0-9]{1,20}")  # ASCII only, and short enough for a float


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, from 0 to MAX_SECONDS; None if the headers name no time, or one that is over.

    `headers`: names in lower case. `Retry-After` comes first, if it can be read.
    """
    waits = (_delay(headers.get("retry-after", ""), now), _until(headers.get("ratelimit-reset", ""), now))
    return next((min(wait, MAX_SECONDS) for wait in waits if wait is not None and wait >= 0), None)


def _delay(value: str, now: datetime) -> float | None:
    if DIGITS.fullmatch(value.strip()):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        return ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _until(value: str, now: datetime) -> float | None:
    return float(value) - now.timestamp() if DIGITS.fullmatch(value.strip()) else None
