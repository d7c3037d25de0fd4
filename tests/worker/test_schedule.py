"""When answers come: at their own time, in the hours in which the bot is awake."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from support.factory import ANA, BEN, LIMITS, NO_PAUSE
from support.harness import Harness
from support.living import live

from bot.domain.hours import Hours
from bot.domain.limits import Tempo
from bot.domain.mention import State
from bot.domain.policy import PolicyReason

AWAKE = Hours(time(8), time(22))
NOON, EVENING, NIGHT = (datetime(2026, 12, 1, hour, tzinfo=UTC) for hour in (12, 21, 23))
PACE = replace(
    NO_PAUSE, tempo=Tempo.HUMAN, spacing=timedelta(seconds=5), person_spacing=timedelta(seconds=15)
)


@pytest.fixture
def bot(db, tmp_path):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, hours=AWAKE)).with_pace(PACE)
    harness.clock.now = NOON
    harness.puts = []
    put = harness.network.put

    async def noted(*arguments):
        harness.puts.append(harness.clock())
        return await put(*arguments)

    harness.network.put = noted
    return harness


def test_an_answer_comes_at_its_own_time_and_is_thought_of_shortly_before(bot):
    ref = bot.say(ANA, "hello")
    due = bot.entry(ref).due_at
    bot.clock.now = due
    bot.work(1)
    entry = bot.entry(ref)

    assert entry.state is State.DRAFTED
    assert NOON < due < entry.post_at <= due + timedelta(seconds=10)
    live(bot, 900)
    assert bot.puts == [entry.post_at]


def test_what_is_said_at_night_is_thought_of_and_answered_in_the_morning(bot):
    bot.clock.now = NIGHT
    refs = [bot.say(did, "hello") for did in (ANA, BEN)]
    live(bot, 8 * 3600)
    assert bot.brain.prompts == []

    live(bot, 3 * 3600)
    assert [bot.entry(ref).state for ref in refs] == [State.ANSWERED] * 2
    wakes = AWAKE.next_open(NIGHT)
    assert all(wakes < at < wakes + timedelta(minutes=12) for at in bot.puts)


def test_a_command_is_obeyed_and_answered_at_night_at_once(bot):
    bot.clock.now = NIGHT
    ref = bot.say(ANA, "help")
    bot.work()
    assert bot.outcome(ref) == (State.ANSWERED, None)


def test_a_draft_that_was_held_up_into_the_night_waits_for_the_morning(bot):
    bot.with_pace(replace(PACE, post_delay=timedelta(minutes=20))).clock.now = EVENING
    refs = [bot.say(did, "hello") for did in (ANA, BEN)]
    for due in sorted(bot.entry(ref).due_at for ref in refs):
        bot.clock.now = due
        bot.work(1)
    bot.clock.now = NIGHT  # the bot stood still
    bot.work()
    assert [bot.entry(ref).state for ref in refs] == [State.DRAFTED] * 2

    live(bot, 11 * 3600)
    wakes = AWAKE.next_open(NIGHT)
    assert [bot.entry(ref).state for ref in refs] == [State.ANSWERED] * 2
    assert all(wakes < at < wakes + timedelta(minutes=12) for at in bot.puts)
    assert abs(bot.puts[1] - bot.puts[0]) >= PACE.spacing


def test_a_draft_whose_time_has_come_just_when_it_falls_asleep_waits_too(bot):
    bot.clock.now = EVENING
    ref = bot.say(ANA, "hello")
    bot.clock.now = bot.entry(ref).due_at
    bot.work(1)
    bot.clock.now = planned = bot.entry(ref).post_at
    earlier = replace(AWAKE, sleep=(planned - timedelta(minutes=1)).time())
    bot.services = replace(
        bot.services, limits=replace(bot.limits, hours=earlier)
    )  # the operator's new hours
    bot.with_brain(bot.brain).work()

    entry = bot.entry(ref)
    assert (entry.state, entry.why) == (State.DRAFTED, PolicyReason.ASLEEP)
    assert earlier.next_open(entry.due_at) == entry.due_at == entry.post_at


def test_sleep_makes_no_mention_too_old(db, tmp_path):
    limits = replace(LIMITS, hours=replace(AWAKE, quiet=frozenset({"wednesday"})), max_age=timedelta(hours=4))
    harness = Harness(db, tmp_path, limits=limits).with_pace(PACE)
    harness.clock.now = NIGHT
    ref = harness.say(ANA, "hello")
    live(harness, 36 * 3600)

    assert harness.entry(ref).state is State.ANSWERED
