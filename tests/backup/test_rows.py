"""Counts and hashes of rows are the same on both databases, and change with any value."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest
from sqlalchemy import insert, text
from support.factory import ANA, NOW

from bot.backup.rows import NONE, summarize
from bot.storage.tables import GapRow, MemoryWishRow, TurnRow
from memory.db import Database
from memory.tables import PassageRow, PersonRow

PERSON = {"did": ANA, "handle": "a\u202e\u00e9\U0001f426", "first_seen": NOW, "last_seen": NOW}
LATER = NOW + timedelta(microseconds=1)
TURN = {
    **dict.fromkeys(("uri", "did", "brain", "model", "persona", "outcome"), "x"),
    "at": NOW,
    "tokens_in": 2**31 - 1,
    "tokens_out": 0,
    "cost": 2**62,
    "took_ms": 0,
}
PASSAGE = {
    "key": -(2**63),
    "thread": 2**63 - 1,
    "at": LATER,
    "did": ANA,
    "kind": "said",
    "source": "s",
    "stems": b"\x00\xff",
    "emb": b"",
    "text": "line\n\ttab",
}


def fill(db, order=1):
    people = [PERSON, {**PERSON, "did": f"{ANA}2", "handle": None, "told_of_memory": False}]
    with db.write() as tx:
        tx.execute(insert(PersonRow), people[::order][:1])
        tx.execute(insert(PersonRow), people[::order][1:])
        tx.execute(insert(MemoryWishRow).values(did=ANA, at=NOW, wanted=True))
        tx.execute(insert(TurnRow).values(TURN))
        tx.execute(insert(PassageRow).values(PASSAGE))
        tx.execute(insert(GapRow).values(host="h", since=None, until=2**40, reason="", at=NOW))


def summary(db):
    with db.read() as tx:
        return summarize(tx)


def test_the_same_rows_have_the_same_hash_on_sqlite_and_postgres(lite, postgres):
    one, other = lite, Database(postgres())
    fill(one)
    fill(other, order=-1)
    found = summary(one), summary(other)
    other.close()
    assert found[0] == found[1]
    assert {name: rows.count for name, rows in found[0].items() if rows.count} == {
        "person": 2,
        "memory_wish": 1,
        "turn": 1,
        "passage": 1,
        "gap": 1,
    }


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE person SET handle = NULL",
        "UPDATE person SET handle = handle || ' '",
        "UPDATE memory_wish SET wanted = NOT wanted",
        "UPDATE passage SET emb = NULL",
        "UPDATE passage SET stems = text",
        "UPDATE gap SET until = until + 1",
        "UPDATE turn SET reply = ''",
        "DELETE FROM gap",
    ],
)
def test_a_value_that_changes_changes_the_hash_of_its_table_alone(lite, change):
    db = lite
    fill(db)
    before = summary(db)
    with db.write() as tx:
        tx.execute(text(change))
    after = summary(db)
    assert [name for name in before if before[name] != after[name]] == [
        change.split()[2 if "DELETE" in change else 1]
    ]


def test_a_row_that_is_there_twice_is_not_a_row_that_is_missing(lite):
    """A sum, unlike an exclusive or, does not cancel out what is there twice."""
    db = lite
    with db.write() as tx:
        tx.exec_driver_sql("CREATE TABLE twice (a)")
        tx.exec_driver_sql("INSERT INTO twice VALUES (1), (1)")
    assert summary(db)["twice"].hash != NONE.hash


def test_a_time_is_hashed_in_utc_to_the_microsecond(lite):
    db, elsewhere = lite, timezone(timedelta(hours=5))
    found = []
    for at in (NOW, NOW.astimezone(elsewhere), LATER):
        with db.write() as tx:
            tx.execute(text("DELETE FROM memory_wish"))
            tx.execute(insert(MemoryWishRow).values(did=ANA, at=at, wanted=True))
        found.append(summary(db)["memory_wish"])
    assert found[0] == found[1] != found[2]


def test_on_postgres_a_time_is_hashed_in_utc_whatever_the_zone_of_the_session(postgres):
    db, found = Database(postgres()), []
    fill(db)
    for zone in ("UTC", "Asia/Tokyo"):
        with db.read() as tx:
            tx.exec_driver_sql(f"SET LOCAL TIME ZONE '{zone}'")
            found.append(summarize(tx))
    db.close()
    assert found[0] == found[1]


def test_what_is_left_out_counts_as_empty(lite):
    db = lite
    fill(db)
    with db.read() as tx:
        assert summarize(tx, {"turn"})["turn"] == NONE
