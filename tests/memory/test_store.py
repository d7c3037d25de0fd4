from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from support.memory_people import ALICE, BOB, MEMORY, NOW, everything, later, receipt, say, texts

from memory.errors import EditRefused, UnknownNote, UnknownPerson
from memory.model import Forget, Limits, Note, Remember, Revise
from memory.store import Memory
from memory.tables import NoteRow

if TYPE_CHECKING:
    from memory.db import Database

# --- edits ---------------------------------------------------------------------------------------


def test_a_remembered_line_is_recalled_with_its_receipt(known: Database):
    (note,) = say(known, Remember("has  a dog\n called Pip"))
    assert note == Note(note.id, ALICE, "has a dog called Pip", receipt(), NOW)
    with known.read() as tx:
        recollection = MEMORY.recall(tx, ALICE)
        assert (recollection.person.did, recollection.notes) == (ALICE, (note,))
        assert recollection.block.text == f"n{note.id} · 2026-03-01 · has a dog called Pip"


def test_a_revised_line_is_superseded_and_not_lost(known: Database):
    (old,) = say(known, Remember("lives in Bonn"))
    (new,) = say(known, Revise(old.id, "lives in Oslo"), post="p2", hours=1)
    assert texts(known) == ["lives in Oslo"]
    with known.read() as tx:
        assert MEMORY.note(tx, old.id) == replace(old, superseded_by=new.id, valid_to=later(1))
        assert new.replaces == old.id
        for note in (old, new):
            assert MEMORY.chain(tx, note.id) == (MEMORY.note(tx, old.id), new)


def test_edits_of_one_exchange_may_name_each_others_notes(known: Database):
    edits = (Remember("lives in Bonn"), Remember("likes tea"), Revise(-1, "lives in Oslo"), Forget(-2))
    bonn, oslo = say(known, *edits)
    assert texts(known) == ["lives in Oslo"]
    assert (bonn.superseded_by, oslo.replaces) == (oslo.id, bonn.id)
    assert "likes tea" not in everything(known)


def test_an_exchange_replayed_changes_nothing(known: Database):
    (old,) = say(known, Remember("lives in Bonn"))
    edits = (Remember("has a dog"), Revise(old.id, "lives in Oslo"), Revise(-1, "has a cat"))
    first = say(known, *edits, post="p2", hours=1)
    before = everything(known)
    assert say(known, *edits, post="p2", hours=1) == first
    assert everything(known) == before


def test_edits_that_were_made_are_skipped_and_the_rest_is_made(known: Database):
    (note,) = say(known, Remember("has a dog"))
    again = say(known, Remember("has a dog"), Revise(-1, "has a cat"))
    assert [each.text for each in again] == ["has a dog", "has a cat"]
    assert (again[0].id, texts(known)) == (note.id, ["has a cat"])


def test_what_was_forgotten_since_is_not_brought_back_by_a_replay(known: Database):
    (note,) = say(known, Remember("has a dog"))
    with known.write() as tx:
        MEMORY.forget_note(tx, note.id, actor="operator", at=later(1))
    assert say(known, Remember("has a dog")) == ()
    assert texts(known) == []


def test_one_refused_edit_undoes_its_whole_exchange(known: Database):
    before = everything(known)
    with known.write() as tx, pytest.raises(EditRefused, match="no note n999"):
        MEMORY.apply(tx, ALICE, [Remember("a"), Forget(999)], receipt(), key="m", actor="rules", at=NOW)
    assert everything(known) == before


def test_a_note_of_somebody_else_cannot_be_named(known: Database):
    (note,) = say(known, Remember("bob's secret"), did=BOB)
    for edit in (Revise(note.id, "x"), Forget(note.id)):
        with pytest.raises(EditRefused, match=f"no note n{note.id} about this person"):
            say(known, edit)
    assert texts(known, BOB) == ["bob's secret"]


def test_a_receipt_by_somebody_else_is_refused(known: Database):
    with known.write() as tx, pytest.raises(EditRefused, match="somebody else"):
        MEMORY.apply(tx, ALICE, [Remember("a")], receipt(BOB), key="m", actor="rules", at=NOW)


@pytest.mark.parametrize(
    "bad",
    [
        {"said_by": BOB},
        {"source_uri": receipt(BOB).uri},
        {"source_uri": f"at://{ALICE}x/app.bsky.feed.post/1"},
        {"source_cid": None},
        {"superseded_by": 7},
        {"did": "did:plc:stranger", "said_by": "did:plc:stranger", "source_uri": "at://did:plc:stranger/a/b"},
    ],
)
def test_the_schema_itself_refuses_a_note_without_a_receipt_by_its_owner(known: Database, bad):
    good = {
        "did": ALICE, "text": "a", "source_uri": receipt().uri, "source_cid": "bafy", "said_by": ALICE,
        "said_at": NOW, "written_at": NOW,
    }  # fmt: skip
    with known.write() as tx:
        tx.execute(insert(NoteRow).values(good))
    with pytest.raises(IntegrityError), known.write() as tx:
        tx.execute(insert(NoteRow).values(good | bad))


def test_nothing_is_remembered_of_who_never_spoke_to_the_bot(known: Database):
    with pytest.raises(UnknownPerson, match="stranger"):
        say(known, Remember("a"), did="did:plc:stranger")


def test_an_exchange_writes_three_notes_at_most(known: Database):
    with pytest.raises(EditRefused, match="an exchange may write 3"):
        say(known, *map(Remember, "abcd"))


def test_a_day_writes_twenty_notes_at_most_however_many_are_forgotten(known: Database):
    for number in range(10):
        (note, _) = say(known, Remember(f"a{number}"), Remember(f"b{number}"), post=f"p{number}")
        say(known, Forget(note.id), post=f"f{number}")
    with pytest.raises(EditRefused, match="24 hours"):
        say(known, Remember("c"), post="late", hours=23.9)
    assert len(say(known, Remember("c"), post="next day", hours=24.1)) == 1
    assert say(known, Remember("d"), did=BOB) != ()


def test_the_operators_corrections_do_not_use_up_the_day(known: Database):
    memory = Memory(Limits(per_day=2))
    (note,) = say(known, Remember("a"))
    with known.write() as tx:
        for text in "bcd":
            note = memory.edit(tx, note.id, text, actor="operator", at=NOW)
        memory.apply(tx, ALICE, [Remember("z")], receipt(), key="k", actor="rules", at=NOW)
    assert texts(known) == ["d", "z"]


# --- the operator --------------------------------------------------------------------------------


def test_a_correction_supersedes_and_keeps_the_receipt(known: Database):
    (old,) = say(known, Remember("lives in Bon"))
    with known.write() as tx:
        new = MEMORY.edit(tx, old.id, "lives in Bonn", actor="operator", at=later(2))
        assert new == replace(old, id=new.id, text="lives in Bonn", written_at=later(2), replaces=old.id)
        assert MEMORY.note(tx, new.id) == new


def test_only_the_note_that_holds_can_be_corrected(known: Database):
    (old,) = say(known, Remember("lives in Bon"))
    with known.write() as tx:
        new = MEMORY.edit(tx, old.id, "lives in Bonn", actor="operator", at=NOW)
        with pytest.raises(EditRefused, match=f"{old.name} was replaced by {new.name}"):
            MEMORY.edit(tx, old.id, "x", actor="operator", at=NOW)
        with pytest.raises(EditRefused, match="empty"):
            MEMORY.edit(tx, new.id, " ", actor="operator", at=NOW)


@pytest.mark.parametrize("note_id", [0, -1, 999, 10**12, 10**30])
def test_a_note_that_is_not_there_is_told_by_name(known: Database, note_id: int):
    with known.write() as tx:
        for attempt in (
            lambda: MEMORY.note(tx, note_id),
            lambda: MEMORY.chain(tx, note_id),
            lambda: MEMORY.edit(tx, note_id, "x", actor="operator", at=NOW),
            lambda: MEMORY.forget_note(tx, note_id, actor="operator", at=NOW),
        ):
            with pytest.raises(UnknownNote, match=f"n{note_id}"):
                attempt()


def test_history_tells_every_edit_who_made_it_and_why(known: Database):
    (note,) = say(known, Remember("a"))
    say(known, Revise(note.id, "b"), post="p2", hours=1)
    with known.write() as tx:
        (new,) = MEMORY.recall(tx, ALICE).notes
        MEMORY.edit(tx, new.id, "c", actor="operator", at=later(2))
        told = [
            (each.op, each.before, each.after, each.actor, each.source_uri, each.at)
            for each in MEMORY.history(tx, ALICE)
        ]
    assert told == [
        ("remember", None, "a", "rules", receipt(post="p1").uri, NOW),
        ("revise", "a", "b", "rules", receipt(post="p2").uri, later(1)),
        ("revise", "b", "c", "operator", None, later(2)),
    ]


def test_an_export_is_json_and_holds_every_row(known: Database):
    (note,) = say(known, Remember("lives in Bonn"))
    say(known, Revise(note.id, "lives in Oslo"), post="p2", hours=1)
    with known.write() as tx:
        MEMORY.people.rename(tx, ALICE, "alice.test", NOW)
        export = json.loads(json.dumps(MEMORY.export(tx, ALICE)))
    assert export["person"]["handle"] == "alice.test"
    assert export["handles"] == [{"since": "2026-03-01T12:00:00+00:00", "handle": "alice.test"}]
    assert [each["text"] for each in export["notes"]] == ["lives in Bonn", "lives in Oslo"]
    assert export["notes"][1]["receipt"] == {
        "uri": receipt(post="p2").uri, "cid": "bafyp2", "said_by": ALICE,
        "said_at": "2026-03-01T13:00:00+00:00",
    }  # fmt: skip
    assert [each["op"] for each in export["revisions"]] == ["remember", "revise"]


# --- search --------------------------------------------------------------------------------------


def test_search_ranks_by_shared_words_then_by_the_newest(known: Database):
    say(known, Remember("has a dog called Pip"), post="p1")
    say(known, Remember("walks the Dog in the park"), post="p2", hours=1)
    say(known, Remember("likes tea"), post="p3", hours=2)
    with known.read() as tx:
        found = [note.text for note in MEMORY.search(tx, "DOG, pip?", ALICE)]
        assert found == ["has a dog called Pip", "walks the Dog in the park"]
        assert [note.text for note in MEMORY.search(tx, "dog", ALICE)] == found[::-1]
        assert len(MEMORY.search(tx, "dog", ALICE, limit=1)) == 1
        assert MEMORY.search(tx, "", ALICE) == MEMORY.search(tx, "cat", ALICE) == ()


def test_search_finds_what_holds_and_only_of_the_person_asked_for(known: Database):
    (note,) = say(known, Remember("has a dog"))
    say(known, Remember("has a dog too"), did=BOB)
    say(known, Revise(note.id, "had a dog once"), post="p2")
    with known.read() as tx:
        assert [each.text for each in MEMORY.search(tx, "dog", ALICE)] == ["had a dog once"]
        assert {each.did for each in MEMORY.search(tx, "dog")} == {ALICE, BOB}
