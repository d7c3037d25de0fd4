"""A store moves from SQLite to PostgreSQL whole, or the move goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from support.factory import ANA, BEN, NOW
from support.forgetting import forget_me
from support.harness import Harness

from bot.backup import moving
from bot.backup.rows import summarize
from bot.backup.verifying import verify
from bot.errors import StoreRefused
from bot.storage import presence
from bot.storage.tables import GapRow, TurnRow
from memory.db import Database
from memory.tables import NoteRow

ROOT = Path(__file__).parents[2]
TURN = dict.fromkeys(("uri", "did", "brain", "model", "persona", "outcome"), "x")
TURN |= {"at": NOW, "tokens_in": 0, "tokens_out": 0, "took_ms": 0}


@pytest.fixture
def target(postgres):
    """An empty database, as createdb makes it."""
    url = postgres()
    db = Database(url)
    with db.write() as tx:
        tx.exec_driver_sql("DROP SCHEMA public CASCADE")
        tx.exec_driver_sql("CREATE SCHEMA public")
    db.engine.dispose()
    yield db
    db.close()
    postgres.drop(url)


def move(store, target):
    target.engine.dispose()
    return list(moving.move(store.db, target, store.site.journal, store.harness.clock))


def summary(db):
    with db.read() as tx:
        return {name: rows for name, rows in summarize(tx).items() if name not in moving.SHARED}


def refused(store, target, match):
    before = summary(store.db)
    with pytest.raises(StoreRefused, match=match):
        move(store, target)
    assert (summary(store.db), presence.moved_to(store.db)) == (before, None)


def add_turns(db, count):
    with db.write() as tx:
        tx.execute(insert(TurnRow), [{**TURN, "reply": f"turn {number}"} for number in range(count)])


def test_all_rows_are_there_and_the_bot_goes_on(lite_store, target):
    forget_me(lite_store.harness)
    before = summary(lite_store.db)
    steps = move(lite_store, target)
    assert (summary(lite_store.db), summary(target)) == (before, before)
    assert {step.table for step in steps} == {*before}
    assert [finding for finding in verify(target) if finding.ok is False] == []
    again = Harness(target, lite_store.folder, lite_store.harness.brain, network=lite_store.harness.network)
    again.clock.now = lite_store.harness.clock.now
    ref = again.say(BEN, "I like tea")
    again.work()
    assert (again.outcome(ref)[0], len(again.replies(ref))) == ("answered", 1)
    again.handle(lite_store.harness.ana)
    again.work()
    assert len(again.replies(lite_store.harness.ana)) == 1


def test_ids_go_on_after_the_last_that_was_given_though_its_row_is_gone(lite_store, target):
    with lite_store.db.write() as tx:
        last = max(tx.scalars(select(NoteRow.id)))
        tx.execute(text("DELETE FROM note WHERE id = :last"), {"last": last})
        tx.execute(insert(GapRow).values(host="h", reason="r", at=NOW))
    move(lite_store, target)
    with target.write() as tx:
        note = tx.scalar(text("SELECT nextval(pg_get_serial_sequence('note', 'id'))"))
        gap = tx.scalar(insert(GapRow).values(host="i", reason="r", at=NOW).returning(GapRow.id))
    assert (note, gap) == (last + 1, 2)


def test_the_journal_is_in_the_new_database_for_the_other_machines(lite_store, target, tmp_path):
    lite_store.harness.erase(ANA)
    move(lite_store, target)
    other = Harness(target, tmp_path / "another machine")
    with target.read() as tx:
        assert other.services.journal.erased_at(ANA, tx) == lite_store.harness.clock()


def test_no_daemon_starts_on_a_store_that_was_moved_and_it_is_not_moved_twice(lite_store, target):
    move(lite_store, target)
    with pytest.raises(StoreRefused, match="was moved to postgresql"):
        presence.refuse_moved(lite_store.db)
    presence.refuse_moved(target)
    with pytest.raises(StoreRefused, match="moved already"):
        move(lite_store, target)


def test_a_target_with_other_data_is_refused_and_left_alone(lite_store, target):
    with target.write() as tx:
        tx.exec_driver_sql("CREATE TABLE birds (name text)")
    refused(lite_store, target, "other data, in birds")
    with target.read() as tx:
        assert tx.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all() == [
            "birds"
        ]


def test_what_litestream_keeps_beside_the_tables_stays_behind(lite_store, target):
    with lite_store.db.write() as tx:
        tx.exec_driver_sql("CREATE TABLE _litestream_lock (id INTEGER)")
        tx.exec_driver_sql("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
        tx.exec_driver_sql("INSERT INTO _litestream_seq VALUES (1, 7)")
    assert [finding for finding in verify(lite_store.db) if finding.ok is False] == []
    before = summary(lite_store.db)
    move(lite_store, target)
    assert summary(target) == before
    assert [finding for finding in verify(target) if finding.ok is False] == []


def test_another_bots_database_is_refused(lite_store, shared_store):
    refused(lite_store, shared_store.db, "holds other data")


def test_a_move_in_the_wrong_direction_is_refused(lite_store, shared_store, tmp_path):
    for source, target in ((shared_store, lite_store.db), (lite_store, lite_store.db)):
        with pytest.raises(StoreRefused, match="from SQLite"):
            move(source, target)


def test_while_a_daemon_runs_nothing_is_moved(lite_store, target):
    with closing(presence.claim(lite_store.db)):
        refused(lite_store, target, "a daemon runs")


def test_no_daemon_starts_on_half_a_database(lite_store, target):
    steps = moving.move(lite_store.db, target, lite_store.site.journal, lite_store.harness.clock)
    next(steps)
    with pytest.raises(StoreRefused, match="not finished"):
        presence.refuse_moved(target)
    steps.close()


def test_what_is_written_to_the_source_meanwhile_is_not_lost(lite_store, target):
    steps = moving.move(lite_store.db, target, lite_store.site.journal, lite_store.harness.clock)
    next(steps)
    add_turns(Database(str(lite_store.db.engine.url)), 1)
    with pytest.raises(StoreRefused, match="wrote to it meanwhile"):
        list(steps)
    move(lite_store, target)
    assert summary(target) == summary(lite_store.db)


def test_what_is_written_while_the_rows_are_compared_is_not_lost(lite_store, target, monkeypatch):
    read = moving.summarize

    def read_while_another_writes(tx):
        found = read(tx)
        if tx.dialect.name == "postgresql" and "note" in found:
            add_turns(Database(str(lite_store.db.engine.url)), 1)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(moving, "summarize", read_while_another_writes)
        with pytest.raises(StoreRefused, match="wrote to it meanwhile"):
            move(lite_store, target)
    move(lite_store, target)
    assert summary(target) == summary(lite_store.db)


def test_a_row_that_postgres_does_not_take_is_named_and_nothing_is_marked_as_moved(lite_store, target):
    with lite_store.db.write() as tx:
        tx.execute(insert(TurnRow).values(TURN | {"reply": "a\0b"}))
    refused(lite_store, target, r"does not take a row of turn.*NUL")


def test_rows_that_are_not_those_of_the_source_are_refused_and_brought_anew(lite_store, target, monkeypatch):
    values = moving._values

    def changed(row):
        return values(row) | ({"text": "lives in Porto"} if "source_cid" in row._mapping else {})

    with monkeypatch.context() as patched:
        patched.setattr(moving, "_values", changed)
        refused(lite_store, target, "not what stands in the source: note")
    move(lite_store, target)
    assert summary(target) == summary(lite_store.db)


def test_a_move_that_is_stopped_goes_on_and_one_whose_source_changed_begins_anew(
    lite_store, target, monkeypatch
):
    monkeypatch.setattr(moving, "BATCH", 10)
    add_turns(lite_store.db, 50)

    def stop_at(rows):
        target.engine.dispose()
        steps = moving.move(lite_store.db, target, lite_store.site.journal, lite_store.harness.clock)
        began = next(step for step in steps if step.table == "turn").copied
        next(step for step in steps if step.copied >= rows)
        steps.close()
        return began

    found = [stop_at(20), stop_at(40)]
    add_turns(lite_store.db, 1)
    found.append(stop_at(20))
    move(lite_store, target)
    assert found == [0, 20, 0]
    assert summary(target) == summary(lite_store.db)


@pytest.mark.slow
def test_a_move_that_is_killed_is_finished_by_the_next_one(lite_store, target, tmp_path):
    add_turns(lite_store.db, 30_000)
    url = target.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCRUBJAY_DATA_DIR": str(lite_store.folder)}
    command = [sys.executable, "-m", "bot", "db", "move", "--to", url]
    lite_store.db.engine.dispose()
    first = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    first.stderr.readline()  # the first table: from here on it looks at nobody's session
    while not (0 < (reached := copied(target)) < 30_000):
        assert first.poll() is None, first.communicate()
        time.sleep(0.02)
    first.kill()
    first.communicate()
    target.engine.dispose()
    kept = copied(target)
    target.engine.dispose()
    again = subprocess.run(
        command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False
    )
    assert (first.returncode, again.returncode) == (-signal.SIGKILL, 0), again.stderr
    assert reached <= kept < 30_000
    assert summary(target) == summary(lite_store.db)


def copied(db):
    """How many turns are there, as the move has noted it."""
    with db.read() as tx:
        if not presence.is_moving(tx):
            return 0
        return tx.scalar(text("SELECT copied FROM moving WHERE name = 'turn'")) or 0
