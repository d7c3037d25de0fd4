"""Backups are made while others write, are whole or not there, and have no secret."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from support.factory import NOW

from bot.backup import making, manifest, postgres
from bot.errors import StoreRefused
from bot.storage import sessions
from memory import crash
from memory.db import Database

SESSION = b"zebra-refresh-token"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_is_for_its_owner_only_and_has_its_manifest_beside_it(store):
    made = store.back_up()
    assert names(store.file.parent) == ["one", "one.json"]
    assert {path.stat().st_mode & 0o777 for path in store.file.parent.iterdir()} == {0o600}
    assert manifest.read(store.file) == made
    assert (made.size, made.sha256) == (store.file.stat().st_size, manifest.digest(store.file))
    assert (made.contents.tables["note"].count, made.contents.bot) == (2, store.harness.network.did)


def test_a_file_that_is_there_is_not_written_over(store):
    store.back_up()
    before = store.file.read_bytes()
    with pytest.raises(StoreRefused, match="exists already"):
        store.back_up()
    assert store.file.read_bytes() == before


def test_a_file_that_has_the_name_of_the_manifest_is_not_written_over(store):
    other = manifest.path_of(store.file)
    other.parent.mkdir()
    other.write_text("[1, 2, 3]")
    with pytest.raises(StoreRefused, match=r"one\.json is no manifest of a backup"):
        store.back_up()
    assert (names(other.parent), other.read_text()) == (["one.json"], "[1, 2, 3]")


def test_the_accounts_session_is_in_no_backup(store):
    with store.db.write() as tx:
        sessions.save(tx, "jay.test", SESSION.decode(), NOW)
    made = store.back_up()
    postgres_text = b""
    if not store.db.is_sqlite:
        postgres_text = subprocess.run(
            [postgres.find_tool(store.db, "pg_restore"), "--file=-", str(store.file)],
            capture_output=True,
            check=True,
        ).stdout
        assert b"COPY public.note " in postgres_text
    assert SESSION not in store.file.read_bytes() + postgres_text
    assert made.contents.tables["session"].count == 0


def test_a_database_that_is_not_there_or_empty_has_no_backup_and_is_not_made(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(StoreRefused, match="nothing to back up"):
        making.make(db, tmp_path / "copy", NOW)
    assert names(tmp_path) == []


def test_a_copy_under_load_holds_up_no_writer_and_is_one_moment(lite, tmp_path):
    """Pairs are written in one transaction each: a copy of one moment has none by itself."""
    db, stop, written = lite, threading.Event(), []
    with db.write() as tx:
        tx.exec_driver_sql("CREATE TABLE pair (a, filling)")
        tx.exec_driver_sql("CREATE TABLE other (a)")
        tx.execute(text("INSERT INTO pair VALUES (-1, :x)"), [{"x": os.urandom(9000)} for _ in range(2000)])

    def write():
        while not stop.is_set():
            with db.write() as tx:
                tx.exec_driver_sql(f"INSERT INTO pair VALUES ({len(written)}, '')")
                tx.exec_driver_sql(f"INSERT INTO other VALUES ({len(written)})")
            written.append(None)

    steps = []

    def slow(done, _all):
        """The writer gets in between two steps."""
        before = len(written)
        while len(written) == before:
            pass
        steps.append(done)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        making.make(db, tmp_path / "copy", NOW, slow)
    finally:
        stop.set()
        writer.join()
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        pairs = copy.execute("SELECT count(*) FROM pair WHERE a >= 0").fetchone()
        assert pairs == copy.execute("SELECT count(*) FROM other").fetchone()
    assert len(steps) > 5
    assert steps == sorted(steps)  # it never began anew
    assert len(written) >= len(steps)
    assert names(tmp_path) == ["copy", "copy.json"]


def test_a_damaged_database_gives_no_backup(lite, tmp_path):
    db = lite
    with db.write() as tx:
        tx.exec_driver_sql("CREATE TABLE t (a)")
        tx.exec_driver_sql("CREATE INDEX i ON t (a)")
        tx.exec_driver_sql("INSERT INTO t VALUES (1), (2)")
        tx.exec_driver_sql("PRAGMA writable_schema=ON")
        tx.exec_driver_sql(
            "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t (a) WHERE a > 1' WHERE name = 'i'"
        )
    db.close()
    with pytest.raises(StoreRefused, match="damaged"):
        making.make(db, tmp_path / "copy", NOW)
    assert names(tmp_path) == []


@contextmanager
def files_of_at_most(size):
    """What writes more to a file fails, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_backup_that_does_not_fit_is_told_and_leaves_nothing(lite_store, share):
    whole = lite_store.back_up().size
    lite_store.file.unlink()
    manifest.path_of(lite_store.file).unlink()
    with files_of_at_most(int(whole * share)), pytest.raises(StoreRefused, match="cannot be written"):
        lite_store.back_up()
    assert names(lite_store.file.parent) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes nobody's files")
def test_a_folder_that_takes_no_file_is_told(lite_store):
    with pytest.raises(StoreRefused, match="cannot be written"):
        making.make(lite_store.db, Path("/proc/one"), NOW)


def test_what_another_backup_of_the_name_has_begun_is_neither_named_nor_removed(store, monkeypatch):
    partial, copy = store.file.with_name("one.partial"), making._copy

    def copy_and_let_another_begin(*args):
        contents = copy(*args)
        partial.unlink()
        partial.write_text("another's")
        return contents

    monkeypatch.setattr(making, "_copy", copy_and_let_another_begin)
    with pytest.raises(StoreRefused, match="begun anew by another backup"):
        store.back_up()
    assert (names(partial.parent), partial.read_text()) == (["one.partial"], "another's")


@pytest.mark.slow
def test_a_backup_that_is_killed_leaves_no_file_and_the_next_one_is_whole(migrated, tmp_path):
    url = f"sqlite:///{migrated}"
    command = [sys.executable, "-m", "bot", "db", "backup", str(tmp_path / "copy")]
    environment = {**os.environ, "SCRUBJAY_DATABASE_URL": url, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run(
        command, env=environment | {crash.VARIABLE: "backup"}, capture_output=True, check=False, cwd=tmp_path
    )
    assert (killed.returncode, names(tmp_path)) == (-signal.SIGKILL, ["copy.partial"])
    again = subprocess.run(command, env=environment, capture_output=True, check=False, cwd=tmp_path)
    assert (again.returncode, names(tmp_path)) == (0, ["copy", "copy.json"])


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2}', "{", '"\\ud800"'])
def test_what_is_no_manifest_is_told(tmp_path, content):
    (tmp_path / "copy").write_bytes(b"SQLite format 3\0")
    (tmp_path / "copy.json").write_text(content)
    with pytest.raises(StoreRefused, match="is no manifest"):
        manifest.read(tmp_path / "copy")


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
)
def test_a_manifest_of_a_time_that_cannot_be_told_in_utc_is_none(lite_store, at):
    made = lite_store.back_up()
    path = manifest.path_of(lite_store.file)
    told = json.loads(path.read_text())
    assert manifest.read(lite_store.file) == made
    path.write_text(json.dumps(told | {"made_at": at}))
    with pytest.raises(StoreRefused, match="is no manifest of a backup: made_at"):
        manifest.read(lite_store.file)


@pytest.mark.parametrize("head", [b"", b"PG", b"-- a plain dump", b"SQLite format 4\0"])
def test_what_is_no_backup_is_told(tmp_path, head):
    (tmp_path / "copy").write_bytes(head)
    with pytest.raises(StoreRefused, match="neither"):
        manifest.kind_of(tmp_path / "copy")
