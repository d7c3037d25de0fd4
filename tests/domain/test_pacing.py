from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factory import NOW

from bot.domain import pacing
from bot.domain.limits import Pace

SPANS = st.timedeltas(timedelta(0), timedelta(hours=1))
PACES = st.builds(Pace, SPANS, SPANS, SPANS, SPANS)
AROUND = st.lists(
    st.timedeltas(timedelta(hours=-2), timedelta(days=400)).map(lambda span: NOW + span), max_size=12
)


@given(AROUND, AROUND, PACES)
def test_a_time_to_post_keeps_its_distance_from_every_planned_one(others, to_person, pace):
    at = pacing.post_at(NOW, [*others, *to_person], to_person, pace)

    assert at >= NOW
    assert all(abs(at - other) >= pace.spacing for other in others)
    assert all(abs(at - other) >= pace.person_spacing for other in to_person)


@given(AROUND, AROUND, PACES)
def test_a_time_to_post_is_the_first_that_is_free(others, to_person, pace):
    def is_free(at):
        return all(abs(at - other) >= pace.spacing for other in [*others, *to_person]) and all(
            abs(at - other) >= pace.person_spacing for other in to_person
        )

    ends = [other + pace.spacing for other in [*others, *to_person]]
    ends += [other + pace.person_spacing for other in to_person]
    free = [at for at in [NOW, *ends] if at >= NOW and is_free(at)]

    assert pacing.post_at(NOW, [*others, *to_person], to_person, pace) == min(free)


def test_a_reply_planned_for_a_far_time_puts_nobody_off():
    ahead = NOW + timedelta(hours=1)
    pace = Pace(timedelta(0), timedelta(0), timedelta(seconds=15), timedelta(seconds=5))

    assert pacing.post_at(NOW, [ahead], [ahead], pace) == NOW


def test_a_mention_is_thought_about_after_the_pause():
    pause = timedelta(seconds=5)
    assert pacing.think_at(NOW, Pace(pause, *[timedelta(0)] * 3)) == NOW + pause


@pytest.mark.parametrize(("late", "missed"), [(-1, False), (0, False), (1, False), (1.001, True)])
def test_a_time_to_post_is_missed_when_more_than_a_second_has_passed(late, missed):
    assert pacing.is_missed(NOW, NOW + timedelta(seconds=late)) is missed


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_retry_comes_within_ten_minutes_and_never_at_once(attempts, chance):
    wait = pacing.retry_at(NOW, attempts, None, chance) - NOW

    assert timedelta(seconds=1) <= wait <= timedelta(minutes=10)


@given(st.integers(1, 8))
def test_retries_come_ever_later(attempts):
    assert pacing.retry_at(NOW, attempts, None, 0.5) < pacing.retry_at(NOW, attempts + 1, None, 0.5)


def test_a_servers_own_wait_is_waited_for_in_full():
    assert pacing.retry_at(NOW, 1, 3582.0, 0.0) == NOW + timedelta(seconds=3582)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_job_is_tried_for_ever_but_at_most_twice_a_day_after_weeks(attempts, chance):
    wait = pacing.retry_job_at(NOW, attempts, None, chance) - NOW
    assert pacing.FIRST_RETRY / 2 <= wait <= pacing.LONGEST_JOB_RETRY
    assert attempts < 100 or wait >= pacing.LONGEST_JOB_RETRY / 2


def test_a_job_is_tried_as_often_as_a_mention_in_its_first_hours():
    for attempts in range(1, pacing.JOB_ATTEMPTS + 1):
        assert pacing.retry_job_at(NOW, attempts, None, 0.5) == pacing.retry_at(NOW, attempts, None, 0.5)


@pytest.mark.parametrize(("chance", "part"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_after_two_hours_a_job_waits_ever_longer_each_time_by_a_tenth(chance, part):
    for attempts in (pacing.JOB_ATTEMPTS + 1, pacing.JOB_ATTEMPTS + 10):
        longest = pacing.LONGEST_RETRY * 1.1 ** (attempts - pacing.JOB_ATTEMPTS)
        assert pacing.retry_job_at(NOW, attempts, None, chance) == NOW + longest * part


def test_a_job_waits_as_long_as_the_server_asks():
    assert pacing.retry_job_at(NOW, 60, 200_000, 0.0) == NOW + timedelta(seconds=200_000)
