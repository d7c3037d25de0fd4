"""A whole store has no finding, and each kind of damage has its own."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from support.factory import BEN
from support.harness import REPLY

from bot.backup.invariants import broken
from bot.backup.verifying import verify
from bot.errors import StoreRefused
from bot.storage.presence import sqlite_file
from memory.db import Database

DAMAGE = {
    "UPDATE mention SET state = 'lost'": "every state is known",
    "UPDATE mention SET state = 'waiting'": "an open mention has a time, and no end",
    "UPDATE mention SET ended_at = NULL": "an ended mention has an end, and no time",
    "UPDATE mention SET state = 'posting', due_at = seen_at, ended_at = NULL, worker = NULL": (
        "who works on a mention has a fence"
    ),
    "UPDATE mention SET state = 'waiting', due_at = seen_at, ended_at = NULL": (
        "whose mention waits has a turn"
    ),
    "UPDATE outbox SET posted_at = NULL": "a post that was sent has its key, name and time",
    "UPDATE outbox SET rkey = 'same'": "no two posts have one key",
    "UPDATE outbox SET part = 1": "no part was sent before the one above it",
    "UPDATE note SET superseded_by = 3 - id, valid_to = said_at": (
        "a note that was replaced is replaced by one of the same person"
    ),
    "UPDATE note SET source_cid = ''": "a note has a receipt",
    "UPDATE passage SET did = 'did:plc:ben' WHERE kind = 'note'": "a passage is of the note's person",
}


def wrong(db):
    return [finding.name for finding in verify(db) if finding.ok is False]


def run(db, *statements):
    with db.write() as tx:
        for statement in statements:
            tx.execute(text(statement))


def test_what_a_bot_leaves_is_whole(store):
    store.harness.brain.script = [REPLY]
    store.harness.say(BEN, "this one waits")
    store.harness.erase("did:plc:ana")
    found = list(verify(store.db))
    assert [finding for finding in found if finding.ok is False] == []
    assert {finding.name for finding in found if finding.ok is None} == (
        set() if store.db.is_sqlite else {"integrity", "indexes"}
    )


def test_each_damage_is_found_on_each_database(store):
    found = {}
    for statement in DAMAGE:
        with store.db.write() as tx:
            tx.execute(text(statement))
            found[statement] = [name for name, count in broken(tx) if count]
            tx.rollback()
            tx.begin()
    assert {statement: expected in found[statement] for statement, expected in DAMAGE.items()} == (
        dict.fromkeys(DAMAGE, True)
    )


def test_a_sequence_that_would_give_an_id_twice_is_found(store):
    if store.db.is_sqlite:
        run(store.db, "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'note'")
    else:
        run(store.db, "SELECT setval('note_id_seq', 1)")
    assert wrong(store.db) == ["numbers"]


def test_a_schema_that_is_not_this_versions_is_found(store):
    run(store.db, "DROP INDEX ix_mention_seen_at")
    assert wrong(store.db) == ["schema"]
    run(store.db, "UPDATE alembic_version SET version_num = '0020'")
    assert wrong(store.db) == ["schema"]


def test_a_row_without_the_row_that_it_names_is_found(lite_store):
    lite_store.db.engine.dispose()
    with lite_store.db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("DELETE FROM mention")
    assert "foreign keys" in wrong(lite_store.db)


def test_a_page_that_was_overwritten_is_found_and_nothing_else_is_asked(lite_store):
    lite_store.db.close()
    with sqlite_file(lite_store.db).open("r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xff" * 4096)
    found = list(verify(lite_store.db))
    assert [(finding.name, finding.ok) for finding in found] == [("integrity", False)]


@pytest.mark.parametrize("content", [None, b"no database"])
def test_what_is_no_database_is_told(tmp_path, content):
    if content:
        (tmp_path / "x.db").write_bytes(content)
    db = Database(f"sqlite:///{tmp_path}/x.db")
    assert wrong(db) == ["integrity"]
    assert (tmp_path / "x.db").exists() is bool(content)


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        (
            "UPDATE mention SET fence = 'many' WHERE uri = (SELECT min(uri) FROM mention)",
            "mention.fence (1 rows)",
        ),
        ("UPDATE note SET text = x'00ff'", "note.text"),
        ("UPDATE person SET told_of_memory = 'perhaps'", "person.told_of_memory"),
        ("UPDATE mention SET seen_at = 5", "mention.seen_at"),
    ],
)
def test_a_value_that_is_not_of_its_columns_type_is_found(lite_store, statement, column):
    run(lite_store.db, statement)
    found = {finding.name: finding for finding in verify(lite_store.db)}
    assert (found["values"].ok, column in found["values"].detail) == (False, True)


@pytest.mark.parametrize("value", ["'0000-00-00 00:00:00.000000'", "'yesterday'", "CAST(x'ff41' AS TEXT)"])
def test_a_row_that_cannot_be_read_is_told_by_its_table(lite_store, tmp_path, value):
    run(lite_store.db, f"UPDATE note SET said_at = {value}")
    found = {finding.name: finding for finding in verify(lite_store.db)}
    assert (found["rows"].ok, found["rows"].detail.startswith("a row of note cannot be read")) == (
        False,
        True,
    )
    with pytest.raises(StoreRefused, match="a row of note cannot be read"):
        lite_store.back_up()
