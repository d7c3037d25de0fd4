from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.memory_people import ALICE, BOB, MEMORY, NOW, later, receipt, say

from memory.errors import EditRefused, UnknownNote
from memory.model import Remember, Revise
from memory.rows import notes as rows

if TYPE_CHECKING:
    from memory.db import Database


def test_a_correction_supersedes_and_keeps_the_receipt(known: Database):
    (old,) = say(known, Remember("lives in Bon"))
    with known.write() as tx:
        new = MEMORY.edit(tx, old.id, "lives in Bonn", actor="operator", at=later(2))
        assert new == replace(old, id=new.id, text="lives in Bonn", written_at=later(2), replaces=old.id)
        assert MEMORY.note(tx, new.id) == new


def test_only_the_note_that_holds_can_be_corrected(known: Database):
    (old,) = say(known, Remember("lives in Bon"))
    with known.write() as tx:
        new = MEMORY.edit(tx, old.id, "lives in Bonn", actor="operator", at=NOW)
        with pytest.raises(EditRefused, match=f"{old.name} was replaced by {new.name}"):
            MEMORY.edit(tx, old.id, "x", actor="operator", at=NOW)
        with pytest.raises(EditRefused, match="empty"):
            MEMORY.edit(tx, new.id, " ", actor="operator", at=NOW)


@pytest.mark.parametrize("note_id", [0, -1, 999, 10**12, 10**30])
def test_a_note_that_is_not_there_is_told_by_name(known: Database, note_id: int):
    with known.write() as tx:
        for attempt in (
            lambda: MEMORY.note(tx, note_id),
            lambda: MEMORY.chain(tx, note_id),
            lambda: MEMORY.edit(tx, note_id, "x", actor="operator", at=NOW),
            lambda: MEMORY.forget_note(tx, note_id, actor="operator", at=NOW),
        ):
            with pytest.raises(UnknownNote, match=f"n{note_id}"):
                attempt()


def test_history_tells_every_edit_who_made_it_and_why(known: Database):
    (note,) = say(known, Remember("a"))
    say(known, Revise(note.id, "b"), post="p2", hours=1)
    with known.write() as tx:
        (new,) = MEMORY.recall(tx, ALICE).notes
        MEMORY.edit(tx, new.id, "c", actor="operator", at=later(2))
        told = [
            (each.op, each.before, each.after, each.actor, each.source_uri, each.at)
            for each in MEMORY.history(tx, ALICE)
        ]
    assert told == [
        ("remember", None, "a", "rules", receipt(post="p1").uri, NOW),
        ("revise", "a", "b", "rules", receipt(post="p2").uri, later(1)),
        ("revise", "b", "c", "operator", None, later(2)),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_all_notes_are_read_whatever_is_read_at_once(known: Database, monkeypatch, size: int):
    monkeypatch.setattr(rows, "SLICE", size)
    for did, text in ((ALICE, "a"), (BOB, "b"), (ALICE, "c")):
        say(known, Remember(text), did=did, post=text)
    with known.read() as tx:
        assert [note.text for note in MEMORY.all_notes(tx)] == ["a", "b", "c"]


def test_an_export_is_json_and_holds_every_row(known: Database):
    (note,) = say(known, Remember("lives in Bonn"))
    say(known, Revise(note.id, "lives in Oslo"), post="p2", hours=1)
    with known.write() as tx:
        MEMORY.people.rename(tx, ALICE, "alice.test", NOW)
        export = json.loads(json.dumps(MEMORY.export(tx, ALICE)))
    assert export["person"]["handle"] == "alice.test"
    assert export["handles"] == [{"since": "2026-03-01T12:00:00+00:00", "handle": "alice.test"}]
    assert [each["text"] for each in export["notes"]] == ["lives in Bonn", "lives in Oslo"]
    assert export["notes"][1]["receipt"] == {
        "uri": receipt(post="p2").uri, "cid": "bafyp2", "said_by": ALICE,
        "said_at": "2026-03-01T13:00:00+00:00",
    }  # fmt: skip
    assert [each["op"] for each in export["revisions"]] == ["remember", "revise"]
