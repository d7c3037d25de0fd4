from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from support.memory_people import ALICE, BOB, MEMORY, everything, later, say, texts
from support.memory_walk import ON_A_DATABASE, STEPS, walk

from memory.errors import ImportRefused
from memory.model import Remember

if TYPE_CHECKING:
    from memory.db import Database

NUMBERS = itertools.count()


def exported(db: Database, did: str = ALICE) -> str:
    with db.read() as tx:
        return json.dumps(MEMORY.export(tx, did))


def imported(db: Database, document: str) -> bool:
    with db.write() as tx:
        return MEMORY.import_(tx, document)


def erase(db: Database, did: str = ALICE) -> None:
    with db.write() as tx:
        MEMORY.erase(tx, did)


def test_what_was_exported_is_imported_as_it_was(filled: Database):
    before = exported(filled)
    erase(filled)
    assert imported(filled, before)
    assert exported(filled) == before
    assert texts(filled) == ["lives in Oslo", "likes tea"]


def test_notes_and_exchanges_keep_the_order_in_which_they_were_written(filled: Database):
    say(filled, Remember("has a dog"), post="p0", hours=-5)
    document = json.loads(exported(filled))
    assert [note["text"] for note in document["notes"]][-1] == "has a dog"
    assert [passage["uri"][-2:] for passage in document["passages"]] == ["p9", "p9", "p4", "p4"]
    erase(filled)
    imported(filled, json.dumps(document))
    assert json.loads(exported(filled)) == document


def test_what_was_taken_in_is_found(filled: Database):
    document = exported(filled)
    erase(filled)
    imported(filled, document)
    with filled.read() as tx:
        found = MEMORY.retrieval.find(tx, ALICE, "tea, Oslo, hello", now=later(99))
        assert {hit.text for hit in found} >= {"likes tea", "lives in Oslo", "hello on p9"}
        handles = [handle for _, handle in MEMORY.people.handles(tx, ALICE)]
    assert handles == ["alice.example", "alice.test"]


def test_what_the_bot_adds_to_a_document_makes_it_no_other_memory(filled: Database):
    document = json.loads(exported(filled)) | {"mentions": [{"uri": "x"}], "turns": [{"id": 1}]}
    assert not imported(filled, json.dumps(document))
    erase(filled)
    assert imported(filled, json.dumps(document))
    assert not imported(filled, json.dumps(document))


def test_times_of_any_zone_are_the_same_times(filled: Database):
    document = exported(filled)
    erase(filled)
    assert imported(filled, document.replace("T12:00:00+00:00", "T14:00:00+02:00"))
    assert exported(filled) == document


def test_a_history_that_names_an_erased_note_only_as_replaced_is_carried(filled: Database):
    document = json.loads(exported(filled))
    document["notes"][1]["replaces"] = None
    del document["notes"][0], document["revisions"][0]
    erase(filled)
    imported(filled, json.dumps(document))
    once = exported(filled)
    erase(filled)
    imported(filled, once)
    assert exported(filled) == once
    assert json.loads(once)["revisions"][0]["replaces"] == 1


def test_an_import_repeated_changes_nothing(filled: Database):
    before, document = everything(filled), exported(filled)
    assert not imported(filled, document)
    assert everything(filled) == before


def test_an_exchange_is_known_again_after_an_import(filled: Database):
    document = exported(filled)
    erase(filled)
    imported(filled, document)
    say(filled, Remember("likes tea"), post="p3", hours=2)
    assert exported(filled) == document


def test_a_person_with_another_memory_is_left_alone(filled: Database):
    document = exported(filled)
    say(filled, Remember("has a dog"), post="p9", hours=3)
    before = everything(filled)
    with pytest.raises(ImportRefused, match="known here, with another memory"):
        imported(filled, document)
    assert everything(filled) == before


@pytest.mark.slow
@ON_A_DATABASE
@given(STEPS)
def test_export_then_import_is_the_identity_and_twice_is_once(db: Database, steps):
    did = f"did:plc:carried{next(NUMBERS)}"
    with db.write() as tx:
        walk(tx, did, steps)
        document = json.dumps(MEMORY.export(tx, did))
        MEMORY.erase(tx, did)
        assert MEMORY.import_(tx, document)
        assert not MEMORY.import_(tx, document)
        assert json.dumps(MEMORY.export(tx, did)) == document
        active = {note.id for note in MEMORY.recall(tx, did).notes}
        assert {note.id for note in MEMORY.notes_at(tx, did, later(99))} == active
        assert MEMORY.erase(tx, did) > 0


def test_an_edit_that_was_made_on_somebody_else_is_not_imported(filled: Database):
    say(filled, Remember("likes tea"), did=BOB, key="theirs")
    document = json.loads(exported(filled))
    document["revisions"][0]["key"] = "theirs#0"
    erase(filled)
    with pytest.raises(ImportRefused, match="somebody else's memory"):
        imported(filled, json.dumps(document))


def test_a_document_that_is_refused_changes_nothing(filled: Database):
    document = json.loads(exported(filled))
    document["notes"][0]["text"] = "two\nlines"
    erase(filled)
    before = everything(filled)
    with pytest.raises(ImportRefused, match="should be one line"):
        imported(filled, json.dumps(document))
    assert everything(filled) == before
