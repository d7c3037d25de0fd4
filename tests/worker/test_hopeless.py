"""A mention whose own post keeps turns from succeeding ends; one that waits for the brain does not."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain

from bot.brains.guard import Guarded
from bot.domain.mention import State
from bot.errors import BreakerOpen, TransientBrainError
from bot.storage import steering
from bot.worker.worker import MAX_POST_FAILURES

CUT = TransientBrainError("its answer was cut off", post_suspected=True)
AWAY = TransientBrainError("it does not answer")


def tried(harness, ref, hours=4):
    """Let the worker try for hours; how often the brain was asked."""
    for _ in range(hours * 6):
        harness.work()
        harness.clock.forward(minutes=10)
    return len(harness.brain.prompts)


def test_a_mention_ends_after_five_turns_that_its_post_may_have_failed(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(CUT))
    ref = harness.say(ANA, "hi")
    assert tried(harness, ref) == MAX_POST_FAILURES
    state, why = harness.outcome(ref)
    assert (state, "cut off" in why, harness.replies(ref)) == (State.FAILED, True, [])


def test_while_the_brain_rests_it_is_asked_about_one_mention_and_none_uses_up_an_attempt(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(BreakerOpen("it rests", retry_after=60)))
    refs = [harness.say(did, "hi") for did in (ANA, BEN)]
    harness.work()
    resting = [(harness.entry(ref).state, harness.entry(ref).attempts) for ref in refs]
    asked = len(harness.brain.prompts)
    harness.brain.script = [("reply", {"text": "hello"})]
    harness.clock.forward(seconds=60)
    harness.work()

    assert (asked, resting) == (1, [(State.WAITING, 0)] * 2)
    assert [harness.outcome(ref)[0] for ref in refs] == [State.ANSWERED] * 2


@pytest.mark.slow
def test_a_mention_that_waits_for_the_brain_goes_on_waiting(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(AWAY))
    ref = harness.say(ANA, "hi")
    assert tried(harness, ref) > MAX_POST_FAILURES
    assert harness.outcome(ref)[0] is State.WAITING


@pytest.mark.slow
def test_failures_of_the_brain_do_not_count_against_the_post(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(CUT))
    ref = harness.say(ANA, "hi")
    for error in (CUT, AWAY, CUT, AWAY, AWAY, CUT, AWAY, CUT):
        harness.brain.script = [error]
        harness.work(1)
        harness.clock.forward(minutes=20)
    assert harness.outcome(ref)[0] is State.WAITING
    harness.brain.script = [CUT]
    harness.work(1)
    assert harness.outcome(ref)[0] is State.FAILED


def test_a_mention_that_the_operator_retries_has_five_turns_again(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(CUT))
    ref = harness.say(ANA, "hi")
    tried(harness, ref)
    with db.write() as tx:
        steering.retry(tx, ref.uri, harness.clock())
    harness.work(1)
    assert harness.outcome(ref)[0] is State.WAITING


@pytest.mark.slow
@pytest.mark.parametrize("illness", [None, "it is away"])
def test_a_turn_that_takes_too_long_counts_only_while_the_brain_is_healthy(db, tmp_path, illness):
    brain = ScriptedBrain(lambda: asyncio.sleep(30))
    brain.illness = illness
    harness = Harness(db, tmp_path, brain)
    harness.with_brain(Guarded(brain, timeout=timedelta(seconds=0.05), clock=harness.clock))
    ref = harness.say(ANA, "hi")
    for _ in range(MAX_POST_FAILURES):
        harness.work(1)
        harness.clock.forward(minutes=20)
    assert harness.outcome(ref)[0] is (State.WAITING if illness else State.FAILED)
