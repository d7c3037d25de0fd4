from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.memory_people import ALICE, BOB, MEMORY, NOW, later, receipt, say

from memory.model import Passage, Remember, Revise

if TYPE_CHECKING:
    from memory.db import Database


@pytest.fixture
def filled(known: Database) -> Database:
    """A database with two handles, three notes, a further receipt and two exchanges of Alice."""
    (bonn,) = say(known, Remember("lives in Bonn"))
    say(known, Revise(bonn.id, "lives in Oslo"), Remember("likes tea"), post="p2", hours=1)
    say(known, Remember("likes tea"), post="p3", hours=2)
    with known.write() as tx:
        MEMORY.people.rename(tx, ALICE, "alice.example", NOW)
        MEMORY.people.rename(tx, ALICE, "alice.test", later(1))
        for post, hours in (("p9", 9), ("p4", 4)):  # an exchange may be heard late
            uri = receipt(post=post).uri
            said = Passage(ALICE, "said", ALICE, f"hello on {post}", 1, uri, later(hours), lang="en")
            MEMORY.retrieval.record(tx, said, replace(said, kind="answer", author=BOB, text="hi"))
    return known
