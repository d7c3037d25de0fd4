from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event
from support.memory_people import ALICE, BOB, MEMORY, NOW, later, receipt, say
from support.memory_walk import ON_A_DATABASE

from memory import zeitgeist
from memory.db import Database
from memory.model import Denied, Remember
from memory.store import Memory
from memory.zeitgeist import MOST_COUNTED

if TYPE_CHECKING:
    from memory.db import Tx

NUMBERS = itertools.count()


def test_zeitgeist_is_told_while_three_people_say_so(known: Database):
    dids = [ALICE, BOB, "did:plc:carol"]
    with known.write() as tx:
        MEMORY.people.meet(tx, dids[2], NOW)
    for did in dids:
        say(known, Remember("rides a bicycle"), did=did)
    memory = Memory()
    with known.read() as tx:
        assert zeitgeist.find(tx) == (("rides a bicycle", 3),)
        memory.zeitgeist.refresh(tx)
    with known.read() as tx:
        known_now = memory.compile(tx, ALICE, "hi", now=later(9), total=4000)
    assert known_now.zeitgeist == ("rides a bicycle (3 people)",)
    with known.write() as tx:
        MEMORY.forget_post(tx, receipt(BOB).uri, later(1))
        assert zeitgeist.find(tx) == ()


def test_who_is_known_for_less_than_a_day_is_not_counted(known: Database):
    fresh = "did:plc:carol"
    with known.write() as tx:
        MEMORY.people.meet(tx, fresh, NOW)
    for did in (ALICE, BOB, fresh):
        say(known, Remember("rides a bicycle"), did=did)
    with known.write() as tx:
        assert zeitgeist.find(tx, later(23)) == ()
        assert zeitgeist.find(tx, later(25)) == (("rides a bicycle", 3),)
        MEMORY.people.mark_introduced(tx, fresh, later(10))  # its first post was dated back
        assert zeitgeist.find(tx, later(25)) == ()
        assert zeitgeist.find(tx, later(35)) == (("rides a bicycle", 3),)


def test_nothing_sensitive_is_in_the_zeitgeist(known: Database):
    with known.write() as tx:
        MEMORY.people.meet(tx, "did:plc:carol", NOW)
    for did in (ALICE, BOB, "did:plc:carol"):
        say(known, Remember("is hiv positive"), did=did)
    with known.read() as tx:
        assert zeitgeist.find(tx) == ()


@pytest.fixture
def cyclists(known: Database) -> Database:
    dids = [ALICE, BOB, "did:plc:carol"]
    with known.write() as tx:
        MEMORY.people.meet(tx, dids[2], NOW)
    for did in dids:
        say(known, Remember("rides a bicycle"), did=did)
    return known


def test_who_is_hidden_is_not_counted_in_the_zeitgeist(cyclists: Database):
    with cyclists.write() as tx:
        MEMORY.people.set_status(tx, BOB, "deactivated", NOW)
        assert zeitgeist.find(tx) == ()
        MEMORY.people.set_status(tx, BOB, None, later(1))
        assert zeitgeist.find(tx) == (("rides a bicycle", 3),)


def test_who_denies_inference_is_not_counted_in_the_zeitgeist(cyclists: Database):
    with cyclists.write() as tx:
        MEMORY.denials.put(tx, BOB, Denied(inference=True))
        assert zeitgeist.find(tx) == ()
        MEMORY.denials.put(tx, BOB, Denied(embedding=True))
        assert zeitgeist.find(tx) == (("rides a bicycle", 3),)


def test_zeitgeist_names_nobody_who_ever_spoke_to_the_bot(known: Database):
    dids = [ALICE, BOB, "did:plc:carol"]
    with known.write() as tx:
        MEMORY.people.meet(tx, dids[2], NOW)
        MEMORY.people.rename(tx, BOB, "maria.test", NOW)
        MEMORY.people.rename(tx, BOB, "other.test", later(1))
    for did in dids:
        say(known, Remember("likes maria"), did=did)
    with known.read() as tx:
        assert zeitgeist.find(tx) == ()


@pytest.mark.parametrize(
    "leave",
    [
        lambda tx: MEMORY.erase(tx, BOB),
        lambda tx: MEMORY.forget_post(tx, receipt(BOB).uri, later(1)),
        lambda tx: MEMORY.forget_note(tx, note_of(tx, BOB), actor="operator", at=later(1)),
        lambda tx: MEMORY.edit(tx, note_of(tx, BOB), "walks", actor="operator", at=later(1)),
        lambda tx: MEMORY.rollback(tx, BOB, 0, actor="operator", at=later(1)),
        lambda tx: MEMORY.people.set_status(tx, BOB, "deactivated", later(1)),
    ],
    ids=["erased", "post deleted", "forgotten", "edited", "withdrawn", "hidden"],
)
def test_a_computed_line_goes_in_the_transaction_in_which_its_third_person_leaves(known: Database, leave):
    memory = saying(known, "rides a bicycle", BOB, "did:plc:carol", "did:plc:dave")
    with known.write() as tx:
        assert memory.zeitgeist.lines(tx) == (("rides a bicycle", 3),)
        leave(tx)
        assert memory.zeitgeist.lines(tx) == ()


@pytest.mark.slow
def test_a_computed_line_has_the_number_of_people_who_say_it_now(known: Database):
    dids = [f"did:plc:p{number}" for number in range(MOST_COUNTED - 1)]
    memory = saying(known, "rides a bicycle", *dids)
    with known.write() as tx:
        for left, did in zip(range(len(dids) - 1, 2, -1), dids, strict=False):
            MEMORY.erase(tx, did)
            assert memory.zeitgeist.lines(tx) == (("rides a bicycle", left),)


@pytest.mark.slow
def test_a_line_of_very_many_people_keeps_the_number_it_was_computed_with(known: Database):
    dids = [f"did:plc:p{number}" for number in range(MOST_COUNTED + 2)]
    memory = saying(known, "rides a bicycle", *dids)
    with known.write() as tx:
        MEMORY.erase(tx, dids[0])
        assert memory.zeitgeist.lines(tx) == (("rides a bicycle", MOST_COUNTED + 2),)


def test_a_reading_of_the_zeitgeist_scans_nothing_and_takes_one_statement(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/scrubjay.db")
    db.upgrade()
    memory = saying(db, "rides a bicycle", BOB, "did:plc:carol", "did:plc:dave")
    statements: list[tuple[str, tuple[object, ...]]] = []
    with db.read() as tx:
        event.listen(tx, "before_cursor_execute", lambda *args: statements.append((args[2], args[3])))
        memory.zeitgeist.lines(tx)
        (statement, values) = statements[0]
        plan = [row.detail for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    db.close()
    assert len(statements) == 2  # with the EXPLAIN
    assert [step for step in plan if "SCAN note" in step or "SCAN person" in step or "B-TREE" in step] == []


def saying(db: Database, text: str, *dids: str) -> Memory:
    """A memory whose zeitgeist was computed when these people said it."""
    memory = Memory()
    with db.write() as tx:
        for did in dids:
            memory.people.meet(tx, did, NOW)
    for did in dids:
        say(db, Remember(text), did=did)
    with db.read() as tx:
        memory.zeitgeist.refresh(tx)
    return memory


def note_of(tx: Tx, did: str) -> int:
    return MEMORY.recall(tx, did).notes[0].id


SAYINGS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["likes tea", "Likes tea.", "sings", "rides a bicycle"])),
    max_size=12,
)


@pytest.mark.slow
@ON_A_DATABASE
@given(SAYINGS, st.integers(0, 3))
def test_no_line_of_zeitgeist_has_fewer_than_three_people(db: Database, said, gone: int):
    turn = next(NUMBERS)
    dids = [f"did:plc:z{turn}p{number}" for number in range(4)]
    with db.write() as tx:
        for did in dids:
            MEMORY.people.meet(tx, did, NOW)
    for number, (who, text) in enumerate(said):
        try_to_say(db, dids[who], text, f"s{number}")
    with db.write() as tx:
        MEMORY.erase(tx, dids[gone])
        told = zeitgeist.find(tx)
        for text, people in told:
            holders = {
                did
                for did in dids
                for note in MEMORY.notes(tx, did)
                if note.text.casefold().rstrip(".") == text
            }
            assert len(holders) == people >= 3
        for did in dids:
            MEMORY.erase(tx, did)


def try_to_say(db: Database, did: str, text: str, post: str) -> None:
    said = receipt(did, post)
    with db.write() as tx:
        notes = [note.text for note in MEMORY.recall(tx, did).notes]
        if len(notes) < 10:
            MEMORY.apply(tx, did, [Remember(text)], said, key=said.uri, actor="rules", at=NOW)


@pytest.mark.slow
def test_many_short_transactions_find_what_one_finds(known: Database, monkeypatch):
    for number, text in enumerate(("rides a bicycle", "bakes bread", "likes rain", "sleeps badly")):
        saying(known, text, *(f"did:plc:s{number}x{each}" for each in range(number)))
    monkeypatch.setattr(zeitgeist, "SLICE", 1)
    monkeypatch.setattr(zeitgeist, "GISTS", 1)
    memory, at = Memory(), later(48)
    memory.zeitgeist.refresh_in_slices(known, at)
    with known.read() as tx:
        assert memory.zeitgeist.lines(tx) == zeitgeist.find(tx, at) == (("sleeps badly", 3),)


@pytest.mark.parametrize("slices", [1, 2, 3, 1000])
def test_the_ranges_of_a_refresh_have_every_number_once(slices):
    ranges = list(zeitgeist._ranges(slices))
    assert (ranges[0][0], ranges[-1][1], len(ranges)) == (-(2**63), 2**63 - 1, slices)
    assert all(before[1] + 1 == after[0] for before, after in itertools.pairwise(ranges))
