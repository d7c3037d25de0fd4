"""A kept turn can be thought again, as often as one likes, and nothing comes of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain

from bot.brains import make
from bot.domain.prompt import Trust
from bot.domain.turn import TurnOutcome
from bot.errors import NotFound, TransientBrainError
from bot.privacy.erasure import propagate_erasure
from bot.storage import turns
from bot.worker.replay import notes_of_turn, replay
from memory.model import Remember
from memory.tables import Base

SECOND = timedelta(seconds=5)
TALK = [
    "Hi! I live in Lisbon and my dog is called Biscuit",
    "where do I live?",
    "I moved to Porto",
    "who am I?",
    "also forget my dog",
    "thanks",
    "thanks",
]


@pytest.fixture
def harness(db, tmp_path):
    harness = Harness(db, tmp_path, make("rules"))
    harness.network.set_handle(ANA, "iris.test")
    return harness


def talk(harness, *texts, did=ANA):
    refs = []
    for text in texts:
        refs.append(harness.say(did, text))
        harness.work()
        harness.clock.forward(hours=1)
    return refs


def again(harness, ref, brain=None, persona=None):
    with harness.services.db.read() as tx:
        turn = turns.of_mention(tx, ref.uri)[-1]
        notes = notes_of_turn(tx, harness.services.memory, turn.told) if turn.told else ()
    return asyncio.run(replay(turn, notes, brain or make("rules"), harness.clock, SECOND, persona))


def rows(db):
    with db.read() as tx:
        return [tuple(row) for table in Base.metadata.sorted_tables for row in tx.execute(select(table))]


@pytest.mark.slow
def test_a_brain_without_chance_comes_to_the_same_whatever_was_learned_since(harness):
    refs = talk(harness, *TALK[:4])
    for ref in refs:
        done = again(harness, ref)
        assert done.now.reply == done.then.reply
        assert done.now.edits == done.then.edits
        assert [(c.name, c.answer) for c in done.now.calls] == [(c.name, c.answer) for c in done.then.calls]
        assert not done.changed


@pytest.mark.slow
def test_nothing_is_written_and_nothing_posted(harness):
    refs = talk(harness, *TALK[:4])
    before, said = rows(harness.services.db), list(harness.network.calls)
    for ref in refs:
        again(harness, ref, ScriptedBrain(("remember", {"text": "is a spy"}), ("forget", {"note": "n1"})))
    assert rows(harness.services.db) == before
    assert harness.network.calls == said


@pytest.mark.slow
def test_it_is_given_what_was_sent_then(harness):
    talk(harness, *TALK[:3])
    brain = ScriptedBrain(("reply", {"text": "hm"}))
    with harness.services.db.read() as tx:
        first = turns.latest(tx)[1]
    (ref,) = [post.ref for post in harness.network.posts(ANA) if post.ref.uri == first.uri]
    again(harness, ref, brain)
    (prompt,) = brain.prompts
    assert prompt.sections == first.told.sections
    assert prompt.now == first.told.now
    assert [note.text for note in prompt.recollection.notes] == [
        "lives in Lisbon",
        "has a dog called Biscuit",
    ]
    assert {(note.superseded_by, note.valid_to) for note in prompt.recollection.notes} == {(None, None)}
    assert "Lisbon" in prompt.split(Trust.MEMORY)[0]


def test_another_persona_is_all_that_changes(harness):
    (ref,) = talk(harness, "hello")
    brain = ScriptedBrain(("reply", {"text": "Good day."}))
    done = again(harness, ref, brain, persona="A heron.")
    was, now = done.then.told.sections, brain.prompts[0].sections
    assert (now[0].text, now[1:]) == ("A heron.", was[1:])
    assert done.changed
    assert any(line.startswith("the persona: ") for line in done.differs)
    assert any(line.startswith("the brain: rules then, scripted now") for line in done.differs)
    assert 'the section "The thread", as sent' in done.same


def test_the_same_persona_and_brain_are_told_as_alike(harness):
    (ref,) = talk(harness, "hello")
    done = again(harness, ref)
    assert {"the brain (rules)", f"the persona ({done.then.persona})"} <= {*done.same}
    assert len(done.differs) == 1


@pytest.mark.slow
def test_notes_can_be_recalled_as_they_were_then(harness):
    refs = talk(harness, *TALK[:3])
    brain = ScriptedBrain(("recall", {"query": "lives"}), ("reply", {"text": "ok"}))
    done = again(harness, refs[1], brain)
    assert "lives in Lisbon" in done.now.calls[0].answer


def test_a_new_note_is_proposed_and_shown_but_not_kept(harness):
    (ref,) = talk(harness, "hello")
    done = again(harness, ref, ScriptedBrain(("remember", {"text": "likes tea"}), ("reply", {"text": "ok"})))
    assert done.now.edits == (Remember("likes tea"),)
    assert harness.notes(ANA) == []


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(TransientBrainError("503"), TurnOutcome.TRANSIENT), (KeyError("x"), TurnOutcome.BUG)],
)
def test_a_brain_that_fails_now_is_shown_to_fail(harness, error, outcome):
    (ref,) = talk(harness, "hello")
    done = again(harness, ref, ScriptedBrain(error))
    assert (done.now.outcome, done.now.reply, done.changed) == (outcome, None, True)


def test_a_brain_that_takes_too_long_is_cut_off(harness):
    (ref,) = talk(harness, "hello")

    async def sleep():
        await asyncio.sleep(30)

    with harness.services.db.read() as tx:
        turn = turns.of_mention(tx, ref.uri)[-1]
    now = timedelta(milliseconds=10)
    done = asyncio.run(replay(turn, (), ScriptedBrain(sleep), harness.clock, now))
    assert (done.now.outcome, done.now.error.endswith("it took too long")) == (TurnOutcome.TRANSIENT, True)


def test_what_was_erased_is_not_thought_again(harness):
    (ref,) = talk(harness, "I live in Lisbon")
    db, memory = harness.services.db, harness.services.memory
    with db.write() as tx, propagate_erasure(tx, memory, harness.services.journal, ANA, harness.clock()):
        (note,) = memory.recall(tx, ANA).notes
        memory.forget_note(tx, note.id, actor="operator", at=harness.clock())
    with pytest.raises(NotFound, match="erased"):
        again(harness, ref)


@pytest.mark.slow
def test_a_replay_sees_no_other_persons_notes(harness):
    talk(harness, "I live in Lisbon and my dog is called CANARY")
    (ref,) = talk(harness, "hello, who am I?", did=BEN)
    brain = ScriptedBrain(("recall", {"query": "dog called lives in Lisbon"}), ("reply", {"text": "ok"}))
    done = again(harness, ref, brain)
    assert "CANARY" not in repr(done) + repr(brain.prompts)
