from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import ALICE, BOB, MEMORY, NOW, later, receipt, say
from support.memory_walk import ON_A_DATABASE

from memory import zeitgeist
from memory.model import Remember

if TYPE_CHECKING:
    from memory.db import Database

NUMBERS = itertools.count()


def test_zeitgeist_is_told_while_three_people_say_so(known: Database):
    dids = [ALICE, BOB, "did:plc:carol"]
    with known.write() as tx:
        MEMORY.people.meet(tx, dids[2], NOW)
    for did in dids:
        say(known, Remember("rides a bicycle"), did=did)
    with known.read() as tx:
        assert zeitgeist.find(tx) == (("rides a bicycle", 3),)
    with known.read() as tx:
        known_now = MEMORY.compile(tx, ALICE, "hi", now=later(9), total=4000)
    assert known_now.zeitgeist == ("rides a bicycle (3 people)",)
    with known.write() as tx:
        MEMORY.forget_post(tx, receipt(BOB).uri, later(1))
        assert zeitgeist.find(tx) == ()


def test_who_is_hidden_is_not_counted_in_the_zeitgeist(known: Database):
    dids = [ALICE, BOB, "did:plc:carol"]
    with known.write() as tx:
        MEMORY.people.meet(tx, dids[2], NOW)
    for did in dids:
        say(known, Remember("rides a bicycle"), did=did)
    with known.write() as tx:
        MEMORY.people.set_status(tx, BOB, "deactivated", NOW)
        assert zeitgeist.find(tx) == ()
        MEMORY.people.set_status(tx, BOB, None, later(1))
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


SAYINGS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["likes tea", "Likes tea.", "sings", "rides a bicycle"])),
    max_size=12,
)


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
