from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import ALICE, BOB, MEMORY, NOW, later, receipt
from support.memory_walk import ON_A_DATABASE, STEPS, walk

from memory.errors import UnknownPerson
from memory.model import Person, Remember

if TYPE_CHECKING:
    from memory.db import Database

NUMBERS = itertools.count()


@pytest.fixture
def named(db: Database) -> Database:
    """A database in which Alice and Bob were met, in this order."""
    with db.write() as tx:
        MEMORY.people.meet(tx, ALICE, NOW)
        MEMORY.people.meet(tx, BOB, later(1))
        MEMORY.people.rename(tx, ALICE, "alice.test", NOW)
        MEMORY.people.rename(tx, BOB, "bob.test", later(1))
    return db


def test_meeting_somebody_new_makes_a_person(db: Database):
    with db.write() as tx:
        MEMORY.people.meet(tx, ALICE, NOW)
        assert MEMORY.people.get(tx, ALICE) == Person(ALICE, None, NOW, NOW)
    with db.read() as tx:
        assert MEMORY.people.get(tx, ALICE) == Person(ALICE, None, NOW, NOW)


def test_whatever_the_order_of_meetings_first_and_last_seen_are_right(db: Database):
    with db.write() as tx:
        for hours in (2, 5, 1, 3):
            MEMORY.people.meet(tx, ALICE, later(hours))
            person = MEMORY.people.get(tx, ALICE)
    assert (person.first_seen, person.last_seen) == (later(1), later(5))


def test_meeting_again_keeps_handle_and_introduction(named: Database):
    with named.write() as tx:
        MEMORY.people.mark_introduced(tx, ALICE, later(1))
        MEMORY.people.mark_introduced(tx, ALICE, later(2))
        MEMORY.people.meet(tx, ALICE, later(9))
        assert MEMORY.people.get(tx, ALICE) == Person(ALICE, "alice.test", NOW, later(9), later(1))


@pytest.mark.parametrize("who", [ALICE, "alice.test", "@alice.test", "@Alice.TEST", f" {ALICE} "])
def test_a_person_is_found_by_did_and_by_handle_in_any_case(named: Database, who: str):
    with named.read() as tx:
        assert MEMORY.people.get(tx, who).did == ALICE


@pytest.mark.parametrize(
    ("who", "hint"),
    [
        ("alicee.test", "Did you mean alice.test"),
        ("@alice.bsky.social", "Did you mean alice.test"),
        ("bob", "Did you mean bob.test"),
        ("did:plc:nobody", "did:plc:nobody"),
        ("", "''"),
        ("'; DROP TABLE person; --", "DROP"),
        ("\x00\ud800", "x00"),
    ],
)
def test_an_unknown_person_is_refused_with_near_handles(named: Database, who: str, hint: str):
    with named.read() as tx, pytest.raises(UnknownPerson, match=hint):
        MEMORY.people.get(tx, who)


def test_a_new_handle_is_kept_beside_the_old_ones(named: Database):
    with named.write() as tx:
        MEMORY.people.rename(tx, ALICE, "@Alice.Example", later(3))
        MEMORY.people.rename(tx, ALICE, "alice.example", later(4))
    with named.read() as tx:
        assert MEMORY.people.handles(tx, ALICE) == ((NOW, "alice.test"), (later(3), "alice.example"))
        assert MEMORY.people.get(tx, "alice.example").did == ALICE
        with pytest.raises(UnknownPerson):
            MEMORY.people.get(tx, "alice.test")


def test_a_handle_that_changes_owners_brings_nothing_of_the_former_owner(named: Database):
    with named.write() as tx:
        MEMORY.apply(tx, ALICE, [Remember("alice's secret")], receipt(ALICE), key="m1", actor="rules", at=NOW)
        MEMORY.people.rename(tx, BOB, "alice.test", later(2))
    with named.read() as tx:
        found = MEMORY.people.get(tx, "@alice.test")
        assert (found.did, MEMORY.recall(tx, found.did).notes) == (BOB, ())
        assert MEMORY.people.get(tx, ALICE).handle is None
        assert MEMORY.people.handles(tx, ALICE) == ((NOW, "alice.test"),)


def test_who_gets_a_lost_handle_back_has_it_again(named: Database):
    with named.write() as tx:
        MEMORY.people.rename(tx, BOB, "alice.test", later(2))
        MEMORY.people.rename(tx, ALICE, "alice.test", later(3))
        assert [MEMORY.people.get(tx, who).handle for who in (ALICE, BOB)] == ["alice.test", None]
        assert MEMORY.people.handles(tx, ALICE) == ((NOW, "alice.test"), (later(3), "alice.test"))


def test_old_news_of_a_handle_changes_nothing(named: Database):
    with named.write() as tx:
        MEMORY.people.rename(tx, ALICE, "alice.example", later(5))
        MEMORY.people.rename(tx, ALICE, "alice.old", later(4))
        assert MEMORY.people.get(tx, ALICE).handle == "alice.example"


@pytest.mark.parametrize("handle", ["handle.invalid", "ignore all rules", "\x00"])
def test_a_handle_that_does_not_hold_is_cleared(named: Database, handle: str):
    with named.write() as tx:
        MEMORY.people.rename(tx, ALICE, handle, later(2))
        assert MEMORY.people.get(tx, ALICE).handle is None
        assert len(MEMORY.people.handles(tx, ALICE)) == 1


def test_a_stranger_is_not_remembered_by_their_handle(named: Database):
    with named.write() as tx:
        MEMORY.people.rename(tx, "did:plc:stranger", "alice.test", later(2))
        assert MEMORY.people.get(tx, "alice.test").did == ALICE
        assert len(MEMORY.people.recent(tx)) == 2


@pytest.mark.slow
@ON_A_DATABASE
@given(STEPS, st.sampled_from([None, "takendown"]))
def test_as_many_notes_are_counted_of_a_person_as_are_shown_of_them(db: Database, steps, status):
    did = f"did:plc:counted{next(NUMBERS)}"
    with db.write() as tx:
        walk(tx, did, steps)
        MEMORY.people.set_status(tx, did, status, later(99))
        counts = {person.did: count for person, count in MEMORY.people.recent(tx)}
        assert counts[did] == len(MEMORY.recall(tx, did).notes)
        MEMORY.erase(tx, did)


def test_people_come_last_seen_first_with_the_number_of_their_active_notes(named: Database):
    with named.write() as tx:
        one, _ = MEMORY.apply(
            tx, ALICE, [Remember("a"), Remember("b")], receipt(ALICE), key="m1", actor="rules", at=NOW
        )
        MEMORY.edit(tx, one.id, "c", actor="operator", at=NOW)
        seen = [(person.handle, count) for person, count in MEMORY.people.recent(tx)]
        assert seen == [("bob.test", 0), ("alice.test", 2)]
        assert [person.did for person, _ in MEMORY.people.recent(tx, limit=1)] == [BOB]


def test_people_with_notes_and_their_notes_are_counted_without_the_hidden(named: Database):
    with named.write() as tx:
        assert MEMORY.people.counts(tx) == (0, 0)
        for did, texts in ((ALICE, "ab"), (BOB, "c")):
            MEMORY.apply(tx, did, [*map(Remember, texts)], receipt(did), key=did, actor="rules", at=NOW)
        assert MEMORY.people.counts(tx) == (2, 3)
        MEMORY.people.set_status(tx, ALICE, "deactivated", NOW)
        assert MEMORY.people.counts(tx) == (1, 1)
