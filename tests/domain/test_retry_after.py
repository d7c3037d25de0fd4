"""How long a response makes the bot wait, whatever a server writes into its headers."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import pacing
from bot.domain.retry_after import MAX_SECONDS, bounded, retry_after

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


def date(**delta):
    return format_datetime(NOW + timedelta(**delta), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "3582"}, MAX_SECONDS),
        ({"retry-after": "99999999999999"}, MAX_SECONDS),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "+7"}, None),
        ({"retry-after": "7s"}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "0x10"}, None),
        ({"retry-after": "7, 8"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": date(seconds=90)}, 90),
        ({"retry-after": date(days=4000)}, MAX_SECONDS),
        ({"retry-after": "Fri, 31 Dec 2037 23:59:59 GMT"}, MAX_SECONDS),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}, MAX_SECONDS),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"}, None),
        ({"retry-after": date(seconds=-90)}, None),
        ({"retry-after": "Sat, 28 Nov 2026 12:01:30 -0000"}, 90),
        ({"retry-after": "Saturday, 28-Nov-26 12:01:30 GMT"}, 90),
        ({"retry-after": "Sat Nov 28 12:01:30 2026"}, 90),
        ({"retry-after": "2026-11-28T12:01:30Z"}, None),
        ({"retry-after": "Mon, 99 Nov 2026 12:00:00 GMT"}, None),
        ({"ratelimit-reset": str(EPOCH + 300)}, 300),
        ({"ratelimit-reset": str(EPOCH + 3000)}, MAX_SECONDS),
        ({"ratelimit-reset": str(EPOCH - 1)}, None),
        ({"ratelimit-reset": "30"}, 30),
        ({"ratelimit-reset": "86400"}, MAX_SECONDS),
        ({"ratelimit-reset": f"{EPOCH + 300}.5"}, 300.5),
        ({"ratelimit-reset": str((EPOCH + 300) * 1000)}, MAX_SECONDS),
        ({"ratelimit-reset": "99999999999999"}, MAX_SECONDS),
        ({"ratelimit-reset": "-5"}, None),
        ({"ratelimit-reset": "tomorrow"}, None),
        ({"retry-after": "5", "ratelimit-reset": str(EPOCH + 300)}, 5),
        ({"retry-after": "soon", "ratelimit-reset": str(EPOCH + 300)}, 300),
        ({"retry-after": date(seconds=-90), "ratelimit-reset": str(EPOCH + 300)}, 300),
    ],
)
def test_a_server_is_heeded_within_bounds(headers, seconds):
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(None, None), (0.0, 0), (7.5, 7.5), (1e14, MAX_SECONDS), (float("inf"), MAX_SECONDS), (-5.0, None),
     (float("nan"), None)],
)  # fmt: skip
def test_a_wait_that_a_library_read_is_kept_within_the_same_bounds(seconds, kept):
    assert bounded(seconds) == kept


VALUES = (
    st.text(max_size=40) | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(format_datetime)
)


@given(VALUES, VALUES)
def test_no_header_makes_a_time_that_sql_or_a_clock_cannot_hold(after, reset):
    seconds = retry_after({"retry-after": after, "ratelimit-reset": reset}, NOW)
    assert seconds is None or 0 <= seconds <= MAX_SECONDS
    assert NOW <= pacing.retry_at(NOW, 1, seconds, 0.5) <= NOW + timedelta(seconds=MAX_SECONDS)
