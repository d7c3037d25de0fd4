from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.hours import ALWAYS, JITTER, SHORTEST, WEEKDAYS, Hours

DAY = timedelta(days=1)
VIENNA = ZoneInfo("Europe/Vienna")
ZONES = st.sampled_from(
    [UTC, VIENNA, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")]
)
MINUTES = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))
QUIET = st.frozensets(st.sampled_from([*WEEKDAYS[:5], "12-25", "2026-03-29"]))
HOURS = st.builds(Hours, MINUTES, MINUTES, ZONES, QUIET).filter(
    lambda hours: hours.wake == hours.sleep or _length(hours) >= SHORTEST
)
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def _length(hours):
    wake, sleep = (timedelta(hours=at.hour, minutes=at.minute) for at in (hours.wake, hours.sleep))
    return (sleep - wake) % DAY


@given(HOURS, TIMES)
def test_it_opens_now_or_later_and_is_open_then(hours, at):
    opens = hours.next_open(at)

    assert opens >= at
    assert hours.next_open(opens) == opens
    assert opens.tzinfo is not None


@given(HOURS, TIMES, TIMES)
def test_who_asks_earlier_is_not_told_a_later_time(hours, one, other):
    first, second = sorted((one, other))
    assert hours.next_open(first) <= hours.next_open(second)


@given(HOURS, TIMES, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_it_is_asleep_in_the_stretches_that_are_told_and_awake_between(hours, since, span):
    now = since + span
    stretches = list(hours.asleep(since, now))

    assert all(since <= begin < end <= now for begin, end in stretches)
    for begin, end in stretches:
        middle = begin + (end - begin) / 2
        assert hours.next_open(middle) > middle
    edges = [since, *(edge for stretch in stretches for edge in stretch), now]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if begin < end:
            assert hours.next_open(begin) == begin


def test_at_any_hour_it_is_open():
    at = datetime(2026, 12, 1, 3, tzinfo=UTC)
    assert ALWAYS.next_open(at) == at
    assert list(ALWAYS.asleep(at, at + DAY)) == []


def test_it_wakes_up_within_a_quarter_of_an_hour_and_on_no_two_days_at_the_same_minute():
    hours = Hours(time(8), time(23), VIENNA)
    nights = [datetime(2026, 11, day, 3, tzinfo=VIENNA) for day in range(1, 29)]
    past_eight = [hours.next_open(night) - night.replace(hour=8) for night in nights]

    assert all(timedelta(0) <= late < JITTER for late in past_eight)
    assert len({late.total_seconds() // 1 for late in past_eight}) > 20


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        (28, 7),  # the day before summer time begins
        (29, 6),
    ],
)
def test_it_wakes_up_by_the_clock_on_the_wall_also_when_that_changes(day, utc):
    opens = Hours(time(8), time(23), VIENNA).next_open(datetime(2026, 3, day, 0, tzinfo=UTC))
    assert (opens.day, opens.hour) == (day, utc)


def test_an_hour_that_the_change_of_clocks_leaves_out_is_the_one_after_it():
    opens = Hours(time(2, 30), time(12), VIENNA).next_open(datetime(2026, 3, 29, 0, tzinfo=UTC))
    assert timedelta(0) <= opens - datetime(2026, 3, 29, 1, 30, tzinfo=UTC) < JITTER


def test_an_evening_past_midnight_belongs_to_the_day_on_which_it_began():
    hours = Hours(time(18), time(2), quiet=frozenset({"sunday"}))
    sunday_after_midnight, sunday_evening = (datetime(2026, 12, 6, hour, tzinfo=UTC) for hour in (1, 20))

    assert hours.next_open(sunday_after_midnight) == sunday_after_midnight
    assert hours.next_open(sunday_evening).day == 7


@pytest.mark.parametrize("quiet", ["tuesday", "12-01", "2026-12-01"])
def test_a_quiet_day_is_slept_through(quiet):
    hours = Hours(quiet=frozenset({quiet}))
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)

    assert hours.next_open(noon) == datetime(2026, 12, 2, tzinfo=UTC)
    assert list(hours.asleep(noon - DAY, noon)) == [(datetime(2026, 12, 1, tzinfo=UTC), noon)]
