"""Restored backups: what is checked, what is erased again, and that nothing that stands is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, ME
from support.forgetting import forget_me
from support.migrating import migrate

from bot.backup import manifest, restoring, staging
from bot.backup.restoring import Erasures
from bot.errors import StoreRefused
from bot.storage import presence
from bot.storage.ledger import Ledger
from bot.storage.ledger_entries import EntryKind
from memory.db import Database
from memory.errors import DatabaseUnavailable

NOTE = "lives in Lisbon"
NOTHING = Erasures(0, 0, 0, 0)
LATER = f"at://{BEN}/app.bsky.feed.post/3222222222later"


def keep_files(store, folder):
    """A folder with copies of ledger and journal."""
    ignored = shutil.ignore_patterns("scrubjay*")
    return Path(shutil.copytree(store.folder, folder / "kept", ignore=ignored))


def wrong(report):
    return [finding.name for finding in report.findings if finding.ok is False]


def standing(store):
    """The names in the data folder, without SQLite's own of a moment."""
    return sorted(path.name for path in store.folder.iterdir() if not path.name.endswith(("-shm", "-wal")))


def people(db):
    with db.read() as tx:
        return set(tx.scalars(text("SELECT did FROM person")))


def databases(store):
    with store.db.read() as tx:
        return set(tx.scalars(text("SELECT datname FROM pg_database")))


def test_a_backup_is_checked_and_nothing_is_changed(store, tmp_path):
    store.back_up()
    forget_me(store.harness)
    kept = keep_files(store, tmp_path)
    Ledger(kept / "ledger", store.harness.clock).add(EntryKind.ANSWERED, LATER)
    before = [(path.name, path.read_bytes()) for path in sorted(store.folder.glob("[jl]*"))]
    report = restoring.check(store.file, store.site, kept)
    assert (report.ok, report.erased) == (True, Erasures(1, 0, 0, 1))
    assert report.merged == {"ledger": 1, "journal": 0}
    assert {finding.ok for finding in report.findings} == {True}
    assert [(path.name, path.read_bytes()) for path in sorted(store.folder.glob("[jl]*"))] == before
    assert store.harness.notes(BEN) == [NOTE]


@pytest.mark.parametrize("name", ["ledger", "journal"])
@pytest.mark.parametrize("broken", [Path.touch, Path.mkdir, lambda path: path.symlink_to(path)])
def test_a_ledger_or_journal_that_cannot_be_read_is_told_by_its_place(lite_store, name, broken):
    lite_store.back_up()
    path = lite_store.folder / name
    path.unlink()
    broken(path)
    with pytest.raises(DatabaseUnavailable, match=str(path)):
        restoring.check(lite_store.file, lite_store.site)


def test_what_was_there_then_is_there_again_and_what_stood_is_kept(store):
    made = store.back_up()
    third = store.harness.say(BEN, "I like tea")
    store.harness.work()
    store.db.engine.dispose()
    report = restoring.restore(store.file, store.site)
    again = store.fresh()
    assert (report.ok, report.erased) == (True, NOTHING)
    assert [again.notes(who) for who in (ANA, BEN)] == [[NOTE], [NOTE]]
    assert restoring.check(store.file, store.site).manifest == made
    kept = Database(store.db.engine.url.set(database=report.replaced).render_as_string(hide_password=False))
    with kept.read() as tx:
        found = tx.scalar(text("SELECT state FROM mention WHERE uri = :uri"), {"uri": third.uri})
    kept.close()
    assert found == "answered"


def test_who_was_forgotten_since_is_gone_before_anybody_can_serve_it(store):
    store.back_up()
    forget_me(store.harness)
    store.db.engine.dispose()
    report = restoring.restore(store.file, store.site)
    again = store.fresh()
    assert report.erased == Erasures(1, 0, 0, 1)
    assert (people(again.services.db), again.notes(BEN)) == ({BEN}, [NOTE])


def test_a_restored_bot_answers_nothing_twice(store):
    store.back_up()
    later = store.harness.say(BEN, "I like tea")
    store.harness.work()
    store.db.engine.dispose()
    restoring.restore(store.file, store.site)
    again = store.fresh()
    for ref in (store.harness.ana, store.harness.ben, later):
        again.handle(ref)
        again.work()
        assert len(again.replies(ref)) == 1


def test_a_lost_database_is_restored(store):
    store.back_up()
    if not store.db.is_sqlite:
        with store.db.write() as tx:
            tx.exec_driver_sql("DROP SCHEMA public CASCADE")
            tx.exec_driver_sql("CREATE SCHEMA public")
    store.db.close()
    for path in store.folder.iterdir():
        path.unlink()
    report = restoring.restore(store.file, store.site)
    assert (report.replaced, store.fresh().notes(BEN)) == (None, [NOTE])


def test_the_log_of_a_lost_database_is_kept_and_is_not_written_into_the_restored_one(lite_store):
    lite_store.back_up()
    lite_store.harness.say("did:plc:cat", "I like tea")
    log, lost = lite_store.folder / "scrubjay.db-wal", lite_store.folder / "scrubjay.db"
    left = log.read_bytes()
    lite_store.db.close()
    lost.unlink()
    log.write_bytes(left)  # as whoever was killed leaves it
    report = restoring.restore(lite_store.file, lite_store.site)
    lite_store.fresh()
    assert people(lite_store.db) == {ANA, BEN}
    assert Path(report.replaced).read_bytes() == left


def test_a_database_behind_a_link_is_locked_replaced_and_kept_where_it_stands(lite_store, tmp_path):
    lite_store.back_up()
    link = tmp_path / "link.db"
    link.symlink_to(lite_store.folder / "scrubjay.db")
    site = replace(lite_store.site, database=f"sqlite:///{link}")
    lite_store.db.close()
    with closing(presence.claim(lite_store.db)), pytest.raises(StoreRefused, match="a daemon runs"):
        restoring.restore(lite_store.file, site)
    report = restoring.restore(lite_store.file, site)
    kept = Path(report.replaced)
    assert (kept.parent, kept.is_symlink(), link.is_symlink()) == (lite_store.folder, False, True)
    assert lite_store.fresh().notes(BEN) == [NOTE]


def test_a_backup_of_an_older_schema_is_upgraded(store):
    migrate(store.db, "0018")
    store.back_up()
    store.db.engine.dispose()
    report = restoring.restore(store.file, store.site)
    assert (report.ok, store.fresh().notes(BEN)) == (True, [NOTE])
    assert "0018, upgraded" in str(report.findings)


@pytest.mark.parametrize("lines", ["kept", "lost", "begun anew"])
def test_the_ledger_and_the_journal_of_a_backup_are_merged_with_those_here(store, tmp_path, lines):
    store.harness.erase("did:plc:eve")
    kept = keep_files(store, tmp_path)
    store.back_up()
    if lines != "kept":
        for name in ("ledger", "journal"):
            (store.folder / name).unlink()
    if lines == "begun anew":
        Ledger(store.folder / "ledger", store.harness.clock).add(EntryKind.ANSWERED, LATER)
    before = Ledger(store.folder / "ledger", store.harness.clock).has(EntryKind.ANSWERED, LATER)
    store.db.engine.dispose()
    report = restoring.restore(store.file, store.site, kept)
    after = Ledger(store.folder / "ledger", store.harness.clock)
    assert report.merged == ({"ledger": 0, "journal": 0} if lines == "kept" else {"ledger": 2, "journal": 1})
    assert after.has(EntryKind.ANSWERED, store.harness.ana.uri)
    assert before is after.has(EntryKind.ANSWERED, LATER) is (lines == "begun anew")


# --- what is refused -------------------------------------------------------------------------------


def refused(store, match):
    """Neither checked nor restored, and all is as it was."""
    before = standing(store)
    store.db.engine.dispose()
    with pytest.raises(StoreRefused, match=match):
        restoring.restore(store.file, store.site)
    assert {*standing(store)} - {*before} <= {"scrubjay.db.lock"}
    assert store.fresh().notes(BEN) == [NOTE]


def test_a_backup_that_is_cut_is_refused(store):
    made = store.back_up()
    with store.file.open("r+b") as file:
        file.truncate(made.size * 2 // 3)
    refused(store, r"bytes|pg_restore")


def test_a_backup_of_which_a_byte_has_changed_is_refused(lite_store):
    made = lite_store.back_up()
    with lite_store.file.open("r+b") as file:
        file.seek(made.size // 2)
        byte = file.read(1)
        file.seek(made.size // 2)
        file.write(bytes([byte[0] ^ 1]))
    assert "file" in wrong(restoring.check(lite_store.file, lite_store.site))
    refused(lite_store, "file: its bytes have changed")


def test_a_backup_with_other_rows_than_its_manifest_says_is_refused(lite_store):
    made = lite_store.back_up()
    with closing(sqlite3.connect(lite_store.file)) as changed:
        changed.execute("UPDATE note SET text = 'lives in Porto'")
        changed.commit()
    file = manifest.describe(lite_store.file, made.kind, made.contents, made.made_at)
    manifest.write(file, manifest.path_of(lite_store.file))
    report = restoring.check(lite_store.file, lite_store.site)
    assert wrong(report) == ["rows"]
    assert "note (2 rows, 2 wanted)" in str(report.findings)
    refused(lite_store, "rows: note")


def test_a_backup_of_another_schema_than_its_manifest_says_is_refused(store):
    made = store.back_up()
    other = replace(made, contents=replace(made.contents, schema="0007"))
    manifest.write(other, manifest.path_of(store.file))
    assert wrong(restoring.check(store.file, store.site)) == ["schema"]
    refused(store, "and its manifest says 0007")


def test_a_pipe_is_no_backup_and_nobody_waits_for_it(lite_store):
    lite_store.file.parent.mkdir(exist_ok=True)
    os.mkfifo(lite_store.file)
    refused(lite_store, "is no file")


def test_a_backup_of_a_newer_scrubjay_is_refused(store):
    with store.db.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    # as the newer one would have made it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "check", lambda _: ("0999", "0999"))
        store.back_up()
    with store.db.write() as tx:
        tx.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{Database.head()}'")
    assert wrong(restoring.check(store.file, store.site)) == ["schema"]
    refused(store, "newer scrubjay")


def test_a_backup_of_another_bot_is_refused(store):
    store.back_up()
    with store.db.write() as tx:
        tx.execute(text("UPDATE outbox SET uri = replace(uri, :me, 'did:plc:other')"), {"me": ME})
    refused(store, "bot: it is of did:plc:scrubjay")


def test_a_backup_of_the_other_kind_is_refused(store, tmp_path):
    store.file.parent.mkdir()
    store.file.write_bytes(b"PGDMP" if store.db.is_sqlite else b"SQLite format 3\0")
    refused(store, "Restore it to one of its kind")


def test_while_a_daemon_runs_nothing_is_restored(store):
    store.back_up()
    claim = presence.claim(store.db)
    with store.db.engine.connect(), pytest.raises(StoreRefused, match=r"a daemon runs|other sessions"):
        restoring.restore(store.file, store.site)
    claim.close()
    assert store.harness.notes(BEN) == [NOTE]


def test_while_a_database_is_being_restored_no_daemon_starts(lite_store):
    with presence.alone(lite_store.db), pytest.raises(StoreRefused, match="being restored"):
        presence.claim(lite_store.db)


@pytest.mark.parametrize("is_empty", [False, True])
def test_when_somebody_looks_into_the_new_database_the_old_one_has_its_name_back(
    shared_store, monkeypatch, is_empty
):
    """As a monitor does that connects to every database of the server."""
    shared_store.back_up()
    if is_empty:
        with shared_store.db.write() as tx:
            tx.exec_driver_sql("DROP SCHEMA public CASCADE")
            tx.exec_driver_sql("CREATE SCHEMA public")
    shared_store.db.engine.dispose()
    before, put = databases(shared_store), staging.put_in_place
    shared_store.db.engine.dispose()

    def watched(ready, *rest):
        url = ready.engine.url.render_as_string(hide_password=False)
        with closing(Database(url)) as monitor, monitor.engine.connect():
            return put(ready, *rest)

    monkeypatch.setattr(staging, "put_in_place", watched)
    with pytest.raises(StoreRefused, match="accessed by other users"):
        restoring.restore(shared_store.file, shared_store.site)
    assert databases(shared_store) == before
    if not is_empty:
        assert shared_store.fresh().notes(BEN) == [NOTE]


def test_a_file_without_a_manifest_is_restored_and_told_not_to_be_known(store):
    store.back_up()
    manifest.path_of(store.file).unlink()
    report = restoring.check(store.file, store.site)
    assert [finding.name for finding in report.findings if finding.ok is None] == ["file", "rows"]
    store.db.engine.dispose()
    assert restoring.restore(store.file, store.site).ok


def test_a_copy_by_hand_with_its_log_is_restored_whole(lite_store):
    lite_store.file.parent.mkdir()
    with lite_store.db.read():  # the log is there as long as somebody reads
        for end in ("", "-wal"):
            shutil.copy(f"{presence.sqlite_file(lite_store.db)}{end}", f"{lite_store.file}{end}")
        lost = lite_store.file.with_name("lost")
        shutil.copy(presence.sqlite_file(lite_store.db), lost)
    lite_store.db.engine.dispose()
    without = restoring.check(lost, lite_store.site)
    assert "it never posted" in str(without.findings)  # whole, and empty: all was in the log
    assert "it never posted" not in str(restoring.restore(lite_store.file, lite_store.site).findings)
    assert lite_store.fresh().notes(BEN) == [NOTE]


def test_the_log_of_another_file_beside_a_backup_is_left_alone(lite_store):
    lite_store.back_up()
    with lite_store.db.write() as tx:
        tx.execute(text("UPDATE note SET text = 'lives in Porto'"))
    with lite_store.db.read():
        shutil.copy(f"{presence.sqlite_file(lite_store.db)}-wal", f"{lite_store.file}-wal")
    lite_store.db.engine.dispose()
    assert wrong(restoring.check(lite_store.file, lite_store.site)) == []
    assert lite_store.file.with_name(f"{lite_store.file.name}-wal").exists()


def test_a_standing_database_that_is_damaged_is_kept_with_its_log_and_replaced(lite_store):
    lite_store.back_up()
    lite_store.db.close()
    path = presence.sqlite_file(lite_store.db)
    path.write_bytes(b"no database")
    report = restoring.restore(lite_store.file, lite_store.site)
    assert Path(report.replaced).read_bytes() == b"no database"
    assert lite_store.fresh().notes(BEN) == [NOTE]


@pytest.mark.slow
def test_a_restoration_that_is_killed_leaves_the_database_and_the_next_one_cleans_up(lite_store, tmp_path):
    lite_store.back_up()
    lite_store.db.close()
    code = (
        "import os, signal; from bot.backup import staging; from bot.cli import main; "
        "staging.put_in_place = lambda *_: os.kill(os.getpid(), signal.SIGKILL); main()"
    )
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "SCRUBJAY_DATA_DIR": str(lite_store.folder),
        "SCRUBJAY_ENCODER": "none",
    }
    killed = subprocess.run(
        [sys.executable, "-c", code, "db", "restore", "--yes", str(lite_store.file)],
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list(lite_store.folder.glob(".scrubjay-restoring-*"))) == 1
    assert lite_store.fresh().notes(BEN) == [NOTE]
    lite_store.db.close()
    restoring.restore(lite_store.file, lite_store.site)
    assert list(lite_store.folder.glob(".scrubjay-restoring-*")) == []


def test_a_backup_in_a_folder_of_the_operators_is_restored_and_stays(lite_store):
    mine = lite_store.folder / "restoring-monday" / "one"
    mine.parent.mkdir()
    lite_store.back_up()
    shutil.copy(lite_store.file, mine)
    lite_store.db.close()
    restoring.restore(mine, lite_store.site)
    assert mine.read_bytes() == lite_store.file.read_bytes()
    assert lite_store.fresh().notes(BEN) == [NOTE]


# --- only on PostgreSQL ----------------------------------------------------------------------------


def test_on_postgres_no_scratch_database_is_left(shared_store):
    shared_store.back_up()
    before = databases(shared_store)
    restoring.check(shared_store.file, shared_store.site)
    assert databases(shared_store) == before
    shared_store.db.engine.dispose()
    report = restoring.restore(shared_store.file, shared_store.site)
    assert databases(shared_store) - before == {report.replaced}


def test_on_postgres_a_wish_that_only_the_database_knows_is_kept(shared_store, tmp_path):
    shared_store.back_up()
    forget_me(shared_store.harness)
    shared_store.db.engine.dispose()
    other = replace(shared_store.site, folder=tmp_path / "another machine")
    assert restoring.restore(shared_store.file, other).erased.people == 1
    assert people(shared_store.db) == {BEN}


def test_on_postgres_an_extension_that_only_a_superuser_makes_stops_no_restoration(shared_store, tmp_path):
    with shared_store.db.write() as tx:
        tx.exec_driver_sql("CREATE EXTENSION vector")
        tx.exec_driver_sql("COMMENT ON EXTENSION vector IS 'as amcheck, which is not here'")
    shared_store.back_up()
    shared_store.db.engine.dispose()
    assert restoring.restore(shared_store.file, shared_store.site).ok
    with shared_store.db.read() as tx:
        assert tx.scalars(text("SELECT extname FROM pg_extension")).all() == ["plpgsql"]
    assert shared_store.fresh().notes(BEN) == [NOTE]


def test_on_postgres_row_security_holds_after_a_restoration(shared_store):
    shared_store.back_up()
    shared_store.db.engine.dispose()
    restoring.restore(shared_store.file, shared_store.site)
    with shared_store.db.read(ANA) as tx:
        assert set(tx.scalars(text("SELECT did FROM note"))) == {ANA}


def test_a_user_who_may_make_no_database_is_told_what_to_do(shared_store):
    name = shared_store.db.engine.url.database
    with shared_store.db.write() as tx:
        tx.exec_driver_sql(f"CREATE ROLE keeper_{name} LOGIN")
        tx.exec_driver_sql(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO keeper_{name}")
    shared_store.back_up()
    url = shared_store.db.engine.url.set(username=f"keeper_{name}").render_as_string(hide_password=False)
    shared_store.db.engine.dispose()
    with pytest.raises(StoreRefused, match="CREATEDB"):
        restoring.check(shared_store.file, replace(shared_store.site, database=url))
    with shared_store.db.write() as tx:
        tx.exec_driver_sql(f"DROP OWNED BY keeper_{name}")
        tx.exec_driver_sql(f"DROP ROLE keeper_{name}")


@pytest.mark.parametrize(
    "name", ["scrubjay", "s" * 60, "\N{GREEK SMALL LETTER ALPHA}" * 30, "a" * 34 + "\u00e9"]
)
def test_a_database_beside_has_a_name_that_postgresql_does_not_cut(name):
    short = staging._short(name)
    assert name.startswith(short)
    assert len(f"{short}_{staging.REPLACED}_20261130t120000z".encode()) <= 63
