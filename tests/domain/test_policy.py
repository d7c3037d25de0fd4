from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.factory import LIMITS, NOW

from bot.domain.limits import POINTS_PER_DAY, POINTS_PER_HOUR
from bot.domain.mention import State
from bot.domain.policy import (
    NEWCOMERS_SHARE,
    Facts,
    Go,
    Later,
    No,
    PolicyReason,
    Scope,
    Spent,
    Window,
    decide,
)

if TYPE_CHECKING:
    from collections.abc import Callable

FRESH = Facts(age=timedelta(minutes=1))


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


FULL = Window(10, ago(minutes=20))

TABLE = [
    (FRESH, Go()),
    (replace(FRESH, gone=False, labels=frozenset()), Go()),
    (replace(FRESH, stopped=True), No(PolicyReason.STOPPED, State.DECLINED)),
    (replace(FRESH, gone=True), No(PolicyReason.GONE, State.DECLINED)),
    (replace(FRESH, labels=frozenset({"bot"})), No(PolicyReason.BOT, State.DECLINED)),
    (replace(FRESH, automatic=True), No(PolicyReason.BOT, State.DECLINED)),
    (replace(FRESH, automatic=True, allowed_bot=True, thread=1), Go()),
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
    (replace(FRESH, person=Spent(hour=Window(9, ago(minutes=59)))), Go()),
    (
        replace(FRESH, person=Spent(hour=FULL)),
        Later(ago(minutes=-40), PolicyReason.PERSON_HOUR, Scope.PERSON),
    ),
    (
        replace(FRESH, person=Spent(day=Window(30, ago(hours=23)))),
        Later(ago(hours=-1), PolicyReason.PERSON_DAY, Scope.PERSON),
    ),
    (
        replace(FRESH, person=Spent(day_tokens=Window(60_000, ago(hours=5)))),
        Later(ago(hours=-19), PolicyReason.PERSON_TOKENS, Scope.PERSON),
    ),
    (
        replace(FRESH, partner=Window(3, ago(minutes=9))),
        Later(ago(minutes=-1), PolicyReason.PARTNER, Scope.MENTION),
    ),
    (
        replace(FRESH, everyone=Spent(hour=Window(60, ago(minutes=1)))),
        Later(ago(minutes=-59), PolicyReason.HOUR, Scope.ALL),
    ),
    (
        replace(FRESH, everyone=Spent(day=Window(300, ago(hours=20)))),
        Later(ago(hours=-4), PolicyReason.DAY, Scope.ALL),
    ),
    (
        replace(FRESH, age=timedelta(hours=23, minutes=30), person=Spent(hour=FULL)),
        No(PolicyReason.PERSON_HOUR, State.EXPIRED),
    ),
    (replace(FRESH, stopped=True, gone=True, thread=9), No(PolicyReason.STOPPED, State.DECLINED)),
    (
        replace(FRESH, person=Spent(hour=FULL), everyone=Spent(day=Window(300, ago(hours=20)))),
        Later(ago(hours=-4), PolicyReason.DAY, Scope.ALL),
    ),
]


@pytest.mark.parametrize(("facts", "expected"), TABLE)
def test_the_verdict_follows_the_table(facts, expected):
    assert expected == decide(facts, LIMITS, NOW)


def test_a_limit_of_zero_declines_instead_of_waiting_for_ever():
    assert No(PolicyReason.HOUR, State.DECLINED) == decide(FRESH, replace(LIMITS, hour=0), NOW)


SMALL = replace(
    LIMITS,
    person_day_tokens=5,
    partner_posts=5,
    hour_calls=5,
    person_hour_calls=5,
    day_tokens=5,
    day_money=5,
    turn_money=1,
)
LIMIT_OF = {
    "hour": SMALL.hour,
    "day": SMALL.day,
    "hour_calls": 5,
    "day_tokens": 5,
    "day_money": 5,
    "hour_points": POINTS_PER_HOUR,
    "day_points": POINTS_PER_DAY,
}


def counts(limit: int) -> st.SearchStrategy[Window]:
    return st.builds(
        Window,
        st.integers(0, limit + 3),
        st.builds(lambda seconds: NOW - timedelta(seconds=seconds), st.integers(1, 599)),
    )


SPENT = st.sampled_from(sorted(LIMIT_OF)).flatmap(
    lambda name: st.builds(Spent, **{name: counts(LIMIT_OF[name])})
)
GROUPS = {"person": SPENT, "newcomers": st.none() | SPENT, "everyone": SPENT}
FACTS = st.builds(
    Facts,
    age=st.builds(timedelta, hours=st.integers(0, 30)),
    stopped=st.booleans(),
    gone=st.none() | st.booleans(),
    labels=st.none() | st.frozensets(st.sampled_from(["bot", "porn"])),
    allowed_bot=st.booleans(),
    thread=st.integers(0, 10),
    partner=counts(5),
    **GROUPS,
)
LIVELY = st.builds(
    replace,
    st.just(FRESH),
    age=st.builds(timedelta, hours=st.integers(0, 24)),
    thread=st.integers(0, 7),
    partner=counts(5),
    **GROUPS,
)


def changed(facts: Facts, change: Callable[[Window, str], Window]) -> Facts:
    """`facts` with each window changed; the second argument of `change` is its name in `Spent`."""

    def spent(group: Spent | None) -> Spent | None:
        return group and Spent(**{name: change(getattr(group, name), name) for name in LIMIT_OF})

    groups = {name: spent(getattr(facts, name)) for name in GROUPS}
    return replace(facts, partner=change(facts.partner, "partner"), **groups)


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


@given(st.builds(replace, st.just(FRESH), **GROUPS), st.data())
def test_whoever_has_less_to_his_account_is_never_treated_worse(facts, data):
    assume(decide(facts, SMALL, NOW) == Go())
    fewer = changed(facts, lambda window, _: replace(window, count=data.draw(st.integers(0, window.count))))
    assert Go() == decide(fewer, SMALL, NOW)


@given(FACTS)
def test_an_admitted_mention_is_not_refused_by_what_it_was_counted_against(facts):
    quiet = replace(facts, thread=0, partner=Window(), person=Spent(), newcomers=None, everyone=Spent())
    assert decide(quiet, SMALL, NOW) == decide(facts, SMALL, NOW, admitted=True)


@RARE
@given(LIVELY)
def test_a_wait_lies_ahead_and_ends_before_the_mention_is_too_old(facts):
    verdict = decide(facts, SMALL, NOW)
    assume(isinstance(verdict, Later))
    assert NOW < verdict.until <= NOW + SMALL.max_age - facts.age


@RARE
@given(LIVELY)
def test_after_the_wait_windows_that_were_just_full_let_it_through(facts):
    verdict = decide(facts, SMALL, NOW)
    assume(isinstance(verdict, Later))
    freed = changed(replace(facts, age=facts.age + (verdict.until - NOW)), lambda *_: Window())
    assert Go() == decide(freed, SMALL, verdict.until)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", LIMIT_OF)
def test_each_window_that_is_full_stops_it_and_one_below_does_not(group, name):
    limit, need = LIMIT_OF[name], SMALL.reply_points if "points" in name else 1
    if group == "person" and name in {"day_money", "hour_points", "day_points"}:
        pytest.skip("is of all people together")
    limit = (
        {"hour": SMALL.person_hour, "day": SMALL.person_day}.get(name, limit) if group == "person" else limit
    )
    limit = int(limit * NEWCOMERS_SHARE) if group == "newcomers" else limit

    def verdict(count: int) -> object:
        spent = Spent(**{name: Window(count, ago(minutes=5))})
        return decide(replace(FRESH, **{group: spent}), SMALL, NOW)

    assert isinstance(verdict(limit - need), Go)
    assert isinstance(verdict(limit - need + 1), Later)


def test_a_command_is_answered_though_no_call_token_or_money_is_left():
    gone = Window(10**9, ago(minutes=5))
    spent = Spent(hour_calls=gone, day_tokens=gone, day_money=gone)
    facts = replace(FRESH, person=spent, newcomers=spent, everyone=spent)

    assert decide(facts, SMALL, NOW, thinking=False) == Go()
    assert isinstance(decide(facts, SMALL, NOW), Later)


@pytest.mark.parametrize("fact", ["denied", "no_bots"])
def test_what_keeps_a_model_away_keeps_no_command_from_being_answered(fact: str):
    facts = replace(FRESH, **{fact: True})
    assert isinstance(decide(facts, LIMITS, NOW), No)
    assert decide(facts, LIMITS, NOW, thinking=False) == Go()


def test_from_four_fifths_of_the_days_money_on_answers_are_short_and_at_its_end_there_are_none():
    limits = replace(LIMITS, day_money=1000, turn_money=10)

    def verdict(count: int) -> object:
        spent = Spent(day_money=Window(count, ago(hours=1)))
        return decide(replace(FRESH, everyone=spent), limits, NOW)

    assert [verdict(count) for count in (799, 800, 990)] == [Go(), Go(short=True), Go(short=True)]
    assert verdict(991) == Later(ago(hours=-23), PolicyReason.MONEY, Scope.ALL)


@given(FACTS)
def test_looking_it_up_only_ever_adds_a_refusal(facts):
    unseen = replace(facts, gone=None, labels=None)
    before, after = decide(unseen, SMALL, NOW), decide(facts, SMALL, NOW)
    assert before == after or after.reason in {PolicyReason.GONE, PolicyReason.BOT, PolicyReason.THREAD}


def test_every_window_of_the_facts_is_judged():
    assert set(LIMIT_OF) == {f.name for f in fields(Spent)}
    assert set(GROUPS) == {f.name for f in fields(Facts) if "Spent" in str(f.type)}
