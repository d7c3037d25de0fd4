"""Look whether a backup that was loaded into a scratch database is what its manifest says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from bot.backup import manifest, sqlite
from bot.backup.findings import Finding, judge
from bot.backup.invariants import broken_keys
from bot.backup.rows import bot_of, read_contents
from bot.errors import StoreRefused
from bot.storage.presence import sqlite_file
from memory.errors import MemoryFault, SchemaNewer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.backup.manifest import Manifest
    from bot.backup.rows import Contents, Rows
    from memory.db import Database

UNKNOWN = "there is no manifest beside it: whether it is complete cannot be told"
SHOWN = 5  # tables that are named in a detail


def check_file(backup: Path, known: Manifest | None) -> Finding:
    """Whether the file is byte for byte the one that was made."""
    if known is None:
        return Finding("file", None, UNKNOWN)
    size = backup.stat().st_size
    if size != known.size:
        return Finding(
            "file", ok=False, detail=f"{size} bytes, {known.size} were written: it is cut or another"
        )
    same = manifest.digest(backup) == known.sha256
    return judge("file", "" if same else "its bytes have changed", f"{size} bytes, as they were written")


def check_integrity(staged: Database) -> Finding:
    """Whether SQLite can read every page and index. A dump of PostgreSQL was read when it was loaded."""
    if not staged.is_sqlite:
        return Finding("integrity", ok=True, detail="pg_restore has read all of it")
    with closing(sqlite3.connect(sqlite_file(staged))) as connection:
        return judge("integrity", sqlite.damage_of(connection), "every page, index and constraint is right")


def check_contents(staged: Database, standing: Database, known: Manifest | None) -> Iterator[Finding]:
    """Schema, keys, rows, and whose it is. Nothing after the first that cannot be read."""
    try:
        revisions = staged.check()
        with staged.read() as tx:
            contents = read_contents(tx)
            keys = broken_keys(tx)
    except SchemaNewer as error:
        yield Finding("schema", ok=False, detail=str(error))
        return
    except (StoreRefused, MemoryFault, DBAPIError) as error:
        yield Finding("schema", ok=False, detail=str(error).split("\n")[0])
        return
    found, head = revisions
    upgraded = f"{found}" if revisions.fit else f"{found}, upgraded to {head}"
    yield judge("schema", _other_schema(known, contents.schema), upgraded)
    yield judge("foreign keys", keys, "every row has the rows that it names")
    yield _compare_rows(contents, known)
    yield _compare_bots(contents.bot, _standing_bot(standing))


def _other_schema(known: Manifest | None, found: str) -> str:
    if known is None or known.contents.schema == found:
        return ""
    return f"{found}, and its manifest says {known.contents.schema}"


def _compare_rows(contents: Contents, known: Manifest | None) -> Finding:
    count = sum(rows.count for rows in contents.tables.values())
    if known is None:
        return Finding("rows", None, f"{count}; {UNKNOWN}")
    wrong = differences(known.contents.tables, contents.tables)
    return judge("rows", wrong, f"{count} in {len(contents.tables)} tables, counts and hashes as they were")


def differences(wanted: dict[str, Rows], found: dict[str, Rows]) -> str:
    """The tables whose rows are not those that were wanted; empty if there are none."""
    names = [name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name)]
    told = [f"{name} ({_count(found, name)} rows, {_count(wanted, name)} wanted)" for name in names]
    return ", ".join(told[:SHOWN]) + (f" and {len(told) - SHOWN} more tables" if len(told) > SHOWN else "")


def _count(tables: dict[str, Rows], name: str) -> int | str:
    return tables[name].count if name in tables else "no"


def _standing_bot(standing: Database) -> str | None:
    """The account of the database that stands; None if there is none, or it cannot be read."""
    try:
        if not standing.exists():
            return None
        with standing.read() as tx:
            return bot_of(tx)
    except (MemoryFault, DBAPIError):
        return None


def _compare_bots(theirs: str | None, ours: str | None) -> Finding:
    if theirs and ours and theirs != ours:
        return Finding("bot", ok=False, detail=f"it is of {theirs}, and the database here of {ours}")
    return Finding("bot", ok=True, detail=theirs or "it never posted")
