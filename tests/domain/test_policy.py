from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.factory import LIMITS, NOW

from bot.domain.mention import State
from bot.domain.policy import Facts, Go, Later, No, PolicyReason, Scope, Window, decide

FRESH = Facts(age=timedelta(minutes=1))
WINDOWS = ("partner", "person_hour", "person_day", "person_tokens", "hour", "day")


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


FULL = Window(10, ago(minutes=20))

TABLE = [
    (FRESH, Go()),
    (replace(FRESH, gone=False, labels=frozenset()), Go()),
    (replace(FRESH, stopped=True), No(PolicyReason.STOPPED, State.DECLINED)),
    (replace(FRESH, gone=True), No(PolicyReason.GONE, State.DECLINED)),
    (replace(FRESH, labels=frozenset({"bot"})), No(PolicyReason.BOT, State.DECLINED)),
    (replace(FRESH, labels=frozenset({"!no-unauthenticated"})), Go()),
    (replace(FRESH, labels=frozenset({"bot"}), allowed_bot=True, thread=1), Go()),
    (
        replace(FRESH, labels=frozenset({"bot"}), allowed_bot=True, thread=2),
        No(PolicyReason.THREAD, State.DECLINED),
    ),
    (replace(FRESH, allowed_bot=True, thread=2), Go()),
    (replace(FRESH, age=timedelta(hours=24)), Go()),
    (replace(FRESH, age=timedelta(hours=24, seconds=1)), No(PolicyReason.TOO_OLD, State.EXPIRED)),
    (replace(FRESH, thread=7), Go()),
    (replace(FRESH, thread=8), No(PolicyReason.THREAD, State.DECLINED)),
    (replace(FRESH, person_hour=Window(9, ago(minutes=59))), Go()),
    (replace(FRESH, person_hour=FULL), Later(ago(minutes=-40), PolicyReason.PERSON_HOUR, Scope.PERSON)),
    (
        replace(FRESH, person_day=Window(30, ago(hours=23))),
        Later(ago(hours=-1), PolicyReason.PERSON_DAY, Scope.PERSON),
    ),
    (
        replace(FRESH, person_tokens=Window(60_000, ago(hours=5))),
        Later(ago(hours=-19), PolicyReason.PERSON_TOKENS, Scope.PERSON),
    ),
    (
        replace(FRESH, partner=Window(3, ago(minutes=9))),
        Later(ago(minutes=-1), PolicyReason.PARTNER, Scope.MENTION),
    ),
    (replace(FRESH, hour=Window(60, ago(minutes=1))), Later(ago(minutes=-59), PolicyReason.HOUR, Scope.ALL)),
    (replace(FRESH, day=Window(300, ago(hours=20))), Later(ago(hours=-4), PolicyReason.DAY, Scope.ALL)),
    (
        replace(FRESH, age=timedelta(hours=23, minutes=30), person_hour=FULL),
        No(PolicyReason.PERSON_HOUR, State.EXPIRED),
    ),
    (replace(FRESH, stopped=True, gone=True, thread=9), No(PolicyReason.STOPPED, State.DECLINED)),
    (
        replace(FRESH, person_hour=FULL, day=Window(300, ago(hours=20))),
        Later(ago(hours=-4), PolicyReason.DAY, Scope.ALL),
    ),
]


@pytest.mark.parametrize(("facts", "expected"), TABLE)
def test_the_verdict_follows_the_table(facts, expected):
    assert expected == decide(facts, LIMITS, NOW)


def test_a_limit_of_zero_declines_instead_of_waiting_for_ever():
    assert No(PolicyReason.HOUR, State.DECLINED) == decide(FRESH, replace(LIMITS, hour=0), NOW)


def counts(limit: int) -> st.SearchStrategy[Window]:
    return st.builds(
        Window,
        st.integers(0, limit + 3),
        st.builds(lambda seconds: NOW - timedelta(seconds=seconds), st.integers(1, 599)),
    )


FACTS = st.builds(
    Facts,
    age=st.builds(timedelta, hours=st.integers(0, 30)),
    stopped=st.booleans(),
    gone=st.none() | st.booleans(),
    labels=st.none() | st.frozensets(st.sampled_from(["bot", "porn"])),
    allowed_bot=st.booleans(),
    thread=st.integers(0, 10),
    **{name: counts(getattr(LIMITS, name, 5)) for name in WINDOWS},
)
LIVELY = st.builds(
    replace,
    st.just(FRESH),
    age=st.builds(timedelta, hours=st.integers(0, 24)),
    thread=st.integers(0, 7),
    **{name: counts(getattr(LIMITS, name, 5)) for name in WINDOWS},
)
SMALL = replace(LIMITS, person_day_tokens=5, partner_posts=5)
RARE = settings(suppress_health_check=[HealthCheck.filter_too_much])  # a wait is one verdict of three


@pytest.mark.parametrize("admitted", [False, True])
@pytest.mark.parametrize(
    ("fact", "why"),
    [
        ("stopped", PolicyReason.STOPPED),
        ("thread_stopped", PolicyReason.THREAD_STOPPED),
        ("blocked", PolicyReason.BLOCKED),
        ("hidden", PolicyReason.HIDDEN),
        ("gone", PolicyReason.GONE),
        ("gated", PolicyReason.GATED),
    ],
)
def test_whoever_does_not_want_it_is_not_answered_before_and_after_admission(fact, why, admitted):
    facts = replace(FRESH, **{fact: True})
    assert decide(facts, LIMITS, NOW, admitted=admitted) == No(why, State.DECLINED)


@given(LIVELY, st.data())
def test_fewer_replies_never_turn_a_go_into_something_else(facts, data):
    assume(isinstance(decide(facts, SMALL, NOW), Go))
    fewer = replace(
        facts,
        thread=data.draw(st.integers(0, facts.thread)),
        **{
            name: replace(getattr(facts, name), count=data.draw(st.integers(0, getattr(facts, name).count)))
            for name in WINDOWS
        },
    )
    assert Go() == decide(fewer, SMALL, NOW)


@given(FACTS)
def test_an_admitted_mention_is_not_refused_by_what_it_was_counted_against(facts):
    quiet = replace(facts, thread=0, **dict.fromkeys(WINDOWS, Window()))
    assert decide(quiet, SMALL, NOW) == decide(facts, SMALL, NOW, admitted=True)


@RARE
@given(LIVELY)
def test_a_wait_lies_ahead_and_ends_before_the_mention_is_too_old(facts):
    verdict = decide(facts, SMALL, NOW)
    assume(isinstance(verdict, Later))
    assert NOW < verdict.until <= NOW + SMALL.max_age - facts.age


@RARE
@given(LIVELY)
def test_after_the_wait_a_window_that_was_just_full_lets_it_through(facts):
    exact = replace(
        facts,
        **{
            name: replace(getattr(facts, name), count=min(getattr(facts, name).count, limit))
            for name, limit in {
                "partner": SMALL.partner_posts,
                "person_hour": SMALL.person_hour,
                "person_day": SMALL.person_day,
                "person_tokens": SMALL.person_day_tokens,
                "hour": SMALL.hour,
                "day": SMALL.day,
            }.items()
        },
    )
    verdict = decide(exact, SMALL, NOW)
    assume(isinstance(verdict, Later))
    freed = replace(
        exact,
        age=exact.age + (verdict.until - NOW),
        **{
            name: replace(getattr(exact, name), count=max(0, getattr(exact, name).count - 1))
            for name in WINDOWS
        },
    )
    assert Go() == decide(freed, SMALL, verdict.until)


@given(FACTS)
def test_looking_it_up_only_ever_adds_a_refusal(facts):
    unseen = replace(facts, gone=None, labels=None)
    before, after = decide(unseen, SMALL, NOW), decide(facts, SMALL, NOW)
    assert before == after or after.reason in {PolicyReason.GONE, PolicyReason.BOT, PolicyReason.THREAD}


def test_every_window_of_the_facts_is_judged():
    assert set(WINDOWS) == {f.name for f in fields(Facts) if getattr(FRESH, f.name) == Window()}
