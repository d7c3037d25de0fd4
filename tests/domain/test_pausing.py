"""Pauses: whether one is on, and how old a mention is by them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factory import NOW

from bot.domain.pausing import Pause, age

HOUR = timedelta(hours=1)


def at(hours):
    return NOW + timedelta(hours=hours)


def pause(began, ended, *, until=None, ages=False):
    times = (None if hours is None else at(hours) for hours in (until, ended))
    return Pause(at(began), *times, ages)


@pytest.mark.parametrize(
    ("paused", "now", "on"),
    [
        (pause(0, None), 1000, True),
        (pause(0, 5), 6, False),
        (pause(0, None, until=2), 1, True),
        (pause(0, None, until=2), 2, False),
        (pause(0, None), -3, True),  # the clock was set back
    ],
)
def test_a_pause_is_on_until_it_is_ended_or_its_time_is_over(paused, now, on):
    assert paused.is_on(at(now)) is on


@pytest.mark.parametrize(
    ("pauses", "hours"),
    [
        ([], 10),
        ([pause(2, 5)], 7),
        ([pause(2, 5, ages=True)], 10),
        ([pause(-5, 4)], 6),
        ([pause(8, None)], 8),
        ([pause(1, None, until=4)], 7),
        ([pause(2, 3), pause(4, 6)], 7),
        ([pause(-9, -5), pause(11, None)], 10),
    ],
)
def test_a_mention_does_not_age_in_a_pause(pauses, hours):
    assert age(NOW, at(10), pauses) == hours * HOUR


def test_sleep_within_a_pause_is_counted_once():
    asleep = [(at(1), at(4)), (at(6), at(7))]
    assert age(NOW, at(10), [pause(3, 6), pause(8, 9, ages=True)], asleep) == 4 * HOUR


SPAN = st.integers(1, 50)


@given(st.lists(st.tuples(SPAN, SPAN, st.booleans()), max_size=5), st.integers(0, 100), st.integers(0, 200))
def test_pauses_take_away_what_they_cover_and_no_more(spans, said, now):
    """An independent count: the hours in which it was not paused, one by one."""
    pauses, free, hour = [], set(range(said, now)), 0
    for wait, length, ages in spans:
        begin, hour = hour + wait, hour + wait + length
        pauses.append(pause(begin, hour, ages=ages))
        free -= set() if ages else set(range(begin, hour))
    if now >= said:
        assert age(at(said), at(now), pauses) == len(free) * HOUR
