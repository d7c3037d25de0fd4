from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from support.memory_people import ALICE, BOB, MEMORY, NOW, everything, later, receipt, say, texts
from support.races import at_once, meet_after

from memory import store
from memory.errors import EditRefused, UnknownPerson
from memory.model import Forget, Limits, Note, Remember, Revise
from memory.store import Memory
from memory.tables import NoteRow

if TYPE_CHECKING:
    from memory.db import Database
    from memory.model import Receipt


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


@pytest.mark.parametrize(
    "foreign",
    [
        receipt(BOB),
        replace(receipt(), said_by=BOB),
        replace(receipt(BOB), said_by=ALICE),
        replace(receipt(f"{ALICE}x"), said_by=ALICE),
    ],
)
def test_a_receipt_by_somebody_else_is_refused(known: Database, foreign: Receipt):
    with known.write() as tx, pytest.raises(EditRefused, match="somebody else"):
        MEMORY.apply(tx, ALICE, [Remember("a")], foreign, key="m", actor="rules", at=NOW)


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


@pytest.mark.slow
def test_two_exchanges_at_once_do_not_both_write_the_last_notes_of_the_day(known: Database, monkeypatch):
    memory = Memory(Limits(per_day=3))

    def tell(post: str) -> bool:
        said, edits = receipt(post=post), [Remember(f"a {post}"), Remember(f"b {post}")]
        with suppress(EditRefused), known.write() as tx:
            return bool(memory.apply(tx, ALICE, edits, said, key=post, actor="rules", at=NOW))
        return False

    meet_after(monkeypatch, store, "check_quota")
    assert sorted(at_once(partial(tell, "p1"), partial(tell, "p2"))) == [False, True]
    assert len(texts(known)) == 2


def test_a_revision_is_a_note_of_the_day(known: Database):
    (note,) = say(known, Remember("a"))
    say(known, Revise(note.id, "b"), post="p2")
    with known.write() as tx, pytest.raises(EditRefused, match="24 hours"):
        Memory(Limits(per_day=2)).apply(
            tx, ALICE, [Remember("c")], receipt(post="p3"), key="k", actor="rules", at=NOW
        )


def test_the_operators_corrections_do_not_use_up_the_day(known: Database):
    memory = Memory(Limits(per_day=2))
    (note,) = say(known, Remember("a"))
    with known.write() as tx:
        for text in "bcd":
            note = memory.edit(tx, note.id, text, actor="operator", at=NOW)
        memory.apply(tx, ALICE, [Remember("z")], receipt(), key="k", actor="rules", at=NOW)
    assert texts(known) == ["d", "z"]
