from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.memory_people import ALICE, BOB, MEMORY, NOW, everything, later, receipt, say, texts

from memory.errors import UnknownPerson
from memory.model import Denied, Forget, Remember, Revise

if TYPE_CHECKING:
    from memory.db import Database


def test_a_forgotten_line_takes_along_all_that_it_replaced(known: Database):
    (one,) = say(known, Remember("lives in Bonn"))
    (two,) = say(known, Revise(one.id, "lives in Oslo"), post="p2")
    say(known, Remember("likes tea"), post="p3")
    say(known, Forget(two.id), post="p4", hours=4)
    assert texts(known) == ["likes tea"]
    assert not any(word in everything(known) for word in ("Bonn", "Oslo"))
    with known.read() as tx:
        last = MEMORY.history(tx, ALICE)[-1]
        assert (last.op, last.note_id, last.before, last.after) == ("forget", two.id, None, None)
        assert last.source_uri == receipt(post="p4").uri


def test_forgetting_a_superseded_note_leaves_its_successor_and_no_copy(known: Database):
    (one,) = say(known, Remember("lives in Bonn"))
    (two,) = say(known, Revise(one.id, "lives in Oslo"), post="p2")
    with known.write() as tx:
        assert MEMORY.forget_note(tx, one.id, actor="operator", at=NOW) == 1
        assert MEMORY.note(tx, two.id) == replace(two, replaces=None)
        assert MEMORY.chain(tx, two.id) == (replace(two, replaces=None),)
    assert "Bonn" not in everything(known)
    assert texts(known) == ["lives in Oslo"]


def test_a_deleted_post_takes_its_notes_and_what_replaced_them(known: Database):
    one, _ = say(known, Remember("lives in Bonn"), Remember("likes tea"))
    (two,) = say(known, Revise(one.id, "lives in Oslo, before in Bonn"), post="p2")
    with known.write() as tx:
        MEMORY.edit(tx, two.id, "lives in Oslo (Bonn)", actor="operator", at=NOW)
        assert MEMORY.forget_post(tx, receipt().uri, later(3)) == 4
        assert MEMORY.forget_post(tx, receipt().uri, later(3)) == 0
    assert texts(known) == []
    assert not any(word in everything(known) for word in ("Bonn", "Oslo", "tea"))


def test_what_a_deleted_post_had_replaced_holds_again(known: Database):
    (one,) = say(known, Remember("lives in Bonn"))
    (two,) = say(known, Revise(one.id, "lives in Oslo"), post="p2")
    say(known, Revise(two.id, "lives in Rome"), post="p3")
    with known.write() as tx:
        assert MEMORY.forget_post(tx, receipt(post="p2").uri, later(3)) == 2
        assert MEMORY.recall(tx, ALICE).notes == (one,)
        last = MEMORY.history(tx, ALICE)[-1]
        assert (last.op, last.note_id, last.after) == ("reopen", one.id, "lives in Bonn")


def test_a_deleted_post_of_which_nothing_is_known_changes_nothing(known: Database):
    say(known, Remember("likes tea"))
    before = everything(known)
    with known.write() as tx:
        assert MEMORY.forget_post(tx, receipt(post="other").uri, NOW) == 0
    assert everything(known) == before


def test_the_number_of_an_erased_note_is_never_given_again(known: Database):
    (note,) = say(known, Remember("a"))
    with known.write() as tx:
        MEMORY.forget_note(tx, note.id, actor="operator", at=NOW)
    (other,) = say(known, Remember("b"), post="p2")
    assert other.id > note.id


def test_an_erased_person_leaves_no_row(known: Database):
    (note,) = say(known, Remember("lives in Bonn"))
    say(known, Revise(note.id, "lives in Oslo"), post="p2")
    say(known, Remember("likes tea"), did=BOB)
    with known.write() as tx:
        MEMORY.people.rename(tx, ALICE, "alice.test", NOW)
        MEMORY.denials.put(tx, ALICE, Denied(embedding=True))
        assert MEMORY.erase(tx, ALICE) == 2 + 2 + 2 + 1 + 1 + 1
        assert MEMORY.erase(tx, ALICE) == 0
        with pytest.raises(UnknownPerson):
            MEMORY.recall(tx, ALICE)
    assert "alice" not in everything(known)
    assert texts(known, BOB) == ["likes tea"]
