from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.memory_people import ALICE, MEMORY, everything, later, note, receipt, say, texts

from memory.edits import propose
from memory.errors import EditRefused
from memory.model import Forget, Limits, Remember, Revise
from memory.rules.consolidation import contradicted, duplicate

if TYPE_CHECKING:
    from memory.db import Database

LATE = receipt(post="late", said_at=later(9))

# --- contradiction ---------------------------------------------------------------------------------


def test_a_later_statement_closes_the_one_that_it_contradicts(known: Database):
    (old,) = say(known, Remember("lives in Bonn"))
    (new,) = say(known, Remember("lives in Oslo"), post="p2", hours=1)
    assert texts(known) == ["lives in Oslo"]
    with known.read() as tx:
        closed = MEMORY.note(tx, old.id)
        assert (closed.superseded_by, closed.valid_to) == (new.id, later(1))
        assert [one.op for one in MEMORY.history(tx, ALICE)] == ["remember", "revise"]


def test_an_older_statement_that_is_heard_late_closes_nothing(known: Database):
    say(known, Remember("lives in Oslo"), hours=5)
    say(known, Remember("lives in Bonn"), post="p2", hours=1)
    assert texts(known) == ["lives in Bonn", "lives in Oslo"]


def test_what_was_said_again_since_is_not_closed_by_an_older_statement_heard_late():
    held = note(1, "lives in Bonn")
    held = replace(held, also=(receipt(post="p9", said_at=later(5)),))
    assert contradicted([held], "lives in Oslo", later(3)) is None
    assert contradicted([held], "lives in Oslo", later(6)) is held


def test_a_full_memory_has_room_for_what_closes_another_note():
    limits = Limits(notes=1)
    (new,) = propose((note(1, "lives in Bonn"),), Remember("lives in Oslo"), LATE, later(9), limits)
    assert (new.text, new.replaces) == ("lives in Oslo", 1)


def test_a_note_held_until_the_edit_whenever_its_post_was_said(known: Database):
    (old,) = say(known, Remember("lives in Bonn"))
    with known.write() as tx:
        MEMORY.edit(tx, old.id, "lives in Köln", actor="operator", at=later(5))
        assert MEMORY.note(tx, old.id).valid_to == later(5)


def test_of_two_that_it_might_contradict_neither_is_guessed():
    held = [note(1, "lives in Bonn"), note(2, "lives in Rome")]
    assert contradicted(held, "lives in Oslo", later(1)) is None
    assert contradicted(held[:1], "lives in Oslo", later(1)) is held[0]


def test_two_statements_of_one_post_stand_beside_each_other(known: Database):
    say(known, Remember("lives in Bonn"), Remember("lives in Rome"))
    assert texts(known) == ["lives in Bonn", "lives in Rome"]


# --- duplicates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("again", ["likes tea", "LIKES tea.", " likes  tea! ", "ｌｉｋｅｓ　ｔｅａ"])
def test_what_is_said_again_is_one_note_with_both_receipts(known: Database, again: str):
    (first,) = say(known, Remember("likes tea"))
    assert say(known, Remember(again), post="p2", hours=1) == ()
    with known.read() as tx:
        (kept,) = MEMORY.recall(tx, ALICE).notes
        assert (kept.id, kept.receipts) == (first.id, (receipt(), receipt(post="p2", said_at=later(1))))
        assert [one.op for one in MEMORY.history(tx, ALICE)] == ["remember", "confirm"]


@pytest.mark.parametrize(("one", "other"), [("likes C", "likes C++"), ("☕", "🍵"), ("is 3", "is 4")])
def test_what_only_resembles_is_no_duplicate(one, other):
    assert duplicate([note(1, one)], other) is None


def test_a_repetition_replayed_counts_once(known: Database):
    say(known, Remember("likes tea"))
    for _ in range(2):
        say(known, Remember("likes tea"), post="p2")
    with known.read() as tx:
        (kept,) = MEMORY.recall(tx, ALICE).notes
    assert len(kept.receipts) == 2


def test_the_same_post_cannot_say_the_same_twice(known: Database):
    with pytest.raises(EditRefused, match="already says so"):
        say(known, Remember("likes tea"), Remember("likes tea"))


def test_a_note_stays_while_one_receipt_stands(known: Database):
    (first,) = say(known, Remember("likes tea"))
    say(known, Remember("likes tea"), post="p2", hours=1)
    with known.write() as tx:
        assert MEMORY.forget_post(tx, receipt().uri, later(2)) == 0
        (kept,) = MEMORY.recall(tx, ALICE).notes
        assert (kept.id, kept.receipts) == (first.id, (receipt(post="p2", said_at=later(1)),))
        assert MEMORY.forget_post(tx, receipt(post="p2").uri, later(2)) == 1
    assert "tea" not in everything(known)


def test_every_post_that_says_so_is_a_receipt_in_the_order_of_time(known: Database):
    say(known, Remember("likes tea"), hours=1)
    for post, hours in (("p9", 2), ("p2", 3), ("p5", 0)):
        say(known, Remember("likes tea"), post=post, hours=hours)
    with known.write() as tx:
        (kept,) = MEMORY.recall(tx, ALICE).notes
        assert [one.uri[-2:] for one in kept.receipts] == ["p1", "p5", "p9", "p2"]
        (again,) = propose((kept,), Remember("likes tea"), LATE, later(9), Limits())
        assert again.receipts == (*kept.receipts, LATE)
        MEMORY.forget_post(tx, receipt().uri, later(4))
        (kept,) = MEMORY.recall(tx, ALICE).notes
        assert [one.uri[-2:] for one in kept.receipts] == ["p5", "p9", "p2"]


def test_a_deleted_repetition_leaves_the_first_receipt(known: Database):
    say(known, Remember("likes tea"))
    say(known, Remember("likes tea"), post="p2", hours=1)
    with known.write() as tx:
        assert MEMORY.forget_post(tx, receipt(post="p2").uri, later(2)) == 0
        assert [one.receipts for one in MEMORY.recall(tx, ALICE).notes] == [(receipt(),)]


def test_a_correction_by_the_operator_keeps_all_receipts(known: Database):
    (first,) = say(known, Remember("likes tee"))
    say(known, Remember("likes tee"), post="p2", hours=1)
    with known.write() as tx:
        MEMORY.edit(tx, first.id, "likes tea", actor="operator", at=later(2))
        (kept,) = MEMORY.recall(tx, ALICE).notes
        assert [one.uri for one in kept.receipts] == [receipt().uri, receipt(post="p2").uri]


def test_forgetting_a_note_forgets_all_its_receipts(known: Database):
    (first,) = say(known, Remember("likes tea"))
    say(known, Remember("likes tea"), post="p2")
    say(known, Forget(first.id), post="p3")
    assert rows_left(known) == 0


def rows_left(db: Database) -> int:
    with db.read() as tx:
        return len(MEMORY.notes(tx, ALICE))


def test_repetitions_count_against_the_limits_of_a_day(known: Database):
    for number in range(20):
        say(known, Remember("likes tea"), post=f"p{number}")
    with pytest.raises(EditRefused, match="24 hours"):
        say(known, Remember("likes tea"), post="late", hours=1)


def test_a_replay_may_go_on_naming_the_note_that_was_repeated(known: Database):
    (first,) = say(known, Remember("likes tea"))
    edits = (Remember("likes tea"), Revise(first.id, "likes green tea"))
    say(known, edits[0], post="p2", hours=1)
    say(known, *edits, post="p2", hours=1)
    assert texts(known) == ["likes green tea"]
