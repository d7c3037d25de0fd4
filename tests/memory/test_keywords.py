from __future__ import annotations

from typing import TYPE_CHECKING

from support.memory_people import ALICE, BOB, MEMORY, say

from memory.model import Remember, Revise

if TYPE_CHECKING:
    from memory.db import Database


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
