"""Load a backup beside the database that stands, and put it into its place once it is right."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError, ProgrammingError

from bot.backup import manifest, postgres, sqlite
from bot.backup.manifest import Kind
from bot.errors import StoreRefused
from bot.storage.presence import sqlite_file
from memory.db import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

RESTORING, CHECKING, REPLACED = "restoring", "checking", "replaced"
SCRATCH = ".scrubjay-restoring-"  # so begin folders beside SQLite's file that are removed: nobody else's do
MAINTENANCE = "postgres"  # the database that every server has, to be connected to while others are renamed
LONGEST_NAME = 35  # bytes of a database's name, so that what is appended fits into PostgreSQL's 63 bytes


@contextmanager
def staged(backup: Path, standing: Database, *, check: bool) -> Iterator[Database]:
    """A scratch database with what the backup holds. It is gone after the block, unless it was put in place.

    To check, SQLite's is in the system's folder for temporary files; else it is beside the database.
    """
    kind = manifest.kind_of(backup)
    if standing.is_sqlite is not (kind is Kind.SQLITE):
        raise StoreRefused(
            f"{backup} is a backup of {kind.value}, and {standing.shown_url} is none. Restore it to one of "
            "its kind (SCRUBJAY_DATABASE_URL); `scrubjay db move` takes SQLite to PostgreSQL"
        )
    with (_staged_sqlite if standing.is_sqlite else _staged_postgres)(backup, standing, check) as db:
        yield db


@contextmanager
def _staged_sqlite(backup: Path, standing: Database, check: bool) -> Iterator[Database]:  # noqa: FBT001
    beside = sqlite_file(standing).parent
    if not check:  # nobody else restores now: these are of restorations that were killed
        for left in beside.glob(f"{SCRATCH}*"):
            shutil.rmtree(left)
    place = {"prefix": f"{CHECKING}-"} if check else {"prefix": SCRATCH, "dir": str(beside)}
    with tempfile.TemporaryDirectory(**place, ignore_cleanup_errors=True) as folder:
        db = sqlite.stage(backup, Path(folder))
        try:
            yield db
        finally:
            db.engine.dispose()


@contextmanager
def _staged_postgres(backup: Path, standing: Database, check: bool) -> Iterator[Database]:  # noqa: FBT001
    name = f"{_short(str(standing.engine.url.database))}_{CHECKING if check else RESTORING}"
    _create(standing, name)
    db = Database(standing.engine.url.set(database=name).render_as_string(hide_password=False))
    try:
        postgres.load(db, backup)
        yield db
    finally:
        db.engine.dispose()
        _drop(standing, name)


def _create(standing: Database, name: str) -> None:
    try:
        _administer(standing, f"CREATE DATABASE {_quoted(standing, name)}")
    except ProgrammingError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state == postgres.NOT_PERMITTED:
            raise StoreRefused(
                "a backup is restored into a new database, and this user may make none. As a superuser: "
                f"ALTER ROLE {_quoted(standing, str(standing.engine.url.username))} CREATEDB"
            ) from None
        raise StoreRefused(
            f"the database {name} is there already, of a restoration that was killed or is running. If none "
            f"is running: DROP DATABASE {_quoted(standing, name)}"
        ) from None


def _drop(standing: Database, name: str) -> None:
    """Drop a scratch database, and the role that a migration may have made for it."""
    _administer(standing, f"DROP DATABASE IF EXISTS {_quoted(standing, name)} WITH (FORCE)")
    with suppress(DBAPIError):
        _administer(standing, f"DROP ROLE IF EXISTS {_quoted(standing, f'scrubjay_person_{name}')}")


def put_in_place(ready: Database, standing: Database, now: datetime) -> str | None:
    """Let the scratch database take the place of the one that stands, which is kept under another name.

    Returns that name; None if there was none.
    """
    for db in (ready, standing):
        db.engine.dispose()
    if standing.is_sqlite:
        return _swap_files(sqlite_file(ready), sqlite_file(standing), now)
    return _swap_databases(ready, standing, now)


def _swap_files(ready: Path, standing: Path, now: datetime) -> str | None:
    sqlite.fold_log(ready)
    manifest.sync(ready)
    aside = Path(f"{standing}.{REPLACED}-{now:%Y%m%dT%H%M%SZ}")
    if standing.exists():
        sqlite.fold_log(standing)
    logs = _put_logs_aside(standing, aside)
    if not standing.exists():
        ready.rename(standing)
        manifest.sync(standing.parent)
        return logs
    aside.hardlink_to(standing)  # so that there is a database at any moment
    ready.replace(standing)
    manifest.sync(standing.parent)
    return str(aside)


def _put_logs_aside(standing: Path, aside: Path) -> str | None:
    """Rename what is left of its log: SQLite would write it into the database that comes. Returns its name.

    There is one only if the database is damaged, or was lost without it.
    """
    kept = None
    for end in (sqlite.INDEX, sqlite.LOG):
        with suppress(FileNotFoundError):
            kept = str(Path(f"{standing}{end}").rename(f"{aside}{end}"))
    return kept


def _swap_databases(ready: Database, standing: Database, now: datetime) -> str | None:
    names = [str(db.engine.url.database) for db in (ready, standing)]
    with standing.read() as tx:
        empty = not inspect(tx).get_table_names()
    for db in (ready, standing):
        db.engine.dispose()
    new, old = (_quoted(standing, name) for name in names)
    aside = f"{_short(names[1])}_{REPLACED}_{now:%Y%m%dt%H%M%Sz}"
    kept = _quoted(standing, aside)
    away, back = f"ALTER DATABASE {old} RENAME TO {kept}", f"ALTER DATABASE {kept} RENAME TO {old}"
    if empty:
        away, back = f"DROP DATABASE {old}", f"CREATE DATABASE {old}"
    try:
        _administer(standing, away)
        try:
            _administer(standing, f"ALTER DATABASE {new} RENAME TO {old}")
        except BaseException:  # somebody has connected to it, or the command is ended
            _administer(standing, back)
            raise
    except DBAPIError as error:
        raise StoreRefused(f"{standing.shown_url}: {error.orig}".strip()) from None
    return None if empty else aside


def _administer(db: Database, statement: str) -> None:
    """Run a statement that no transaction may hold, connected to the server's own database."""
    url = db.engine.url.set(database=MAINTENANCE).render_as_string(hide_password=False)
    server = Database(url)
    try:
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)
    finally:
        server.engine.dispose()


def _quoted(db: Database, name: str) -> str:
    return db.engine.dialect.identifier_preparer.quote_identifier(name)


def _short(name: str) -> str:
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")
