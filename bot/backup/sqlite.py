"""Copies of an SQLite database, made while others write to it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot.backup import manifest
from bot.backup.rows import SECRET, Contents, read_contents
from bot.errors import StoreRefused
from memory.db import Database
from memory.files import make_private, sqlite_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGES = 256  # copied at once: a mebibyte
LOG, INDEX = "-wal", "-shm"  # SQLite's names for what belongs to a database


def copy(db: Database, target: Path, progress: Callable[[int, int], object]) -> Contents:
    """Copy the database as it is now into the new file `target`, without the account's session.

    Returns what the copy holds. `progress` is called with the pages that are copied and all pages. Nobody
    waits for the copy: it reads a snapshot. Without one SQLite would begin anew at each write of another
    process, and under load never end. Raises StoreRefused if the copy is not whole or cannot be written.
    """
    make_private(target)
    with _written(), closing(sqlite3.connect(target, isolation_level=None)) as there:
        there.execute("PRAGMA journal_mode=MEMORY")  # if the disk gets full, no other file is left
        with db.read() as tx:
            tx.exec_driver_sql("SELECT count(*) FROM sqlite_schema").one()  # the snapshot begins here
            here = tx.connection.driver_connection
            assert isinstance(here, sqlite3.Connection)
            contents = read_contents(tx, SECRET)
            here.backup(there, pages=PAGES, progress=lambda _, left, all_: progress(all_ - left, all_))
        there.execute("PRAGMA journal_mode=MEMORY")  # no log: a backup is one file
        there.execute("PRAGMA secure_delete=ON")
        for table in SECRET & {name for (name,) in there.execute("SELECT name FROM sqlite_schema")}:
            there.execute(f'DELETE FROM "{table}"')  # noqa: S608 - a name of ours
        if damage := damage_of(there):
            raise StoreRefused(f"{db.engine.url.database} is damaged, and so would be its backup: {damage}")
    return contents


@contextmanager
def _written() -> Iterator[None]:
    """Name what SQLite says, mostly that the disk is full."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreRefused(f"the backup cannot be written: {error}") from error


def damage_of(connection: sqlite3.Connection) -> str:
    """What is wrong with any page, index or constraint; empty if nothing."""
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
    except sqlite3.DatabaseError as error:
        found = [str(error)]
    return "" if found == ["ok"] else "; ".join(" ".join(each.split()) for each in found)


def stage(backup: Path, folder: Path) -> Database:
    """Open a copy of a backup in this folder. The log of a file that somebody copied by hand comes along.

    A backup with a manifest is one file: a log beside it is of another, and would be written into it.
    """
    target = folder / "scrubjay.db"
    make_private(target)
    shutil.copyfile(backup, target)
    if (log := Path(f"{backup}{LOG}")).is_file() and not manifest.path_of(backup).exists():
        make_private(Path(f"{target}{LOG}"))
        shutil.copyfile(log, f"{target}{LOG}")
    return Database(sqlite_url(target))


def fold_log(path: Path) -> None:
    """Write the log of a database that nobody uses into its file, as far as that can be done."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.DatabaseError:  # it is damaged, and is moved with its log
        return
