"""Promise 15: a failing brain never yields a wrong or late post. The mention waits, then expires."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.factory import ANA, BEN
from support.harness import Harness
from support.letta_brain import LIVE
from support.scripted_brains import NO_MODEL, Cuts, Fails, Hangs, Says, calls, over_brains, replies

from bot.brains.breaker import CHECK_EVERY, FAILURES
from bot.brains.guard import Guarded
from bot.domain.mention import State
from bot.errors import BreakerOpen
from bot.worker.worker import MAX_POST_FAILURES
from memory.errors import UnknownPerson

pytestmark = pytest.mark.slow

CANARY = "ZEBRAFISH"
EVERYBODY = [f"did:plc:person{number}" for number in range(FAILURES)]
FAILING_STEPS = {
    "5xx": Fails(503),
    "429": Fails(429, 30),
    "key refused": Fails(401),
    "hang": Hangs(),
    "cut stream": Cuts(),
    "truncation": Says(text="I was about to", finish="length"),
    "refusal": Says(text="I can", finish="content_filter"),
    "refusal within a call": replace(calls("reply", '{"text": "I can'), finish="content_filter"),
    "empty": Says(),
    "ten times too long": replies("word " * 2400),
    "tool loop": calls("recall", {"query": "tea"}),
}
failing = pytest.mark.parametrize("step", FAILING_STEPS.values(), ids=FAILING_STEPS)
no_rules = over_brains(rules=NO_MODEL)


@pytest.fixture
def harness(db, tmp_path, rig):
    return guard(Harness(db, tmp_path, rig.brain))


def guard(harness, step=None):
    """Put the harness's brain behind a guard that waits for it, but not for one that hangs."""
    shortest = 5 if LIVE else 0.3  # a live server needs a while to ask its model
    seconds = shortest if isinstance(step, Hangs) else 30
    return harness.with_brain(Guarded(harness.brain, timeout=timedelta(seconds=seconds), clock=harness.clock))


@no_rules
@failing
def test_a_mention_waits_for_a_failing_brain_and_is_answered_when_it_works_again(rig, harness, step):
    rig.script(step)
    guard(harness, step)
    ref = harness.say(ANA, "hi")
    harness.work(2)
    waiting = harness.entry(ref)
    rig.script(replies("hello"))
    guard(harness)
    harness.clock.forward(minutes=2)
    harness.work()

    assert (waiting.state, waiting.ended_at, waiting.parts) == (State.WAITING, None, ())
    assert waiting.why
    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert len(harness.replies(ref)) == 1


@no_rules
@failing
def test_a_mention_that_no_brain_could_answer_expires_without_a_word(rig, harness, step):
    rig.script(step)
    guard(harness, step)
    ref = harness.say(ANA, "hi")
    harness.work(2)
    harness.clock.forward(hours=25)
    rig.script(replies("sorry for the wait"))
    harness.work()

    assert harness.outcome(ref)[0] is State.EXPIRED
    assert harness.replies(ref) == []
    assert rig.requests


@no_rules
@pytest.mark.parametrize("name", ["truncation", "refusal", "empty", "ten times too long", "tool loop"])
def test_hours_in_which_the_model_answers_everybody_so_fail_no_mention(rig, harness, name):
    rig.script(replace(FAILING_STEPS[name], always=True))
    ref = harness.say(ANA, "hi")
    for _ in range(MAX_POST_FAILURES + 1):
        harness.work()
        harness.clock.forward(hours=1)
    waiting = harness.outcome(ref)[0]
    rig.script(replies("hello"))
    harness.clock.forward(hours=1)
    harness.work()
    assert (waiting, harness.outcome(ref)) == (State.WAITING, (State.ANSWERED, None))


@no_rules
def test_what_a_failed_turn_would_have_kept_is_not_kept_and_what_it_spent_is(rig, harness):
    rig.script(calls("remember", {"text": "likes tea"}), Fails(503))
    ref = harness.say(ANA, "I like tea")
    harness.work(1)

    with harness.services.db.read() as tx, pytest.raises(UnknownPerson):
        harness.services.memory.recall(tx, ANA)
    assert (harness.entry(ref).tokens_in, harness.entry(ref).tokens_out) == (100, 20)


@no_rules
def test_while_the_breaker_is_open_mentions_wait_without_an_attempt_or_a_request(rig, harness):
    rig.script(Fails(503))
    for did in EVERYBODY:
        harness.say(did, "hi")
    harness.work()
    asked = len(rig.requests)
    late, later = harness.say(ANA, "hi"), harness.say(BEN, "hi")
    harness.work()
    waiting = [harness.entry(ref) for ref in (late, later)]
    rig.script(replies("hello"))
    harness.clock.forward(minutes=10)
    harness.work(100)

    assert [(entry.state, entry.attempts) for entry in waiting] == [(State.WAITING, 0)] * 2
    judged, not_looked_at = waiting  # one tells for all that the brain rests
    assert judged.due_at == judged.seen_at + CHECK_EVERY
    assert BreakerOpen.__doc__ in judged.why
    assert not_looked_at.why is None
    assert len(rig.requests) - asked - len(EVERYBODY) - 2 in (0, 1)  # a health check may be one
    assert {harness.outcome(ref)[0] for ref in (late, later)} == {State.ANSWERED}


@over_brains()
def test_no_brain_is_ever_shown_what_it_knows_of_somebody_else(rig, harness):
    """In one thread, in turns. Each model's words for its notes are its own canary."""
    people = EVERYBODY[:4]
    for number, did in enumerate(people):
        rig.script(calls("remember", {"text": f"likes {CANARY}{number}."}), replies("Noted."))
        harness.say(did, f"I like {CANARY}{number}.")
        harness.work()
    for number, did in enumerate(people):
        rig.script(calls("recall", {"query": "likes"}), replies("hello"))
        before = len(rig.requests)
        ref = harness.say(did, "who am I?")
        harness.work()
        shown = "".join([*rig.requests[before:], *(post.text for post in harness.replies(ref))])
        assert [f"{CANARY}{other}" in shown for other in range(len(people))] == [
            other == number for other in range(len(people))
        ]
