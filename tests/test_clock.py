from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import clock
from bot.clock import Watch

NOW = datetime(2026, 5, 1, tzinfo=UTC)


class Times:
    """A clock that somebody may set, and the seconds that pass."""

    def __init__(self):
        self.clock, self.passed = NOW, 0.0

    def now(self):
        return self.clock

    def monotonic(self):
        return self.passed

    def go_on(self, seconds, by_clock=None):
        self.passed += seconds
        self.clock += timedelta(seconds=seconds if by_clock is None else by_clock)


@pytest.fixture
def times():
    return Times()


@pytest.fixture
def watch(times):
    return Watch(times.now, times.monotonic)


def test_a_clock_that_is_set_back_is_told_once(times, watch):
    times.go_on(1, by_clock=3600)
    assert watch.went_back() is None
    times.go_on(2, by_clock=-3600)
    assert watch.went_back() == timedelta(seconds=3602)
    times.go_on(1)
    assert watch.went_back() is None


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-4.9, 1e6))))
def test_a_clock_that_is_corrected_or_set_ahead_is_not(steps):
    times = Times()
    watch = Watch(times.now, times.monotonic)
    for seconds, ahead in steps:
        times.go_on(seconds, by_clock=seconds + ahead)
        assert watch.went_back() is None


def test_a_steady_clock_is_not_set(monkeypatch):
    steady = clock.steady()
    monkeypatch.setattr(clock, "now", lambda: NOW - timedelta(days=365))

    first = steady()
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=1)
    assert steady() >= first
