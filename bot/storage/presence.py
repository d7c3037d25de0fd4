"""Who uses a database now, and whether it was moved elsewhere.

A daemon on SQLite holds a shared lock on the file `<database>.lock`; the system lets it go when the process
ends, however that happens. On PostgreSQL the server knows its sessions. `<database>.moved` beside an SQLite
file says that it was moved to PostgreSQL, so that no daemon goes on with the old one; while a move is under
way, the new one has the table `moving`.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from bot.errors import StoreMoved, StoreRefused
from memory.files import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memory.db import Database, Tx

MOVING = "moving"
SESSIONS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


def sqlite_file(db: Database) -> Path:
    """The file of an SQLite database: the same by whatever link to it the URL names it."""
    path = Path(str(db.engine.url.database))
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@dataclass(slots=True)
class Claim:
    """A lock that is held until `close`, or until the process ends. None: there is nothing to lock."""

    descriptor: int | None = None

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def claim(db: Database) -> Claim:
    """Say that a daemon serves this database. Raises StoreRefused if it is being restored or moved."""
    if not db.is_sqlite:
        return Claim()  # its connections say it
    return _lock(db, fcntl.LOCK_SH, "it is being restored or moved at the moment; start again afterwards")


@contextmanager
def alone(db: Database) -> Iterator[None]:
    """Keep daemons off this database within the block. Raises StoreRefused if somebody uses it."""
    if db.is_sqlite:
        with closing(_lock(db, fcntl.LOCK_EX, "a daemon runs on it; stop it before")):
            yield
        return
    with db.read() as tx:
        others = tx.scalar(SESSIONS)
    if others:
        raise StoreRefused(
            f"{db.shown_url}: {others} other sessions are connected to it; stop the daemons before"
        )
    yield


def _lock(db: Database, kind: int, why_not: str) -> Claim:
    path = Path(f"{sqlite_file(db)}.lock")
    make_private(path)
    try:
        held = Claim(os.open(path, os.O_RDWR))
    except FileNotFoundError:  # SQLite will say better that there is no such folder
        return Claim()
    assert held.descriptor is not None
    try:
        fcntl.flock(held.descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise StoreRefused(f"{sqlite_file(db)}: {why_not}") from None
    return held


def mark_moved(db: Database, target: str) -> None:
    """Write beside the SQLite file that it was moved to `target`, a URL without its password."""
    path = _moved_file(db)
    make_private(path)
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{target}\n")
        file.flush()
        os.fsync(file.fileno())


def moved_to(db: Database) -> str | None:
    """The URL that this database was moved to; None if it was not."""
    path = _moved_file(db)
    return path.read_text("utf-8").strip() if db.is_sqlite and path.is_file() else None


def refuse_moved(db: Database) -> None:
    """Raise StoreMoved if this database was moved elsewhere, and StoreRefused if it is not whole yet."""
    if target := moved_to(db):
        raise StoreMoved(
            f"{sqlite_file(db)} was moved to {target}. Set SCRUBJAY_DATABASE_URL to that. To use the old one "
            f"again, which knows nothing of what happened since, delete {_moved_file(db)}"
        )
    if not db.is_sqlite:
        with db.read() as tx:
            unfinished = is_moving(tx)
        if unfinished:
            raise StoreRefused(f"a move into {db.shown_url} is not finished; run `scrubjay db move` again")


def is_moving(tx: Tx) -> bool:
    return inspect(tx).has_table(MOVING)


def _moved_file(db: Database) -> Path:
    return Path(f"{sqlite_file(db)}.moved")
