"""Make a backup of the database while the bot runs: one file, and its manifest beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.backup import manifest, postgres, sqlite
from bot.backup.manifest import Kind
from bot.errors import StoreRefused
from memory import crash
from memory.files import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from bot.backup.manifest import Manifest
    from bot.backup.rows import Contents
    from memory.db import Database

PARTIAL = ".partial"  # the end of the name of what is not whole yet


def make(
    db: Database,
    file: Path,
    now: datetime,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> Manifest:
    """Write the new file, readable by its owner only. It has its name only once it is whole, and on disk.

    `progress` is called with pages done and all pages, on SQLite. Raises StoreRefused, and MemoryFault if the
    database cannot be read.
    """
    if file.exists():
        raise StoreRefused(f"{file} exists already; name a new file")
    manifest.read(file)  # only one of a backup that was never finished is written over
    if db.check()[0] is None:
        raise StoreRefused(f"there is nothing to back up in {db.shown_url}")
    make_private_folder(file.absolute().parent)
    partial = file.with_name(f"{file.name}{PARTIAL}")
    partial.unlink(missing_ok=True)  # of a backup that was killed
    try:
        contents = _copy(db, partial, progress)
        manifest.sync(partial)
        crash.reach("backup")
        made = manifest.describe(partial, _kind(db), contents, now)
        manifest.write(made, manifest.path_of(file))
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    manifest.sync(file.absolute().parent)
    return made


def _copy(db: Database, target: Path, progress: Callable[[int, int], object]) -> Contents:
    return sqlite.copy(db, target, progress) if db.is_sqlite else postgres.dump(db, target)


def _kind(db: Database) -> Kind:
    return Kind.SQLITE if db.is_sqlite else Kind.POSTGRESQL
