from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factory import NOW

from bot.domain import pacing
from bot.domain.hours import ALWAYS, Hours
from bot.domain.limits import Pace, Tempo

SPANS = st.timedeltas(timedelta(0), timedelta(hours=1))
PACES = st.builds(Pace, SPANS, SPANS, SPANS, SPANS, st.sampled_from(Tempo))
DRAWN = st.floats(0, 1, exclude_max=True)
AROUND = st.lists(
    st.timedeltas(timedelta(hours=-2), timedelta(days=400)).map(lambda span: NOW + span), max_size=12
)
NO_PAUSE = Pace(*[timedelta(0)] * 4)
URI = "at://did:plc:ana/app.bsky.feed.post/1"
DAYS = Hours(time(8), time(22))


@given(AROUND, AROUND, PACES, DRAWN)
def test_a_time_to_post_keeps_its_distance_from_every_planned_one(others, to_person, pace, drawn):
    at = pacing.post_at(NOW, [*others, *to_person], to_person, pace, drawn)

    assert at >= NOW
    assert all(abs(at - other) >= pace.spacing for other in others)
    assert all(abs(at - other) >= pace.person_spacing for other in to_person)


@given(AROUND, AROUND, PACES, DRAWN)
def test_a_time_to_post_is_the_first_that_is_free(others, to_person, pace, drawn):
    wider = 1 if pace.tempo is Tempo.AT_ONCE else 1 + drawn

    def is_free(at):
        return all(abs(at - other) >= pace.spacing * wider for other in [*others, *to_person]) and all(
            abs(at - other) >= pace.person_spacing * wider for other in to_person
        )

    ends = [other + pace.spacing * wider for other in [*others, *to_person]]
    ends += [other + pace.person_spacing * wider for other in to_person]
    free = [at for at in [NOW, *ends] if at >= NOW and is_free(at)]

    assert pacing.post_at(NOW, [*others, *to_person], to_person, pace, drawn) == min(free)


def test_a_reply_planned_for_a_far_time_puts_nobody_off():
    ahead = NOW + timedelta(hours=1)
    pace = Pace(timedelta(0), timedelta(0), timedelta(seconds=15), timedelta(seconds=5))

    assert pacing.post_at(NOW, [ahead], [ahead], pace) == NOW


@pytest.mark.parametrize(
    ("drawn", "seconds"), [(0.5, 40), (0.95, 240), (0.05, 40 / 6), (0.0, 2.4), (0.999, 661)]
)
def test_a_human_delay_has_the_quantiles_that_are_stated(drawn, seconds):
    assert pacing.delay(Tempo.HUMAN, drawn).total_seconds() == pytest.approx(seconds, rel=0.01)


@given(DRAWN, DRAWN, st.integers(0, 900))
def test_a_longer_answer_never_comes_sooner(drawn, other, length):
    low, high = sorted((drawn, other))
    assert pacing.delay(Tempo.HUMAN, low, length) <= pacing.delay(Tempo.HUMAN, high, length)
    assert pacing.delay(Tempo.HUMAN, low, length) <= pacing.delay(Tempo.HUMAN, low, length + 1)


def test_a_long_answer_takes_the_time_to_write_it():
    more = pacing.delay(Tempo.HUMAN, 0.5, 750) - pacing.delay(Tempo.HUMAN, 0.5, 150)
    assert more == timedelta(seconds=60)


@given(DRAWN, st.integers(0, 900))
def test_a_brisk_delay_is_of_5_to_20_seconds(drawn, length):
    assert timedelta(seconds=5) <= pacing.delay(Tempo.BRISK, drawn, length) <= timedelta(seconds=20)
    assert pacing.delay(Tempo.AT_ONCE, drawn, length) == timedelta(0)


def test_the_delays_of_many_mentions_are_those_of_the_distribution():
    pace = replace(NO_PAUSE, tempo=Tempo.HUMAN)
    uris = [f"at://did:plc:ana/app.bsky.feed.post/{number}" for number in range(4000)]
    waits = [(pacing.answer_at(NOW, uri, pace, ALWAYS) - NOW).total_seconds() for uri in uris]
    fifth, half, most = (quantiles(waits, n=20)[at] for at in (0, 9, 18))

    assert fifth == pytest.approx(40 / 6, rel=0.15)
    assert half == pytest.approx(40, rel=0.1)
    assert most == pytest.approx(240, rel=0.15)


@given(st.timedeltas(timedelta(0), timedelta(days=20)), st.text(min_size=1), st.sampled_from(Tempo))
def test_an_answer_comes_when_the_bot_is_awake_and_after_its_delay(later, uri, tempo):
    heard = NOW + later
    at = pacing.answer_at(heard, uri, replace(NO_PAUSE, tempo=tempo), DAYS)

    assert DAYS.next_open(at) == at
    assert at >= heard + pacing.delay(tempo, 0.0)


def test_what_is_heard_at_night_is_answered_after_waking_up_each_at_its_own_time():
    pace = replace(NO_PAUSE, tempo=Tempo.HUMAN)
    night = datetime(2026, 12, 2, 3, tzinfo=UTC)
    wakes = DAYS.next_open(night)
    times = {pacing.answer_at(night, f"{URI}{number}", pace, DAYS) for number in range(20)}

    assert len(times) == 20
    assert all(wakes < at < wakes + timedelta(minutes=12) for at in times)


def test_an_answer_that_would_come_after_bedtime_comes_in_the_morning():
    pace = replace(NO_PAUSE, tempo=Tempo.BRISK)
    noon = datetime(2026, 12, 2, 12, tzinfo=UTC)
    (_, sleeps), *_ = ((end, begin) for begin, end in DAYS.asleep(noon, noon + timedelta(days=1)))
    at = pacing.answer_at(sleeps - timedelta(seconds=4), URI, pace, DAYS)

    wakes = DAYS.next_open(sleeps)
    assert timedelta(seconds=5) <= at - wakes <= timedelta(seconds=20)


def test_a_mention_is_thought_about_after_the_pause():
    pause = timedelta(seconds=5)
    assert pacing.think_at(NOW, URI, replace(NO_PAUSE, think_delay=pause), ALWAYS) == NOW + pause


@given(st.text(min_size=1), st.sampled_from(Tempo))
def test_a_mention_is_thought_about_shortly_before_its_time_to_post(uri, tempo):
    pace = replace(NO_PAUSE, tempo=tempo)
    at = pacing.answer_at(NOW, uri, pace, ALWAYS)

    assert pacing.think_at(NOW, uri, pace, ALWAYS) == max(NOW, at - pacing.LEAD)


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
