"""What a database holds, as counts and hashes of rows.

A hash is the same for the same rows, in whatever order and on whichever database.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alembic.migration import MigrationContext
from sqlalchemy import Column, MetaData, Table, inspect, select
from sqlalchemy.exc import OperationalError

from bot.domain.uris import author
from bot.errors import StoreRefused
from bot.storage.presence import MOVING
from bot.storage.tables import OutboxRow, SessionRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Inspector

    from memory.db import Tx

BATCH = 1000  # rows that are held at once
NOT_OURS = ("alembic_version", MOVING)
TOOLS = "_"  # so begin tables that a tool puts beside ours: Litestream's `_litestream_seq`
SECRET = frozenset(
    {SessionRow.__tablename__}
)  # tables whose rows are in no backup: they let into the account


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows a table has, and their hash in hexadecimal: the sum of SHA-256 of each, modulo 2**256."""

    count: int
    hash: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds. `schema`: its revision. `bot`: its account's DID; None if it never posted."""

    schema: str
    bot: str | None
    tables: dict[str, Rows]


UNREADABLE = "Could not decode"  # so begins what SQLite says of a text that is none
NONE = Rows(0, f"{0:064x}")


def read_contents(tx: Tx, without: Collection[str] = ()) -> Contents:
    """Raises StoreRefused if there is no schema."""
    schema = MigrationContext.configure(tx).get_current_revision()
    if schema is None:
        raise StoreRefused("there are no tables of scrubjay in it")
    return Contents(schema, bot_of(tx), summarize(tx, without))


def bot_of(tx: Tx) -> str | None:
    """The DID of the account whose posts this database holds."""
    uri = tx.scalar(select(OutboxRow.uri).where(OutboxRow.uri.is_not(None)).limit(1))
    return author(uri) if uri else None


def summarize(tx: Tx, without: Collection[str] = ()) -> dict[str, Rows]:
    """Count and hash the rows of each table, as the schema of this database has it.

    Those `without` count as empty. Rows are streamed. Raises StoreRefused if one cannot be read.
    """
    known, found = inspect(tx), {}
    for name in sorted(filter(is_ours, known.get_table_names())):
        try:
            found[name] = NONE if name in without else _summarize(tx, _table(known, name))
        except (TypeError, ValueError, OperationalError) as error:
            if isinstance(error, OperationalError) and UNREADABLE not in str(error):
                raise
            told = str(getattr(error, "orig", error)).split("\n")[0]
            raise StoreRefused(
                f"a row of {name} cannot be read: {told}. Restore a backup, or mend it by hand"
            ) from None
    return found


def is_ours(table: str) -> bool:
    """Whether its rows are what scrubjay stores, in this version or another."""
    return table not in NOT_OURS and not table.startswith(TOOLS)


def _table(known: Inspector, name: str) -> Table:
    columns = sorted(known.get_columns(name), key=lambda column: column["name"])
    return Table(name, MetaData(), *(Column(column["name"], column["type"]) for column in columns))


def _summarize(tx: Tx, table: Table) -> Rows:
    count = total = 0
    for row in tx.execute(select(table), execution_options={"yield_per": BATCH}):
        count += 1
        total += int.from_bytes(_hash(row))
    return Rows(count, f"{total % 2**256:064x}")


def _hash(row: object) -> bytes:
    text = json.dumps([*row], default=_plain, separators=(",", ":"))  # type: ignore[misc]  # a Row is iterable
    return hashlib.sha256(text.encode()).digest()


def _plain(value: object) -> str:
    """A time in UTC to the microsecond, or bytes in hexadecimal. SQLite's times have no zone, and are UTC."""
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat(timespec="microseconds")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    raise TypeError(type(value).__name__)
