from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from support.factory import NOW

from bot.domain import pacing
from bot.domain.limits import Pace

SPANS = st.timedeltas(timedelta(0), timedelta(hours=1))
PACES = st.builds(Pace, SPANS, SPANS, SPANS, SPANS)
TIMES = st.none() | SPANS.map(lambda span: NOW - span) | SPANS.map(lambda span: NOW + span)


@given(TIMES, TIMES, PACES)
def test_a_reply_is_posted_no_earlier_than_any_of_its_three_pauses_allows(to_person, overall, pace):
    at = pacing.post_at(NOW, to_person, overall, pace)

    assert at >= NOW + pace.post_delay
    assert to_person is None or at >= to_person + pace.person_spacing
    assert overall is None or at >= overall + pace.spacing


@given(TIMES, TIMES, PACES)
def test_a_reply_is_posted_as_soon_as_its_pauses_allow(to_person, overall, pace):
    pauses = [NOW + pace.post_delay]
    pauses += [to_person + pace.person_spacing] if to_person else []
    pauses += [overall + pace.spacing] if overall else []

    assert pacing.post_at(NOW, to_person, overall, pace) in pauses


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_retry_comes_within_ten_minutes_and_never_at_once(attempts, chance):
    wait = pacing.retry_at(NOW, attempts, None, chance) - NOW

    assert timedelta(seconds=1) <= wait <= timedelta(minutes=10)


@given(st.integers(1, 8))
def test_retries_come_ever_later(attempts):
    assert pacing.retry_at(NOW, attempts, None, 0.5) < pacing.retry_at(NOW, attempts + 1, None, 0.5)


def test_a_servers_own_wait_is_waited_for_in_full():
    assert pacing.retry_at(NOW, 1, 3582.0, 0.0) == NOW + timedelta(seconds=3582)
