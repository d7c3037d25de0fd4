"""A row of each person in every table of people, and a PostgreSQL with users who are no superusers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Boolean, Integer, LargeBinary, insert, text

import bot.storage.tables  # noqa: F401 - registers its tables
from memory.db import Database
from memory.tables import Instant, Micros, tables_of_people
from support.memory_people import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Column, Connection, Table

Rows: TypeAlias = "dict[Table, dict[str, Any]]"
NUMBERS = itertools.count(1)


def fill(db: Database, *dids: str) -> dict[str, Rows]:
    """Write one row of each of these people into each table whose rows belong to a person."""
    filled: dict[str, Rows] = {}
    with db.write() as tx:
        for did in dids:
            rows = filled[did] = {}
            for table in tables_of_people():
                rows[table] = add(tx, table, did, rows)
    return filled


def add(tx: Connection, table: Table, did: str, parents: Rows) -> dict[str, Any]:
    """Write one row; where it refers to another, to that among `parents`. Returns it as it stands there."""
    values = {column.name: value(column, did, parents) for column in table.columns}
    values = {name: each for name, each in values.items() if each is not None}
    return dict(tx.execute(insert(table).values(values).returning(*table.columns)).mappings().one())


def value(column: Column[Any], did: str, parents: Rows) -> Any:
    """Something that the column takes; None where the database finds a value itself."""
    if column.nullable or column is column.table.autoincrement_column:
        return None
    if column.foreign_keys:
        key = next(iter(column.foreign_keys))
        return parents[key.column.table][key.column.name]
    known = {"did": did, "said_by": did, "kind": "said"}
    return known[column.name] if column.name in known else something(column.type, did)


def something(kind: Any, did: str) -> Any:
    match kind:
        case Instant() | Micros():
            return NOW
        case Boolean():
            return False
        case LargeBinary():
            return b""
        case Integer():
            return next(NUMBERS)
        case _:
            return f"at://{did}/x/{next(NUMBERS)}"


def new_user(postgres: Callable[[], str], rights: str) -> str:
    """The URL of an empty database that belongs to a new user with these rights."""
    server, name = Database(postgres()), f"user{next(NUMBERS)}"
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN NOSUPERUSER {rights}"))
        connection.execute(text(f"CREATE DATABASE {name} OWNER {name}"))
    server.close()
    return server.engine.url.set(database=name, username=name).render_as_string(hide_password=False)
