from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import ALICE, BOB, MEMORY, NOW, everything, later, receipt, say, texts
from support.memory_walk import ON_A_DATABASE, STEPS, walk

from memory.errors import EditRefused, UnknownRevision
from memory.model import Forget, Remember, Revise

if TYPE_CHECKING:
    from memory.db import Database

NUMBERS = itertools.count()


@pytest.fixture
def filled(known: Database) -> Database:
    """Bonn at first; an hour later Oslo instead, and tea."""
    (bonn,) = say(known, Remember("lives in Bonn"))
    say(known, Revise(bonn.id, "lives in Oslo"), Remember("likes tea"), post="p2", hours=1)
    return known


def known_at(db: Database, point: object) -> list[str]:
    with db.read() as tx:
        return [note.text for note in MEMORY.notes_at(tx, ALICE, point)]


def test_what_was_known_is_told_for_any_time_and_revision(filled: Database):
    with filled.read() as tx:
        first, second, third = (one.id for one in MEMORY.history(tx, ALICE))
    assert known_at(filled, later(-1)) == known_at(filled, 0) == []
    assert (
        known_at(filled, NOW) == known_at(filled, later(0.5)) == known_at(filled, first) == ["lives in Bonn"]
    )
    assert known_at(filled, second) == ["lives in Oslo"]
    assert known_at(filled, later(1)) == known_at(filled, third) == ["lives in Oslo", "likes tea"]


def test_a_revision_of_somebody_else_is_no_point_in_this_persons_past(filled: Database):
    say(filled, Remember("likes tea"), did=BOB)
    with filled.write() as tx:
        theirs = MEMORY.history(tx, BOB)[0].id
        with pytest.raises(UnknownRevision, match=rf"{theirs} \(of this person: 1 to 3\)"):
            MEMORY.rollback(tx, ALICE, theirs, actor="operator", at=NOW)


def test_a_diff_tells_what_came_what_went_and_what_took_its_place(filled: Database):
    with filled.read() as tx:
        diff = MEMORY.diff(tx, ALICE, NOW, later(1))
        assert [one.text for one in diff.added] == ["likes tea"]
        assert [(a.text, b.text) for a, b in diff.changed] == [("lives in Bonn", "lives in Oslo")]
        back = MEMORY.diff(tx, ALICE, later(1), NOW)
        assert [one.text for one in back.dropped] == ["likes tea"]
        assert [(a.text, b.text) for a, b in back.changed] == [("lives in Oslo", "lives in Bonn")]
        same = MEMORY.diff(tx, ALICE, NOW, NOW)
    assert (same.added, same.dropped, same.changed) == ((), (), ())


def test_a_rollback_makes_hold_what_held_with_its_receipts(filled: Database):
    with filled.write() as tx:
        done = MEMORY.rollback(tx, ALICE, NOW, actor="operator", at=later(2))
        assert [one.text for one in done.restored] == ["lives in Bonn"]
        assert [one.text for one in done.withdrawn] == ["likes tea"]
        (kept,) = MEMORY.recall(tx, ALICE).notes
        assert (kept.text, kept.receipt, kept.written_at) == ("lives in Bonn", receipt(), later(2))
        assert [one.op for one in MEMORY.history(tx, ALICE)][3:] == ["restore", "withdraw"]


def test_a_rollback_can_be_rolled_back(filled: Database):
    with filled.write() as tx:
        last = MEMORY.history(tx, ALICE)[-1].id
        MEMORY.rollback(tx, ALICE, NOW, actor="operator", at=later(2))
        MEMORY.rollback(tx, ALICE, last, actor="operator", at=later(3))
    assert texts(filled) == ["lives in Oslo", "likes tea"]


def test_a_rollback_to_now_changes_nothing(filled: Database):
    before = everything(filled)
    with filled.write() as tx:
        done = MEMORY.rollback(tx, ALICE, later(9), actor="operator", at=later(10))
    assert (done.restored, done.withdrawn, everything(filled)) == ((), (), before)


def test_a_rollback_does_not_bring_back_what_was_forgotten(filled: Database):
    with filled.read() as tx:
        (_, oslo, _) = MEMORY.notes(tx, ALICE)
    say(filled, Forget(oslo.id), post="p3", hours=2)
    with filled.write() as tx:
        MEMORY.rollback(tx, ALICE, NOW, actor="operator", at=later(3))
    assert texts(filled) == []
    assert "Bonn" not in everything(filled)


def test_a_withdrawn_note_is_found_by_no_search_and_cannot_be_edited(filled: Database):
    with filled.write() as tx:
        (tea,) = MEMORY.rollback(tx, ALICE, NOW, actor="operator", at=later(2)).withdrawn
        assert MEMORY.search(tx, "tea", ALICE) == ()
        assert MEMORY.retrieval.find(tx, ALICE, "tea", now=later(9)) == ()
        with pytest.raises(EditRefused, match="withdrawn"):
            MEMORY.edit(tx, tea.id, "likes coffee", actor="operator", at=later(3))


def test_what_a_rollback_restored_goes_with_its_source(filled: Database):
    with filled.write() as tx:
        MEMORY.rollback(tx, ALICE, NOW, actor="operator", at=later(2))
        MEMORY.forget_post(tx, receipt().uri, later(3))
    assert texts(filled) == []
    assert "Bonn" not in everything(filled)


def test_what_was_withdrawn_stays_so_when_its_successors_source_is_deleted(known: Database):
    (old,) = say(known, Remember("lives in Bonn"), hours=1)
    say(known, Revise(old.id, "lives in Oslo"), post="p2", hours=2)
    with known.write() as tx:
        MEMORY.rollback(tx, ALICE, NOW, actor="operator", at=later(3))
        MEMORY.forget_post(tx, receipt(post="p2").uri, later(4))
    assert texts(known) == []
    assert known_at(known, later(9)) == []


@pytest.mark.slow
@ON_A_DATABASE
@given(STEPS, st.data())
def test_the_history_tells_what_holds_and_any_point_can_be_returned_to(db: Database, steps, data):
    did = f"did:plc:past{next(NUMBERS)}"
    with db.write() as tx:
        walk(tx, did, steps)
        active = {note.id for note in MEMORY.recall(tx, did).notes}
        history = MEMORY.history(tx, did)
        assert {note.id for note in MEMORY.notes_at(tx, did, later(99))} == active
        if not history:
            return
        point = data.draw(st.sampled_from([one.id for one in history]))
        then = sorted(note.text for note in MEMORY.notes_at(tx, did, point))
        MEMORY.rollback(tx, did, point, actor="operator", at=later(99))
        assert sorted(note.text for note in MEMORY.recall(tx, did).notes) == then
        assert {one.id for one in MEMORY.notes_at(tx, did, later(99))} == {
            one.id for one in MEMORY.recall(tx, did).notes
        }


@pytest.mark.slow
@ON_A_DATABASE
@given(STEPS)
def test_chains_never_cycle_and_are_told_alike_from_each_of_their_notes(db: Database, steps):
    did = f"did:plc:chain{next(NUMBERS)}"
    with db.write() as tx:
        walk(tx, did, steps)
        for note in MEMORY.notes(tx, did):
            chain = MEMORY.chain(tx, note.id)
            assert all(MEMORY.chain(tx, each.id) == chain for each in chain)
            assert [each.id for each in chain] == sorted({each.id for each in chain})
            assert [each.superseded_by for each in chain] == [*[each.id for each in chain[1:]], None]
            assert all(each.valid_to is not None for each in chain[:-1])
