"""The database, SQLite or PostgreSQL: its engine, transactions and schema.

    with db.read() as tx: ...       a consistent snapshot of the whole store
    with db.write() as tx: ...      begins IMMEDIATE on SQLite, so that no update is lost
    with db.read(did) as tx: ...    only this person's rows, and so does `write`; see `memory.row_security`

No transaction may stay open across I/O.
"""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import stamina
from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    PendingRollbackError,
)

from memory import crash, row_security, schema
from memory.errors import DatabaseUnavailable, DatabaseUrlWrong, SchemaOlder
from memory.files import identity, make_private
from memory.prepared import INSERTS
from memory.schema import Revisions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine, ExceptionContext, Executable

Tx: TypeAlias = Connection
# of a database that may work again later; a connection that was cut leaves a rollback to be made
DATABASE_ERRORS = OperationalError, PendingRollbackError, DatabaseUnavailable
READ_ONLY = "25006"  # of a server that stands by, or was told to write nothing

AFTER, ERASED = "after commit", "erased"
BUSY_SECONDS = 30
CLOSE_SECONDS = 5
ROWS = 10_000  # that a stream reads at a time
EXAMPLES = "Examples: sqlite:///data/scrubjay.db, postgresql://user:password@host/scrubjay"
PG_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # what is erased leaves no bytes behind
)


class Database:
    """An open database. `url` is SQLAlchemy's, e.g. `sqlite:///data/scrubjay.db`.

    After a commit that erased something SQLite is scrubbed at once. If a reader prevented that, and always on
    PostgreSQL, `needs_scrub` is set: `scrub` has to be called.

    Raises DatabaseUrlWrong if the URL cannot be used, and later DatabaseUnavailable whenever a transaction
    cannot begin.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = _engine(url)
            self.needs_scrub = False
            self._opened: tuple[int, int] | None = None  # SQLite's file, as long as it is open
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise DatabaseUrlWrong(f"{error}. {EXAMPLES}") from error
        except ValueError:  # its text may have a part of the password
            raise DatabaseUrlWrong(f"the port is no number. {EXAMPLES}") from None
        if self.is_sqlite:
            event.listen(self.engine, "connect", self._note_file)
            event.listen(self.engine, "engine_disposed", lambda _: setattr(self, "_opened", None))

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def shown_url(self) -> str:
        """The URL without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self, person: str | None = None) -> Iterator[Tx]:
        """A snapshot in which nothing can be written; of `person` (a DID) only, if one is named."""
        begin = ("PRAGMA query_only=ON", "BEGIN") if self.is_sqlite else (PG_SNAPSHOT,)
        with self._transaction(*begin, person=person) as tx:
            yield tx
            tx.rollback()

    @contextmanager
    def write(self, person: str | None = None) -> Iterator[Tx]:
        """A transaction that commits at the end, or does nothing if an error leaves it.

        If a `person` (a DID) is named, it reads and writes only their rows.
        """
        begin = ("PRAGMA query_only=OFF", "BEGIN IMMEDIATE") if self.is_sqlite else ()
        with self._transaction(*begin, person=person) as tx:
            callbacks = tx.info[AFTER] = []
            tx.info[ERASED] = False
            yield tx
            tx.commit()
            erased = tx.info[ERASED]
        if erased:
            self.needs_scrub = True
            if self.is_sqlite:
                self.scrub()
        for callback in callbacks:
            callback()

    def _note_file(self, *_: object) -> None:
        self._opened = self._opened or identity(self.engine.url.database)

    def _require_file(self) -> None:
        """Raise DatabaseUnavailable if the open file has lost its name: what is written would be lost."""
        path = self.engine.url.database
        if self._opened is not None and identity(path) != self._opened:
            raise DatabaseUnavailable(
                f"{path} was moved, deleted or replaced while it was open. Put it back, or restore a backup"
            )

    @contextmanager
    def _transaction(self, *begin: str, person: str | None = None) -> Iterator[Tx]:
        self._require_file()
        with ExitStack() as stack:
            try:
                tx = stack.enter_context(self.engine.connect())
                for before in (row_security.PERSON, AFTER):  # `info` is the connection's, which had others
                    tx.info.pop(before, None)
                self._begin(tx, begin)
                if person is not None:
                    row_security.bind(tx, person)
            except (DBAPIError, sqlite3.Error) as error:
                why = getattr(error, "orig", error)
                raise DatabaseUnavailable(f"{self.shown_url}: {why}. {EXAMPLES}") from error
            yield tx

    def _begin(self, tx: Tx, statements: tuple[str, ...]) -> None:
        """SQLite is told past SQLAlchemy, whose own way takes a twentieth of what a mention costs."""
        driver: Any = tx.connection.driver_connection
        send = driver.execute if self.is_sqlite else tx.exec_driver_sql
        for statement in statements:
            send(statement)

    def upgrade(self) -> None:
        """Bring the schema to this version, one process at a time.

        A newer one that lets this version run on it is left as it is. Raises SchemaNewer if it does not.
        """
        with self.write() as tx:
            lock(tx, "migrations")
            if schema.upgrade(tx):
                crash.reach("migrated")

    def exists(self) -> bool:
        """Whether there is a database to connect to: connecting to SQLite would make an empty one."""
        return not self.is_sqlite or Path(self.engine.url.database or "").is_file()

    def check(self) -> Revisions:
        """The schema's revision here and the one wanted. Raises SchemaNewer if this version may not use it.

        `found` is None if there is no database; none is made.
        """
        if not self.exists():
            return Revisions(None, self.head())
        with self.read() as tx:
            return schema.read(tx)

    @staticmethod
    def head() -> str:
        """The revision of the schema that this version wants."""
        return schema.head()

    def require_current(self) -> None:
        """Raises DatabaseUnavailable if there is none, SchemaOlder and SchemaNewer. Creates nothing."""
        if not self.exists():
            raise DatabaseUnavailable(f"{self.shown_url} does not exist yet: `scrubjay run` makes it")
        revisions = self.check()
        if not revisions.fit:
            raise SchemaOlder(revisions.found)

    def damage(self) -> str | None:
        """What SQLite finds wrong when it reads every page; None if nothing. PostgreSQL is not asked."""
        if not self.is_sqlite:
            return None
        with self._transaction() as tx:
            found = str(tx.exec_driver_sql("PRAGMA quick_check(1)").scalar())
        return None if found == "ok" else " ".join(found.split())

    def scrub(self, wait: float = 0) -> bool:
        """Remove copies of erased rows: from SQLite's write-ahead log, or from PostgreSQL's tables.

        False, and `needs_scrub` stays set, if others still use the log after `wait` seconds: call it again.
        PostgreSQL's own log is its server's: its settings say how long it is kept.
        """
        busy = False
        if self.needs_scrub and not self.is_sqlite:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                tables = ", ".join(f'"{name}"' for name in inspect(connection).get_table_names())
                connection.exec_driver_sql(f"VACUUM {tables}")
        if self.is_sqlite:
            with self._transaction(f"PRAGMA busy_timeout={wait * 1000:.0f}") as tx:
                try:
                    busy, *_ = tx.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                finally:
                    tx.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        self.needs_scrub = self.needs_scrub and bool(busy)
        return not busy

    def close(self) -> None:
        """Close the connections; before, try a scrub that is still due for CLOSE_SECONDS."""
        if self.needs_scrub:
            self.scrub(CLOSE_SECONDS)
        self.engine.dispose()


def after_commit(tx: Tx, callback: Callable[[], None]) -> None:
    """Call this once the writing transaction is committed; never if it fails."""
    tx.info[AFTER].append(callback)


def is_writing(tx: Tx) -> bool:
    """Whether the transaction can write: what it reads may never be committed."""
    return AFTER in tx.info


def mark_erased(tx: Tx) -> None:
    """Let the database scrub itself once this transaction is committed."""
    tx.info[ERASED] = True


def insert(tx: Tx, table: Any) -> Any:
    """An INSERT that has ON CONFLICT, in the dialect of the database."""
    return INSERTS[tx.dialect.name](table)


def stream(tx: Tx, query: Executable) -> Iterator[Any]:
    """The rows, with few of them in memory at a time."""
    return iter(tx.execute(query, execution_options={"yield_per": ROWS}))


def lock(tx: Tx, name: str) -> None:
    """Take the lock `name` until the transaction ends. SQLite has one writer at a time anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(name.encode())})


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
        event.listen(engine, "handle_error", _name_read_only)
        return engine
    if parsed.get_backend_name() != "sqlite":
        raise ArgumentError(f"{parsed.get_backend_name()} is not supported, sqlite and postgresql are")
    if parsed.database in {None, "", ":memory:"}:
        raise ArgumentError("SQLite needs a file: in memory each thread would have a database of its own")
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def _make_private(*_: object) -> None:
        make_private(Path(parsed.database or ""))

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the transactions above send BEGIN
        _switch_to_wal(connection)
        for pragma in PRAGMAS:
            connection.execute(pragma)

    return engine


def _name_read_only(context: ExceptionContext) -> None:
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        raise DatabaseUnavailable(f"{context.original_exception}")


def _is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


@stamina.retry(on=_is_busy, attempts=None, timeout=BUSY_SECONDS, wait_initial=0.02)
def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for another writer here, so this does."""
    connection.execute("PRAGMA journal_mode=WAL")
