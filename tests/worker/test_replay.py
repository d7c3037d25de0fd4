"""A kept turn can be thought again, as often as one likes, and nothing comes of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from support.factory import ANA, BEN
from support.harness import Crew, ScriptedBrain

from bot.brains import make
from bot.domain.turn import Outcome
from bot.errors import BrainTrouble, NotFound
from bot.privacy.erasure import forgetting
from bot.storage import turns
from bot.worker.replay import known_then, replay
from memory.model import Remember
from memory.tables import Base

SECOND = timedelta(seconds=5)
TALK = [
    "Hi! I live in Lisbon and my dog is called Biscuit",
    "where do I live?",
    "I moved to Porto",
    "what do you know about me?",
    "forget my dog",
    "thanks",
    "thanks",
]


@pytest.fixture
def crew(db, tmp_path):
    crew = Crew(db, tmp_path, make("rules"))
    crew.network.name(ANA, "iris.test")
    return crew


def talk(crew, *texts, did=ANA):
    refs = []
    for text in texts:
        refs.append(crew.say(did, text))
        crew.work()
        crew.clock.forward(hours=1)
    return refs


def again(crew, ref, brain=None, persona=None):
    with crew.bench.db.read() as tx:
        turn = turns.of(tx, ref.uri)[-1]
        notes = known_then(tx, crew.bench.memory, turn.told) if turn.told else ()
    return asyncio.run(replay(turn, notes, brain or make("rules"), crew.clock, SECOND, persona))


def rows(db):
    with db.read() as tx:
        return [tuple(row) for table in Base.metadata.sorted_tables for row in tx.execute(select(table))]


def test_a_brain_without_chance_comes_to_the_same_whatever_was_learned_since(crew):
    refs = talk(crew, *TALK[:4])
    for ref in refs:
        done = again(crew, ref)
        assert done.now.reply == done.then.reply
        assert done.now.edits == done.then.edits
        assert [(c.name, c.answer) for c in done.now.calls] == [(c.name, c.answer) for c in done.then.calls]
        assert not done.changed


def test_nothing_is_written_and_nothing_posted(crew):
    refs = talk(crew, *TALK[:4])
    before, said = rows(crew.bench.db), list(crew.network.calls)
    for ref in refs:
        again(crew, ref, ScriptedBrain(("remember", {"text": "is a spy"}), ("forget", {"note": "n1"})))
    assert rows(crew.bench.db) == before
    assert crew.network.calls == said


def test_it_is_given_what_was_sent_then(crew):
    talk(crew, *TALK[:3])
    brain = ScriptedBrain(("reply", {"text": "hm"}))
    with crew.bench.db.read() as tx:
        first = turns.latest(tx)[1]
    (ref,) = [post.ref for post in crew.network.posts(ANA) if post.ref.uri == first.uri]
    again(crew, ref, brain)
    (prompt,) = brain.prompts
    assert prompt.sections == first.told.sections
    assert prompt.now == first.told.now
    assert [note.text for note in prompt.recollection.notes] == [
        "lives in Lisbon",
        "has a dog called Biscuit",
    ]
    assert {(note.superseded_by, note.valid_to) for note in prompt.recollection.notes} == {(None, None)}
    assert "Lisbon" in prompt.system()


def test_another_persona_is_all_that_changes(crew):
    (ref,) = talk(crew, "hello")
    brain = ScriptedBrain(("reply", {"text": "Good day."}))
    done = again(crew, ref, brain, persona="A heron.")
    was, now = done.then.told.sections, brain.prompts[0].sections
    assert (now[0].text, now[1:]) == ("A heron.", was[1:])
    assert done.changed
    assert any(line.startswith("the persona: ") for line in done.differs)
    assert any(line.startswith("the brain: rules then, scripted now") for line in done.differs)
    assert 'the section "The thread", as sent' in done.same


def test_the_same_persona_and_brain_are_told_as_alike(crew):
    (ref,) = talk(crew, "hello")
    done = again(crew, ref)
    assert {"the brain (rules)", f"the persona ({done.then.persona})"} <= {*done.same}
    assert len(done.differs) == 1


def test_notes_can_be_recalled_as_they_were_then(crew):
    refs = talk(crew, *TALK[:3])
    brain = ScriptedBrain(("recall", {"query": "lives"}), ("reply", {"text": "ok"}))
    done = again(crew, refs[1], brain)
    assert "lives in Lisbon" in done.now.calls[0].answer


def test_a_new_note_is_proposed_and_shown_but_not_kept(crew):
    (ref,) = talk(crew, "hello")
    done = again(crew, ref, ScriptedBrain(("remember", {"text": "likes tea"}), ("reply", {"text": "ok"})))
    assert done.now.edits == (Remember("likes tea"),)
    assert crew.notes(ANA) == []


@pytest.mark.parametrize(
    ("error", "outcome"), [(BrainTrouble("503"), Outcome.TROUBLE), (KeyError("x"), Outcome.STUMBLED)]
)
def test_a_brain_that_fails_now_is_shown_to_fail(crew, error, outcome):
    (ref,) = talk(crew, "hello")
    done = again(crew, ref, ScriptedBrain(error))
    assert (done.now.outcome, done.now.reply, done.changed) == (outcome, None, True)


def test_a_brain_that_takes_too_long_is_cut_off(crew):
    (ref,) = talk(crew, "hello")

    async def sleep():
        await asyncio.sleep(30)

    with crew.bench.db.read() as tx:
        turn = turns.of(tx, ref.uri)[-1]
    now = timedelta(milliseconds=10)
    done = asyncio.run(replay(turn, (), ScriptedBrain(sleep), crew.clock, now))
    assert (done.now.outcome, done.now.error.endswith("it took too long")) == (Outcome.TROUBLE, True)


def test_what_was_erased_is_not_thought_again(crew):
    (ref,) = talk(crew, "I live in Lisbon")
    db, memory = crew.bench.db, crew.bench.memory
    with db.write() as tx, forgetting(tx, memory, ANA, crew.clock()):
        (note,) = memory.recall(tx, ANA).notes
        memory.forget_note(tx, note.id, actor="operator", at=crew.clock())
    with pytest.raises(NotFound, match="erased"):
        again(crew, ref)


def test_a_replay_sees_no_other_persons_notes(crew):
    talk(crew, "I live in Lisbon and my dog is called CANARY")
    (ref,) = talk(crew, "hello, what do you know about me?", did=BEN)
    brain = ScriptedBrain(("recall", {"query": "dog called lives in Lisbon"}), ("reply", {"text": "ok"}))
    done = again(crew, ref, brain)
    assert "CANARY" not in repr(done) + repr(brain.prompts)
