from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from support.memory_people import ALICE, BOB, MEMORY, NOW, everything, later, receipt, say, texts
from support.memory_walk import ON_A_DATABASE, STEPS, walk

from memory.errors import ImportRefused
from memory.model import Passage, Remember, Revise

if TYPE_CHECKING:
    from memory.db import Database

NUMBERS = itertools.count()


@pytest.fixture
def told(known: Database) -> Database:
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


def exported(db: Database, did: str = ALICE) -> str:
    with db.read() as tx:
        return json.dumps(MEMORY.export(tx, did))


def taken_in(db: Database, document: str) -> bool:
    with db.write() as tx:
        return MEMORY.import_(tx, document)


def erase(db: Database, did: str = ALICE) -> None:
    with db.write() as tx:
        MEMORY.erase(tx, did)


def test_what_was_exported_is_imported_as_it_was(told: Database):
    before = exported(told)
    erase(told)
    assert taken_in(told, before)
    assert exported(told) == before
    assert texts(told) == ["lives in Oslo", "likes tea"]


def test_notes_and_exchanges_keep_the_order_in_which_they_were_written(told: Database):
    say(told, Remember("has a dog"), post="p0", hours=-5)
    document = json.loads(exported(told))
    assert [note["text"] for note in document["notes"]][-1] == "has a dog"
    assert [passage["uri"][-2:] for passage in document["passages"]] == ["p9", "p9", "p4", "p4"]
    erase(told)
    taken_in(told, json.dumps(document))
    assert json.loads(exported(told)) == document


def test_what_was_taken_in_is_found(told: Database):
    document = exported(told)
    erase(told)
    taken_in(told, document)
    with told.read() as tx:
        found = MEMORY.retrieval.find(tx, ALICE, "tea, Oslo, hello", now=later(99))
        assert {hit.text for hit in found} >= {"likes tea", "lives in Oslo", "hello on p9"}
        handles = [handle for _, handle in MEMORY.people.handles(tx, ALICE)]
    assert handles == ["alice.example", "alice.test"]


def test_what_the_bot_adds_to_a_document_makes_it_no_other_memory(told: Database):
    document = json.loads(exported(told)) | {"mentions": [{"uri": "x"}], "turns": [{"id": 1}]}
    assert not taken_in(told, json.dumps(document))
    erase(told)
    assert taken_in(told, json.dumps(document))
    assert not taken_in(told, json.dumps(document))


def test_times_of_any_zone_are_the_same_times(told: Database):
    document = exported(told)
    erase(told)
    assert taken_in(told, document.replace("T12:00:00+00:00", "T14:00:00+02:00"))
    assert exported(told) == document


def test_a_history_that_names_an_erased_note_only_as_replaced_is_carried(told: Database):
    document = json.loads(exported(told))
    document["notes"][1]["replaces"] = None
    del document["notes"][0], document["revisions"][0]
    erase(told)
    taken_in(told, json.dumps(document))
    once = exported(told)
    erase(told)
    taken_in(told, once)
    assert exported(told) == once
    assert json.loads(once)["revisions"][0]["replaces"] == 1


def test_an_import_repeated_changes_nothing(told: Database):
    before, document = everything(told), exported(told)
    assert not taken_in(told, document)
    assert everything(told) == before


def test_an_exchange_is_known_again_after_an_import(told: Database):
    document = exported(told)
    erase(told)
    taken_in(told, document)
    say(told, Remember("likes tea"), post="p3", hours=2)
    assert exported(told) == document


def test_a_person_with_another_memory_is_left_alone(told: Database):
    document = exported(told)
    say(told, Remember("has a dog"), post="p9", hours=3)
    before = everything(told)
    with pytest.raises(ImportRefused, match="known here, with another memory"):
        taken_in(told, document)
    assert everything(told) == before


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


def without(key: str):
    def change(doc):
        del doc["notes"][0][key]

    return change


@pytest.mark.parametrize(
    ("change", "told_as"),
    [
        (lambda doc: doc.update(version=2), "version: Input should be 1"),
        (lambda doc: doc.update(format="other"), "format: Input should be 'scrubjay-memory'"),
        (lambda doc: doc.update(more=1), "more: Extra inputs"),
        (lambda doc: doc["person"].update(did="alice"), "person.did: String should match"),
        (lambda doc: doc["person"].update(last_seen="2026-03-01T12:00:00"), "Input should have timezone"),
        (lambda doc: doc["person"].update(handle="Alice"), "should be a handle"),
        (lambda doc: doc["notes"][0].update(did=BOB), r"notes\[0\].did: is about somebody else"),
        (lambda doc: doc["revisions"][1].update(did=BOB), r"revisions\[1\].did: is about somebody else"),
        (lambda doc: doc["notes"][1]["receipt"].update(uri="at://x"), r"notes\[1\]: a receipt is not"),
        (lambda doc: doc["notes"][2]["also"][0].update(said_by=BOB), r"notes\[2\]: a receipt is not"),
        (without("receipt"), r"notes\[0\].receipt: Field required"),
        (lambda doc: doc["notes"][0].update(text="a\nb"), "should be one line"),
        (lambda doc: doc["notes"][0].update(text="x" * 2001), "at most 2000 characters"),
        (lambda doc: doc["notes"][0].update(superseded_by=3), "is no later note that replaced it"),
        (lambda doc: doc["notes"][1].update(replaces=2), "is no note that it replaced"),
        (lambda doc: doc["notes"][0].update(valid_to=None), "valid_to: should be there if"),
        (lambda doc: doc["notes"].append(doc["notes"][0]), "notes: their ids should only grow"),
        (lambda doc: doc["notes"].insert(1, doc["notes"][0]), "notes: their ids should only grow"),
        (lambda doc: doc["passages"][0].update(uri="at://x"), r"passages\[0\]: is no exchange with"),
        (lambda doc: doc["passages"][0].update(author=BOB), r"passages\[0\]: is no exchange with"),
        (lambda doc: doc["passages"][1].update(kind="note"), r"passages\[1\].kind: should be said or answer"),
        (lambda doc: doc["passages"].append(doc["passages"][1]), "a post may stand there once, and once its"),
        (lambda doc: doc["revisions"][1].update(key=doc["revisions"][0]["key"]), "a key may stand there"),
        (lambda doc: doc["person"].update(first_seen="0001-01-01T00:00:00+14:00"), "a time that UTC has"),
        (lambda doc: doc["revisions"][0].update(key="edit#1"), "none may be like ours"),
        (lambda doc: doc["revisions"][0].update(actor="\x00"), "should hold no NUL"),
        (lambda doc: doc["revisions"][0].update(op="invent"), r"revisions\[0\].op"),
    ],
)  # fmt: skip
def test_what_is_malformed_or_foreign_is_refused_by_name_and_changes_nothing(told: Database, change, told_as):
    document = json.loads(exported(told))
    erase(told)
    before = everything(told)
    change(document)
    with pytest.raises(ImportRefused, match=told_as):
        taken_in(told, json.dumps(document))
    assert everything(told) == before


def test_an_edit_that_was_made_on_somebody_else_is_not_imported(told: Database):
    say(told, Remember("likes tea"), did=BOB, key="theirs")
    document = json.loads(exported(told))
    document["revisions"][0]["key"] = "theirs#0"
    erase(told)
    with pytest.raises(ImportRefused, match="somebody else's memory"):
        taken_in(told, json.dumps(document))
