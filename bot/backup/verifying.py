"""Look whether a database is whole: its pages, its schema, and what must be true of its rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.backup import invariants, postgres, sqlite
from bot.backup.findings import Finding, judge
from bot.backup.rows import TOOLS, summarize
from bot.errors import StoreRefused
from bot.storage.presence import sqlite_file
from memory.errors import MemoryFault
from memory.tables import Base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from memory.db import Database, Tx
    from memory.schema import Revisions

CHECKSUMS = text("SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()")
AMCHECK = text("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'")
INDEXES = text(
    "SELECT bt_index_check(index.oid, true) FROM pg_class AS index JOIN pg_index ON indexrelid = index.oid "
    "JOIN pg_am ON pg_am.oid = index.relam WHERE amname = 'btree' AND indisvalid "
    "AND index.relnamespace = to_regnamespace(current_schema())"
)
ONLY_POSTGRES = frozenset({"ix_answer_source_mention"})  # SQLite's primary keys do as much


def verify(db: Database) -> Iterator[Finding]:
    """Yield what is found. Nothing more after what makes the rest unreadable. Changes nothing."""
    integrity = _check_pages(db)
    yield integrity
    if integrity.ok is False:
        return
    try:
        revisions = db.check()
        found, head = revisions
        if not revisions.fit:
            yield Finding(
                "schema", ok=False, detail=f"{found or 'none'}, {head} is wanted: scrubjay db upgrade"
            )
            return
        with db.read() as tx:
            yield _check_schema(tx, revisions)
            yield from _check_rows(tx)
    except (MemoryFault, DBAPIError) as error:
        yield Finding("schema", ok=False, detail=str(error).split("\n")[0])


def _check_schema(tx: Tx, revisions: Revisions) -> Finding:
    if revisions.found != revisions.head:
        return Finding("schema", None, f"{revisions.found}, which a newer scrubjay has to look at")
    return judge("schema", _other_schema(tx), revisions.head)


def _check_rows(tx: Tx) -> Iterator[Finding]:
    if tx.dialect.name == "postgresql":
        yield _check_indexes(tx)
        yield _check_checksums(tx)
    try:
        count = sum(rows.count for rows in summarize(tx).values())
        yield Finding("rows", ok=True, detail=f"{count} rows were read")
    except StoreRefused as error:
        yield Finding("rows", ok=False, detail=str(error.args[0]))
    yield judge("values", invariants.foreign_values(tx), "each is of its column's type")
    yield judge("foreign keys", invariants.broken_keys(tx), "every row has the rows that it names")
    yield judge("numbers", invariants.late_sequences(tx), "no id is given twice")
    for name, count in invariants.broken(tx):
        yield judge(name, f"{count} rows are not so" if count else "", "yes")


def _check_pages(db: Database) -> Finding:
    if not db.is_sqlite:
        return Finding("integrity", None, "PostgreSQL's server checks its own pages")
    if not db.exists():
        return Finding("integrity", ok=False, detail=f"{db.shown_url} does not exist")
    with closing(sqlite3.connect(f"{sqlite_file(db).absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return judge("integrity", sqlite.damage_of(connection), "every page, index and constraint is right")


def _other_schema(tx: Tx) -> str:
    """Where tables, columns and indexes are not those of the code; empty if nowhere."""
    wanted = {"include_object": _is_wanted(tx.dialect.name), "include_name": _is_looked_at}
    context = MigrationContext.configure(tx, opts=wanted)
    changes = compare_metadata(context, Base.metadata)
    return "; ".join(" ".join(map(str, change))[:100] for change in changes[: invariants.SHOWN])


def _is_wanted(dialect: str) -> Callable[..., bool]:
    """What of the code's schema this kind of database has."""
    return lambda _, name, *__: dialect == "postgresql" or name not in ONLY_POSTGRES


def _is_looked_at(name: str | None, kind: str, _parents: object) -> bool:
    """A tool's own tables may be anything."""
    return kind != "table" or name is None or not name.startswith(TOOLS)


def _check_indexes(tx: Tx) -> Finding:
    """Let amcheck read every index and hold it against its table."""
    if not tx.scalar(AMCHECK):
        return Finding("indexes", None, "not looked at: as a superuser, CREATE EXTENSION amcheck")
    try:
        with tx.begin_nested():
            count = len(tx.execute(INDEXES).all())
    except DBAPIError as error:
        told = str(error.orig).split("\n")[0]
        denied = getattr(error.orig, "sqlstate", None) == postgres.NOT_PERMITTED
        return Finding("indexes", None if denied else False, told)
    return Finding("indexes", ok=True, detail=f"amcheck has read {count}")


def _check_checksums(tx: Tx) -> Finding:
    failures = tx.scalar(CHECKSUMS)
    if failures is None:
        return Finding("checksums", None, "the server keeps none (initdb --data-checksums)")
    return judge(
        "checksums", f"{failures} pages were read wrong" if failures else "", "no page was read wrong"
    )
