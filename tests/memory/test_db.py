from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from support.memory_people import ALICE, NOW, receipt
from support.migrating import migrate

import bot.storage.tables  # noqa: F401 - registers its tables
from memory.db import Database, lock
from memory.errors import DatabaseUnavailable, SchemaNewer
from memory.files import make_private_folder
from memory.model import Remember
from memory.store import Memory
from memory.tables import Base, PersonRow

if TYPE_CHECKING:
    from sqlalchemy import Table

    from memory.db import Tx

UPGRADE = "import sys; from memory.db import Database; db = Database(sys.argv[1]); db.upgrade(); db.close()"


@pytest.fixture
def empty_url(database_url: str) -> str:
    if database_url.startswith("postgresql"):
        database = Database(database_url)
        with database.write() as tx:
            tx.execute(text("DROP SCHEMA public CASCADE"))
            tx.execute(text("CREATE SCHEMA public"))
        database.close()
    return database_url


def tables(db: Database) -> set[str]:
    with db.read() as tx:
        return set(inspect(tx).get_table_names())


# --- the schema ----------------------------------------------------------------------------------


def test_an_empty_database_is_upgraded(empty_url: str):
    db = Database(empty_url)
    found, head = db.check()
    assert found is None
    db.upgrade()
    assert db.check() == (head, head)
    assert tables(db) == {*Base.metadata.tables, "alembic_version"}
    assert_is_as_the_code_expects(db)
    db.close()


def test_upgrading_again_changes_nothing(db: Database):
    with db.write() as tx:
        Memory().people.meet(tx, ALICE, NOW)
    db.upgrade()
    with db.read() as tx:
        assert Memory().people.get(tx, ALICE).did == ALICE


@pytest.mark.slow
def test_several_processes_may_upgrade_at_once(empty_url: str):
    started = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, empty_url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], errors
    db = Database(empty_url)
    assert len(set(db.check())) == 1
    db.close()


@pytest.mark.slow
def test_memory_is_upgraded_and_remembers_where_there_is_no_bot(tmp_path: Path):
    script = (
        "import sys; sys.modules['bot'] = None\n"
        f"{UPGRADE.replace('db.close()', '')}\n"
        "from datetime import UTC, datetime; from memory.store import Memory\n"
        "with db.write() as tx: Memory().people.meet(tx, 'did:plc:a', datetime.now(UTC))\n"
        "with db.read() as tx: print(Memory().people.get(tx, 'did:plc:a').did)"
    )
    url = f"sqlite:///{tmp_path}/scrubjay.db"
    done = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("did:plc:a\n", "")


@pytest.mark.slow
def test_migrations_of_somebody_else_on_the_path_are_not_run(tmp_path: Path):
    foreign = tmp_path / "path" / "migrations"
    (foreign / "versions").mkdir(parents=True)
    for name in ("__init__.py", "env.py"):
        (foreign / name).write_text(f"raise SystemExit('foreign {name}')")
    url = f"sqlite:///{tmp_path}/scrubjay.db"
    done = subprocess.run(
        [sys.executable, "-c", UPGRADE, url],
        env=os.environ | {"PYTHONPATH": str(foreign.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


PRINT_SYNCHRONOUS = """
import sys
from memory.db import Database
with Database(sys.argv[1]).write() as tx:
    print(tx.exec_driver_sql("PRAGMA synchronous").scalar())
"""


@pytest.mark.slow
def test_what_is_committed_to_sqlite_outlasts_a_loss_of_power(tmp_path: Path):
    # in a process of its own, because the tests themselves do without
    url = f"sqlite:///{tmp_path}/scrubjay.db"
    run = [sys.executable, "-c", PRINT_SYNCHRONOUS, url]
    assert subprocess.check_output(run, text=True) == "2\n"  # FULL


def test_a_new_database_that_another_process_is_writing_to_is_waited_for(tmp_path: Path):
    path = tmp_path / "scrubjay.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE theirs (id)")
        done = threading.Timer(0.3, other.execute, ["COMMIT"])
        done.start()
        db = Database(f"sqlite:///{path}")
        with db.read() as tx:
            assert tx.exec_driver_sql("SELECT count(*) FROM theirs").scalar() == 0
        done.join()
        db.close()


def test_a_schema_of_a_newer_version_is_refused_and_left_alone(db: Database):
    with db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (db.upgrade, db.check):
        with pytest.raises(SchemaNewer, match=r"newer scrubjay.*9999"):
            attempt()
    with db.read() as tx:
        assert tx.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_schema_of_several_revisions_is_refused_and_left_alone(db: Database):
    with db.write() as tx:
        tx.execute(text("INSERT INTO alembic_version (version_num) VALUES ('0001')"))
    for attempt in (db.upgrade, db.check, db.require_current):
        with pytest.raises(DatabaseUnavailable, match=rf"several revisions \(0001, {db.head()}\)"):
            attempt()


def test_the_migrated_schema_is_the_one_the_code_expects(db: Database):
    assert_is_as_the_code_expects(db)


def assert_is_as_the_code_expects(db: Database) -> None:
    def is_wanted(_thing: object, name: str | None, *_: object) -> bool:
        return not (db.is_sqlite and name == "ix_answer_source_mention")  # the primary key does it there

    with db.read() as tx:
        context = MigrationContext.configure(tx, opts={"include_object": is_wanted})
        assert compare_metadata(context, Base.metadata) == []
        for table in Base.metadata.tables.values():
            wanted = {each.name for each in table.constraints if isinstance(each, CheckConstraint)}
            assert {each["name"] for each in inspect(tx).get_check_constraints(table.name)} == wanted
            assert partial_indexes(tx, table) == {
                index.name
                for index in table.indexes
                if index.dialect_options[tx.dialect.name]["where"] is not None
            }


def partial_indexes(tx: Tx, table: Table) -> set[str | None]:
    found = inspect(tx).get_indexes(table.name)
    return {each["name"] for each in found if f"{tx.dialect.name}_where" in each.get("dialect_options", {})}


def test_downgrading_leaves_nothing_and_upgrading_brings_all_back(db: Database):
    before = tables(db)
    migrate(db, "base")
    assert tables(db) == {"alembic_version"}
    migrate(db, "head")
    assert tables(db) == before


def test_a_failed_migration_leaves_the_database_as_it_was(empty_url: str, monkeypatch: pytest.MonkeyPatch):
    db = Database(empty_url)
    real = command.upgrade

    def broken(*args: object) -> None:
        real(*args)
        raise RuntimeError("power cut")

    monkeypatch.setattr(command, "upgrade", broken)
    with pytest.raises(RuntimeError):
        db.upgrade()
    assert tables(db) == set()
    db.close()


# --- transactions --------------------------------------------------------------------------------


def test_an_error_undoes_the_transaction(db: Database):
    def meet_and_fail() -> None:
        with db.write() as tx:
            Memory().people.meet(tx, ALICE, NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        meet_and_fail()
    with db.read() as tx:
        assert Memory().people.recent(tx) == ()


def test_a_reading_transaction_cannot_write(db: Database):
    with db.write() as tx:
        Memory().people.meet(tx, ALICE, NOW)
    refused = pytest.raises((DBAPIError, DatabaseUnavailable), match=r"readonly|read-only")
    with db.read() as tx, refused:
        tx.execute(update(PersonRow).values(handle="x"))
    with db.write() as tx:
        tx.execute(update(PersonRow).values(handle="y"))


def test_a_reading_transaction_sees_one_moment(db: Database):
    with db.read() as tx:
        assert Memory().people.recent(tx) == ()
        with db.write() as other:
            Memory().people.meet(other, ALICE, NOW)
        assert Memory().people.recent(tx) == ()


def test_updates_of_many_threads_are_all_counted(db: Database):
    with db.write() as tx:
        Memory().people.meet(tx, ALICE, NOW)
        tx.execute(update(PersonRow).values(handle="0"))

    def count() -> None:
        for _ in range(10):
            with db.write() as tx:
                lock(tx, "counter")
                number = int(tx.scalar(select(PersonRow.handle)) or 0)
                tx.execute(update(PersonRow).values(handle=str(number + 1)))

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as tx:
        assert tx.scalar(select(PersonRow.handle)) == "60"


# --- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "mysql://localhost/x",
        "nosuch://x",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://user:secret@host:port/x",
    ],
)
def test_a_useless_url_is_told_with_an_example(url: str):
    with pytest.raises(DatabaseUnavailable, match=r"sqlite:///data/scrubjay\.db") as caught:
        Database(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_cannot_be_opened_is_told_without_its_password(tmp_path: Path):
    (tmp_path / "no-database.db").write_bytes(b"something else, longer than a header" * 100)
    for url in (
        f"sqlite:///{tmp_path}/no/such/folder/x.db",
        f"sqlite:///{tmp_path}/no-database.db",
        "postgresql://user:secret@127.0.0.1:1/x",
    ):
        db = Database(url)
        with pytest.raises(DatabaseUnavailable, match=r"x|no-database") as caught:
            db.upgrade()
        assert "secret" not in str(caught.value)
        db.close()


# --- erasure -------------------------------------------------------------------------------------


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.glob("scrubjay.db*")))


@pytest.mark.slow
def test_after_erasure_no_byte_of_it_is_left_in_sqlites_files(tmp_path: Path):
    db, memory, canary = Database(f"sqlite:///{tmp_path}/scrubjay.db"), Memory(), "canary-7Yq"
    db.upgrade()
    for number in range(60):  # enough for pages to split and rows to move
        did = f"did:plc:{canary}{number}" if number % 2 else f"did:plc:other{number}"
        with db.write() as tx:
            memory.people.meet(tx, did, NOW)
            memory.people.rename(tx, did, f"{canary if number % 2 else 'other'}{number}.test", NOW)
            edits = [
                Remember(f"{canary if number % 2 else 'other'} {fact} " + "x" * 200) for fact in range(3)
            ]
            memory.apply(tx, did, edits, receipt(did), key=did, actor="rules", at=NOW)
    assert canary.encode() in bytes_of(tmp_path)
    for number in range(1, 60, 2):
        with db.write() as tx:
            assert memory.erase(tx, f"did:plc:{canary}{number}") == 11
    assert db.scrub()
    left = bytes_of(tmp_path)
    assert (left.lower().count(canary.lower().encode()), b"other58" in left) == (0, True)
    db.close()


def test_after_forgetting_a_note_no_byte_of_its_text_is_left_in_sqlites_files(tmp_path: Path):
    db, memory = Database(f"sqlite:///{tmp_path}/scrubjay.db"), Memory()
    db.upgrade()
    with db.write() as tx:
        memory.people.meet(tx, ALICE, NOW)
        (note,) = memory.apply(tx, ALICE, [Remember("canary-7Yq")], receipt(), key="m", actor="rules", at=NOW)
    with db.write() as tx:
        memory.edit(tx, note.id, "canary-7Yq again", actor="operator", at=NOW)
    with db.write() as tx:
        memory.forget_post(tx, note.receipt.uri, NOW)
    assert db.scrub()
    assert b"canary-7Yq" not in bytes_of(tmp_path)
    db.close()


def test_scrubbing_under_a_reader_says_that_it_was_not_complete(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("memory.db.BUSY_SECONDS", 0.1)
    db = Database(f"sqlite:///{tmp_path}/scrubjay.db")
    db.upgrade()
    with db.read() as tx:
        Memory().people.recent(tx)
        with db.write() as other:
            Memory().people.meet(other, ALICE, NOW)
        assert not db.scrub()
    assert db.scrub()
    db.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_what_is_made_for_a_database_is_its_owners_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        make_private_folder(tmp_path / "data" / "of" / "jay")
        database = Database(f"sqlite:///{tmp_path}/data/of/jay/scrubjay.db")
        database.upgrade()
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").rglob("*")}
        database.close()
    finally:
        os.umask(before)

    files = ("scrubjay.db", "scrubjay.db-wal", "scrubjay.db-shm")
    assert modes == {"of": 0o700, "jay": 0o700} | dict.fromkeys(files, 0o600)


def replace_file(path: Path) -> None:
    shutil.copy(path, f"{path}.new")
    Path(f"{path}.new").replace(path)


def test_a_database_that_is_made_where_a_link_leads_is_its_owners_alone(tmp_path):
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    database = Database(f"sqlite:///{tmp_path}/link.db")
    database.upgrade()
    assert (tmp_path / "real.db").stat().st_mode & 0o777 == 0o600
    database.close()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.rename(f"{path}.old"), replace_file])
def test_a_file_that_is_no_more_the_one_that_was_opened_is_used_no_more(tmp_path, spoil):
    path = tmp_path / "scrubjay.db"
    db = Database(f"sqlite:///{path}")
    db.upgrade()
    spoil(path)
    for begin in (db.read, db.write):
        with pytest.raises(DatabaseUnavailable, match="was moved, deleted or replaced"), begin():
            pass
    assert path.exists() is (spoil is replace_file)  # nobody has made an empty one
    db.close()


def test_a_file_that_was_moved_and_put_back_is_used_again(tmp_path):
    path = tmp_path / "scrubjay.db"
    db = Database(f"sqlite:///{path}")
    db.upgrade()
    path.rename(f"{path}.old")
    with pytest.raises(DatabaseUnavailable), db.read():
        pass
    Path(f"{path}.old").rename(path)
    with db.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM note").scalar() == 0
    db.close()


def test_a_server_that_writes_nothing_is_a_database_that_may_work_again(postgres):
    db = Database(postgres())
    db.upgrade()
    with db.write() as tx:
        tx.exec_driver_sql("SET TRANSACTION READ ONLY")
        with pytest.raises(DatabaseUnavailable, match="read-only transaction"):
            tx.exec_driver_sql("DELETE FROM person")
        tx.rollback()
    with db.write() as tx:
        tx.exec_driver_sql("DELETE FROM person")
    db.close()
