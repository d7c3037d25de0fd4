"""Notes that wait for the operator's review: no prompt shows them, and the person has all rights on them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.factory import ANA, BEN
from support.harness import REMEMBER, Harness, ScriptedBrain

from bot.domain.approval import Approve
from bot.domain.events import PostDeleted
from memory.errors import EditRefused, UnknownNote

NOTE = "lives in Lisbon"
SEEN = ("reply", {"text": "Hello again."})


@pytest.fixture
def harness(db, tmp_path):
    made = Harness(db, tmp_path, ScriptedBrain(REMEMBER, ("reply", {"text": "Noted."})))
    made.with_review(Approve.ALL)
    made.introduce(ANA)
    return made


def ask(harness, text="I live in Lisbon", did=ANA):
    harness.clock.forward(hours=1)
    ref = harness.say(did, text)
    harness.work()
    return ref


def prompt_of(harness, text="what do you make of it?", did=ANA):
    """The whole prompt of a next turn, and what its own search finds."""
    harness.brain.script = [("recall", {"query": "lives Lisbon"}), SEEN]
    ask(harness, text, did)
    return harness.brain.prompts[-1]


def waiting(harness, did=None):
    with harness.services.db.read() as tx:
        return harness.services.memory.reviews.waiting(tx, did)


def decide(harness, what, *more):
    with harness.services.db.write() as tx:
        return getattr(harness.services.memory.reviews, what)(tx, *more)


def test_no_prompt_shows_a_note_that_waits_and_every_prompt_one_that_is_accepted(harness):
    ask(harness)
    (note,) = waiting(harness)
    assert note.text == NOTE
    assert NOTE not in str(prompt_of(harness).recollection.notes)
    assert NOTE not in prompt_of(harness).recollection.block.text

    decide(harness, "accept", note.id)
    assert NOTE in prompt_of(harness).recollection.block.text
    assert waiting(harness) == ()


def test_the_search_of_a_turn_does_not_find_it(harness):
    ask(harness)
    (note,) = waiting(harness)
    memory = harness.services.memory

    def found():
        with harness.services.db.read() as tx:
            return [each.text for each in memory.retrieval.find(tx, ANA, "lives Lisbon", now=harness.clock())]

    assert NOTE not in found()
    decide(harness, "accept", note.id)
    assert NOTE in found()


def test_a_note_that_is_dropped_is_gone_and_what_it_replaced_holds_again(harness):
    harness.with_review(Approve.NONE)
    ask(harness)
    harness.with_review(Approve.ALL)
    harness.brain.script = [("revise", {"note": "n1", "text": "lives in Odense"}), SEEN]
    ask(harness, "I live in Odense now")
    (note,) = waiting(harness)
    assert note.text == "lives in Odense"
    assert harness.notes(ANA) == ["lives in Odense"]
    decide(harness, "drop", note.id, harness.clock())
    assert harness.notes(ANA) == [NOTE]
    assert NOTE in prompt_of(harness).recollection.block.text
    with pytest.raises(UnknownNote):
        decide(harness, "accept", note.id)


def test_who_had_an_answer_is_no_new_person(harness):
    harness.with_review(Approve.NEW_PEOPLE)
    ask(harness, did=BEN)
    assert [note.did for note in waiting(harness)] == [BEN]
    harness.brain.script = [("remember", {"text": "has a dog"}), SEEN]
    ask(harness, "I have a dog", did=BEN)
    assert [note.text for note in waiting(harness)] == [NOTE]


def test_a_note_that_does_not_wait_cannot_be_dropped_by_mistake(harness):
    harness.with_review(Approve.NONE)
    ask(harness)
    for what, more in (("accept", ()), ("drop", (harness.clock(),))):
        with pytest.raises(EditRefused, match="does not wait"):
            decide(harness, what, 1, *more)
    assert harness.notes(ANA) == [NOTE]


def test_the_person_sees_it_corrects_it_and_erases_it(harness):
    ask(harness)
    ref = ask(harness, "what do you know about me?")
    assert NOTE in harness.replies(ref)[0].text
    with harness.services.db.read() as tx:
        assert harness.services.memory.export(tx, ANA)["notes"][0]["waits"] is True
    ask(harness, "correct: I live in Odense")
    assert waiting(harness) == ()
    ask(harness, "forget me")
    assert waiting(harness) == ()


def test_their_own_words_to_the_program_do_not_wait(harness):
    ask(harness, "correct: I live in Odense")
    assert waiting(harness) == ()
    assert len(harness.notes(ANA)) == 1


def test_a_deleted_post_takes_it_along(harness):
    ref = ask(harness)
    harness.send(PostDeleted, ref.uri, ANA, harness.clock())
    assert waiting(harness) == ()


def test_saying_it_again_neither_fails_nor_accepts_it(harness):
    ask(harness)
    harness.brain.script = [REMEMBER, SEEN]
    ref = ask(harness, "I live in Lisbon, you know")
    assert len(harness.replies(ref)) == 1
    (note,) = waiting(harness)
    assert len(note.receipts) == 2


def test_notes_that_wait_take_their_place_among_those_that_may_be_kept(harness):
    """Else the turn could write what memory refuses, and the mention would fail."""
    harness.services.memory.limits = replace(harness.services.memory.limits, notes=1)
    ask(harness)
    harness.brain.script = [("remember", {"text": "has a dog"}), SEEN]
    ref = ask(harness, "I have a dog")
    assert len(harness.replies(ref)) == 1
    assert [note.text for note in waiting(harness)] == [NOTE]


def test_export_then_import_keeps_that_it_waits(harness, sqlite, tmp_path):
    ask(harness)
    with harness.services.db.read() as tx:
        exported = json.dumps(harness.services.memory.export(tx, ANA))
    other = Harness(sqlite(), tmp_path / "other")
    with other.services.db.write() as tx:
        other.services.memory.import_(tx, exported)
    assert [note.text for note in waiting(other)] == [NOTE]


def test_an_export_without_such_notes_is_one_that_every_version_reads(harness):
    harness.with_review(Approve.NONE)
    ask(harness)
    with harness.services.db.read() as tx:
        assert "waits" not in harness.services.memory.export(tx, ANA)["notes"][0]


def test_the_public_zeitgeist_does_not_tell_of_it(harness):
    harness.brain.script = [("remember", {"text": "likes watching birds"}), SEEN]
    people = [f"did:plc:p{number}" for number in range(9)]
    for did in people:
        harness.introduce(did)
        ask(harness, "I like watching birds", did)
    memory, db = harness.services.memory, harness.services.db
    harness.clock.forward(days=30)

    def lines():
        with db.read() as tx:
            memory.zeitgeist.refresh(tx, harness.clock())
            return memory.zeitgeist.lines(tx)

    assert lines() == ()
    for note in waiting(harness):
        decide(harness, "accept", note.id)
    assert [text for text, _ in lines()] == ["likes watching birds"]
