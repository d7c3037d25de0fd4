from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.memory_people import ALICE, BOB, MEMORY

from memory.errors import ImportRefused
from memory.transfer.document import read

if TYPE_CHECKING:
    from memory.db import Database


def without(key: str):
    def change(doc):
        del doc["notes"][0][key]

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
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
def test_what_is_malformed_or_foreign_is_refused_by_name(filled: Database, change, reason):
    with filled.read() as tx:
        document = json.loads(json.dumps(MEMORY.export(tx, ALICE)))
    change(document)
    with pytest.raises(ImportRefused, match=reason):
        read(json.dumps(document))
