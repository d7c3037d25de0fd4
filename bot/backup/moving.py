"""Move a store from SQLite to PostgreSQL, whole: rows, numbers and the journal. SQLite's is only read.

How far it is stands in the table `moving` of the new database, in the transaction that brings the rows there.
So a move that is killed goes on where it was, and no daemon starts on half a database.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    inspect,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.exc import DataError, IntegrityError

from bot.backup.examining import differences
from bot.backup.invariants import given_number, numbered_tables
from bot.backup.rows import Rows, is_ours, summarize
from bot.errors import StoreRefused
from bot.storage import presence
from bot.storage.journal import Journal
from bot.storage.tables import ErasureRow, ErasureSaltRow, LedgerRow, LedgerSaltRow
from memory.tables import Base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Row, Select

    from bot.clock import Clock
    from memory.db import Database, Tx

BATCH = 500  # rows of one transaction
MOVING = Table(
    presence.MOVING,
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("copied", BigInteger, nullable=False),  # rows
    Column("last", BigInteger, nullable=False),  # SQLite's rowid of the last one
)
OF_FILES = ErasureRow, ErasureSaltRow, LedgerRow, LedgerSaltRow
SHARED = tuple(row.__tablename__ for row in OF_FILES)  # what is in SQLite's, the files have, too
ROWID: Any = literal_column("rowid", BigInteger)
FIRST = -(2**63)
SET_NUMBER = text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :given)")


@dataclass(frozen=True, slots=True)
class Step:
    """How many rows of a table are there, of how many."""

    table: str
    copied: int
    count: int


def move(source: Database, target: Database, journal: Path, clock: Clock) -> Iterator[Step]:
    """Move it, and yield after each batch. At the end the source is marked as moved.

    Raises StoreRefused if a daemon runs, if the target holds anything else, or if the rows are not the same
    in the end; MemoryFault if a database cannot be used.
    """
    _require_kinds(source, target)
    source.require_current()
    with ExitStack() as stack:
        for db in (source, target):
            stack.enter_context(presence.alone(db))
        watch = stack.enter_context(source.engine.connect())
        version = _version(watch)
        with source.read() as tx:
            wanted = _without_shared(summarize(tx))
        _begin(target, wanted)
        for table in _tables():
            yield from _copy(source, target, table)
        _set_numbers(source, target)
        with target.read() as tx:
            found = _without_shared(summarize(tx))
        written = "" if _version(watch) == version else "somebody wrote to it meanwhile"
        _refuse(target, written or differences(wanted, found))
        Journal(journal, clock, target)  # it brings the file's lines along
        _end(source, target)


def _require_kinds(source: Database, target: Database) -> None:
    if not source.is_sqlite or target.is_sqlite:
        raise StoreRefused("a move goes from SQLite (the settings' database) to a postgresql:// URL")
    if moved := presence.moved_to(source):
        with target.read() as tx:
            if presence.is_moving(tx):
                return
        raise StoreRefused(f"it was moved already, to {moved}")


def _version(watch: Any) -> int:
    """A number that changes when another connection writes to the SQLite file."""
    found: int = watch.exec_driver_sql("PRAGMA data_version").scalar_one()
    watch.rollback()
    return found


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if table.name not in SHARED]


def _without_shared(tables: dict[str, Rows]) -> dict[str, Rows]:
    return {name: rows for name, rows in tables.items() if name not in SHARED}


# --- begin -----------------------------------------------------------------------------------------


def _begin(target: Database, wanted: dict[str, Rows]) -> None:
    """Bring the schema there, and note what will be moved; or go on with what was noted."""
    with target.write() as tx:
        if not presence.is_moving(tx):
            _require_empty(tx, target.shown_url)
            MOVING.create(tx)
    target.upgrade()
    with target.write() as tx:
        noted = {row.name: Rows(row.rows, row.hash) for row in tx.execute(select(MOVING))}
        if noted != wanted:  # it is new, or the source has changed since
            _clear(tx)
            rows = [{"name": name, "rows": rows.count, "hash": rows.hash} for name, rows in wanted.items()]
            tx.execute(insert(MOVING).values(copied=0, last=FIRST), rows)


def _require_empty(tx: Tx, shown: str) -> None:
    """Raise StoreRefused unless there is nothing, or scrubjay's tables without a row."""
    names = {name for name in inspect(tx).get_table_names() if is_ours(name)}
    foreign = sorted(names - Base.metadata.tables.keys())
    held = [name for name, rows in summarize(tx).items() if rows.count and name not in foreign]
    if foreign or held:
        raise StoreRefused(
            f"{shown} holds other data, in {', '.join([*foreign, *held][:5])}. Make an empty database for it "
            "(createdb), and name that"
        )


def _clear(tx: Tx) -> None:
    """Remove what an earlier try has brought there: all of it stands in the source."""
    names = ", ".join(f'"{table.name}"' for table in (*Base.metadata.sorted_tables, MOVING))
    tx.exec_driver_sql(f"TRUNCATE {names}")


# --- copy ------------------------------------------------------------------------------------------


def _copy(source: Database, target: Database, table: Table) -> Iterator[Step]:
    """Copy the rows that are not there yet, a batch in each transaction."""
    with target.read() as tx:
        noted = tx.execute(select(MOVING).where(MOVING.c.name == table.name)).one()
    copied, last, batch = noted.copied, noted.last, _batch(table)
    yield Step(table.name, copied, noted.rows)
    while rows := _read(source, batch, last):
        copied, last = copied + len(rows), rows[-1].rowid
        try:
            with target.write() as tx:
                tx.execute(insert(table), [_values(row) for row in rows])
                now = update(MOVING).where(MOVING.c.name == table.name)
                tx.execute(now.values(copied=copied, last=last))
        except (DataError, IntegrityError) as error:
            told = str(error.orig).split("\n")[0]
            where = f"{table.name}, in the {len(rows)} rows up to rowid {last}"
            raise StoreRefused(f"PostgreSQL does not take a row of {where}: {told}") from None
        yield Step(table.name, copied, noted.rows)


def _batch(table: Table) -> Select[Any]:
    after = select(ROWID.label("rowid"), *table.columns).where(bindparam("after") < ROWID)
    return after.order_by(ROWID).limit(BATCH)


def _read(source: Database, batch: Select[Any], last: int) -> list[Row[Any]]:
    with source.read() as tx:
        return list(tx.execute(batch, {"after": last}))


def _values(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "rowid"}  # noqa: SLF001 - SQLAlchemy's own interface


# --- end -------------------------------------------------------------------------------------------


def _set_numbers(source: Database, target: Database) -> None:
    """Let ids go on after the last that was given, also if its row is gone: n12 never names a second note."""
    with source.read() as tx:
        given = {table.name: given_number(tx, table) for table in numbered_tables()}
    with target.write() as tx:
        gap = Base.metadata.tables["gap"]
        given["gap"] = tx.scalar(select(func.max(gap.c.id)))
        for name, number in given.items():
            if number:
                tx.execute(SET_NUMBER, {"table": name, "given": number})


def _refuse(target: Database, wrong: str) -> None:
    """Raise StoreRefused if anything is wrong; then the next try begins anew."""
    if wrong:
        with target.write() as tx:
            _clear(tx)
        raise StoreRefused(f"what was moved is not what stands in the source: {wrong}. Run it again")


def _end(source: Database, target: Database) -> None:
    """From here on the new database is the one: the mark of the old one comes first."""
    presence.mark_moved(source, target.shown_url)
    with target.write() as tx:
        tx.exec_driver_sql("ANALYZE")
        MOVING.drop(tx)
