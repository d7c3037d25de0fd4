"""Promise 15: an ill brain never yields a wrong or late post. The mention waits, then expires."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.factory import ANA, BEN
from support.harness import Crew
from support.scripted_brains import NO_MODEL, Cuts, Fails, Hangs, Says, calls, over_minds, replies

from bot.brains.guard import FAILURES, Guarded
from bot.domain.mention import State
from bot.errors import BrainResting

CANARY = "ZEBRAFISH"
EVERYBODY = [f"did:plc:person{number}" for number in range(FAILURES)]
SICKNESSES = {
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
sick = pytest.mark.parametrize("sickness", SICKNESSES.values(), ids=SICKNESSES)
no_rules = over_minds(rules=NO_MODEL)


@pytest.fixture
def crew(db, tmp_path, mind):
    return guard(Crew(db, tmp_path, mind.brain))


def guard(crew, sickness=None):
    """Put the crew's brain behind a guard that waits for it, but not for one that hangs."""
    seconds = 0.3 if isinstance(sickness, Hangs) else 30
    return crew.with_brain(Guarded(crew.brain, timeout=timedelta(seconds=seconds), clock=crew.clock))


@no_rules
@sick
def test_a_mention_waits_for_an_ill_brain_and_is_answered_when_it_is_well(mind, crew, sickness):
    mind.script(sickness)
    guard(crew, sickness)
    ref = crew.say(ANA, "hi")
    crew.work(2)
    waiting = crew.entry(ref)
    mind.script(replies("hello"))
    guard(crew)
    crew.clock.forward(minutes=2)
    crew.work()

    assert (waiting.state, waiting.ended_at, waiting.parts) == (State.WAITING, None, ())
    assert waiting.why
    assert crew.fate(ref) == (State.ANSWERED, None)
    assert len(crew.replies(ref)) == 1


@no_rules
@sick
def test_a_mention_that_no_brain_was_well_enough_for_expires_without_a_word(mind, crew, sickness):
    mind.script(sickness)
    guard(crew, sickness)
    ref = crew.say(ANA, "hi")
    crew.work(2)
    crew.clock.forward(hours=25)
    mind.script(replies("sorry for the wait"))
    crew.work()

    assert crew.fate(ref)[0] is State.EXPIRED
    assert crew.replies(ref) == []
    assert mind.requests


@no_rules
def test_what_an_ill_turn_would_have_kept_is_not_kept_and_what_it_spent_is(mind, crew):
    mind.script(calls("remember", {"text": "likes tea"}), Fails(503))
    ref = crew.say(ANA, "I like tea")
    crew.work(1)

    assert crew.notes(ANA) == []
    assert (crew.entry(ref).tokens_in, crew.entry(ref).tokens_out) == (100, 20)


@no_rules
def test_while_the_breaker_is_open_mentions_wait_without_an_attempt_or_a_request(mind, crew):
    mind.script(Fails(503))
    for did in EVERYBODY:
        crew.say(did, "hi")
    crew.work()
    asked = len(mind.requests)
    late, later = crew.say(ANA, "hi"), crew.say(BEN, "hi")
    crew.work()
    waiting = [crew.entry(ref) for ref in (late, later)]
    mind.script(replies("hello"))
    crew.clock.forward(minutes=10)
    crew.work(100)

    assert [(entry.state, entry.attempts, entry.due_at) for entry in waiting] == [
        (State.WAITING, 0, crew.entry(late).seen_at + timedelta(minutes=1))
    ] * 2
    assert all(BrainResting.__doc__ in entry.why for entry in waiting)
    assert len(mind.requests) == asked + len(EVERYBODY) + 2
    assert {crew.fate(ref)[0] for ref in (late, later)} == {State.ANSWERED}


@over_minds()
def test_no_brain_is_ever_shown_what_it_knows_of_somebody_else(mind, crew):
    """In one thread, in turns. Each model's words for its notes are its own canary."""
    people = EVERYBODY[:4]
    for number, did in enumerate(people):
        mind.script(calls("remember", {"text": f"likes {CANARY}{number}."}), replies("Noted."))
        crew.say(did, f"I like {CANARY}{number}.")
        crew.work()
    for number, did in enumerate(people):
        mind.script(calls("recall", {"query": "likes"}), replies("hello"))
        before = len(mind.requests)
        ref = crew.say(did, "what do you know about me?")
        crew.work()
        shown = "".join([*mind.requests[before:], *(post.text for post in crew.replies(ref))])
        assert [f"{CANARY}{other}" in shown for other in range(len(people))] == [
            other == number for other in range(len(people))
        ]
