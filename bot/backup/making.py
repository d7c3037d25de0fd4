"""Make a backup of the database while the bot runs: one file, and its manifest beside it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot.backup import manifest, postgres, sqlite
from bot.backup.manifest import Kind
from bot.errors import StoreRefused
from memory import crash
from memory.files import identity, make_private, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

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
    make_private(partial)
    with begun(partial, Path.unlink) as require_ours:
        contents = _copy(db, partial, progress)
        require_ours()
        manifest.sync(partial)
        crash.reach("backup")
        made = manifest.describe(partial, _kind(db), contents, now)
        manifest.write(made, manifest.path_of(file))
        require_ours()
        partial.rename(file)
    manifest.sync(file.absolute().parent)
    return made


@contextmanager
def begun(partial: Path, remove: Callable[[Path], object]) -> Iterator[Callable[[], None]]:
    """Remove this file or folder after the block, unless it has got its name, or another backup begun anew.

    Gives a function that raises StoreRefused if another has. What is open shares its number with no other.
    """
    try:
        descriptor = os.open(partial, os.O_RDONLY)
    except OSError as error:
        raise StoreRefused(f"the backup cannot be written: {partial}: {error.strerror}") from error
    status = os.fstat(descriptor)

    def is_ours() -> bool:
        return identity(str(partial)) == (status.st_dev, status.st_ino)

    def require_ours() -> None:
        if not is_ours():
            raise StoreRefused(f"{partial} was begun anew by another backup of the same name")

    try:
        yield require_ours
    finally:
        if is_ours():
            remove(partial)
        os.close(descriptor)


def _copy(db: Database, target: Path, progress: Callable[[int, int], object]) -> Contents:
    return sqlite.copy(db, target, progress) if db.is_sqlite else postgres.dump(db, target)


def _kind(db: Database) -> Kind:
    return Kind.SQLITE if db.is_sqlite else Kind.POSTGRESQL
