"""The one engine, its transactions and its schema: SQLite or PostgreSQL.

    with db.read() as tx: ...    a consistent snapshot
    with db.write() as tx: ...   begins IMMEDIATE on SQLite, so that no update is lost

No transaction may stay open across I/O.
"""

from __future__ import annotations

import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

from memory.errors import DatabaseTrouble, SchemaNewer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sqlalchemy import Engine

Tx: TypeAlias = Connection

BUSY_SECONDS = 30
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what is erased leaves no bytes behind
)


class Database:
    """An open database. `url` is SQLAlchemy's, e.g. `sqlite:///data/scrubjay.db`.

    Raises DatabaseTrouble if the URL cannot be used.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise DatabaseTrouble(f"{error}. Example: sqlite:///data/scrubjay.db") from error

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Tx]:
        with self._connection() as tx:
            if self.is_sqlite:
                tx.exec_driver_sql("BEGIN")
            else:
                tx.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield tx
            tx.rollback()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        with self._connection() as tx:
            if self.is_sqlite:
                tx.exec_driver_sql("BEGIN IMMEDIATE")
            yield tx
            tx.commit()

    @contextmanager
    def _connection(self) -> Iterator[Tx]:
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            raise DatabaseTrouble(str(error.orig)) from error
        with connection:
            yield connection

    def upgrade(self) -> None:
        """Bring the schema to this version, one process at a time.

        Raises SchemaNewer if the database is ahead of this version.
        """
        with self.write() as tx:
            lock(tx, "migrations")
            found = self._known_revision(tx)
            if found != ScriptDirectory.from_config(_alembic()).get_current_head():
                config = _alembic()
                config.attributes["connection"] = tx
                command.upgrade(config, "head")

    def check(self) -> tuple[str | None, str]:
        """The schema's revision here and the one wanted: (found, head). Raises SchemaNewer."""
        with self.read() as tx:
            found = self._known_revision(tx)
        head = ScriptDirectory.from_config(_alembic()).get_current_head()
        assert head is not None
        return found, head

    @staticmethod
    def _known_revision(tx: Tx) -> str | None:
        found = MigrationContext.configure(tx).get_current_revision()
        known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
        if found is not None and found not in known:
            raise SchemaNewer(found)
        return found

    def scrub(self) -> None:
        """After an erasure: leave no copy of the erased rows in SQLite's write-ahead log."""
        if self.is_sqlite:
            with self._connection() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.engine.dispose()


def lock(tx: Tx, name: str) -> None:
    """Hold `name` for this transaction. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(name.encode())})


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite":
        raise ArgumentError(f"{parsed.get_backend_name()} is not supported, sqlite and postgresql are")
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we write BEGIN ourselves
        for pragma in PRAGMAS:
            connection.execute(pragma)

    return engine


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", "migrations:")
    return config
