"""Checks of this machine: Python, settings, files and the database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from bot import factory
from bot.backup.rows import bot_of
from bot.doctor.check import ACCOUNT_ADVICE, UPGRADE_ADVICE, Check, describe
from bot.errors import JournalUnavailable, LedgerUnavailable
from bot.storage import ledger
from bot.storage.journal import is_shared
from memory.db import Database
from memory.errors import MemoryFault, SchemaNewer
from memory.text import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.config.settings import Settings

PYTHON = (3, 11)
MIN_FREE_BYTES = 500 * 2**20  # for a week of a busy bot, with its backup
WAL_SETTINGS = ("max_wal_size", "archive_mode")
OTHERS = 0o077  # the rights of everybody but the owner
RESTORE_ADVICE = "move the file away and restore the last backup; `docs/operating.md` tells how"
JOURNAL_ADVICE = (
    "copy it back from where you keep it, before the bot runs; if it is lost, move away what is left of it: "
    "`scrubjay run` begins a new one, and `docs/operating.md` tells what that means"
)
CUT = 20  # lines of a ledger: each crash may leave one that is cut
LEDGER_ADVICE = (
    "copy it back from where you keep it, before the bot runs; if it is lost, move away what is left of it: "
    "`scrubjay run` begins a new one"
)
RIGHTS_ADVICE = "see that its folder and file are yours: you must be able to write to both"
FILE_ADVICE = "set SCRUBJAY_DATABASE_URL to a file"
STANDBY_ADVICE = "set SCRUBJAY_DATABASE_URL to the server that takes writes"
SQLITE_ADVICE: Mapping[int, str] = MappingProxyType(
    {
        sqlite3.SQLITE_CORRUPT: RESTORE_ADVICE,
        sqlite3.SQLITE_NOTADB: RESTORE_ADVICE,
        sqlite3.SQLITE_BUSY: "another program holds it: end that, or wait",
        sqlite3.SQLITE_FULL: "make room on its disk",
        sqlite3.SQLITE_IOERR: "see what the system's log says of the disk",
    }
)


def check_python() -> Check:
    wanted = ".".join(map(str, PYTHON))
    ok = sys.version_info[:2] >= PYTHON
    return Check("python", ok, sys.version.split()[0], None if ok else f"install Python {wanted} or newer")


def check_account(settings: Settings) -> Check:
    missing = [name for name in ("handle", "password") if getattr(settings, name) is None]
    if missing:
        return Check("account", ok=False, detail=f"no {' and no '.join(missing)}", mend=ACCOUNT_ADVICE)
    return Check("account", ok=True, detail=f"@{settings.handle}")


def check_data_dir(settings: Settings) -> Check:
    folder = settings.data_dir.absolute()
    with tempfile.TemporaryFile(dir=_nearest(folder)):
        made = "is writable" if folder.is_dir() else "not yet, `scrubjay run` makes it"
        return Check("data", ok=True, detail=f"{folder}: {made}")


def check_secrets(settings: Settings) -> Check:
    """Look for files with secrets, or with what people said, that other users of this machine may read."""
    places = [
        *settings.secret_files,
        settings.data_dir / "ledger",
        settings.data_dir / "journal",
        *_sqlite_files(settings),
    ]
    open_to_others = [path for path in places if _exists(path) and path.stat().st_mode & OTHERS]
    if not open_to_others:
        return Check("secrets", ok=True, detail="no other user can read them")
    names = " ".join(str(path) for path in open_to_others)
    return Check("secrets", ok=False, detail=f"other users can read {names}", mend=f"chmod 600 {names}")


def check_persona(settings: Settings) -> Check:
    persona = factory.read_persona(settings.persona_file)
    detail = f"{settings.persona_file or 'the one that ships'}, {tokens(persona.text())} tokens"
    return Check("persona", ok=True, detail=detail)


def _sqlite_files(settings: Settings) -> list[Path]:
    url = make_url(settings.database)
    path = url.database if url.get_backend_name() == "sqlite" else None
    return [Path(f"{path}{end}") for end in ("", "-wal", "-shm")] if path else []


def check_disk(settings: Settings) -> Check:
    free = shutil.disk_usage(_nearest(settings.data_dir)).free
    detail = f"{free / 2**30:.1f} GiB free"
    mend = f"make room: at least {MIN_FREE_BYTES // 2**20} MiB" if free < MIN_FREE_BYTES else None
    return Check("disk", free >= MIN_FREE_BYTES, detail, mend)


def _nearest(path: Path) -> Path:
    """What stands there, or the nearest parent of `path` that does."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if _exists(place))


def _exists(path: Path) -> bool:
    """Whether something stands there, as far as this user is told."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises what a closed folder says


def _is_closed(path: Path) -> bool:
    """Whether this user may not read and write the file, or not make it."""
    place = _nearest(path)
    rights = os.R_OK | os.W_OK | (os.X_OK if place.is_dir() else 0)
    return not os.access(place, rights, effective_ids=os.access in os.supports_effective_ids)


def check_ledger(settings: Settings) -> Check:
    """Look whether the ledger of what was answered can be read and written."""
    path = settings.data_dir / "ledger"
    if not _exists(path):
        if has_answers(settings):
            lost = f"{path} is not there, though the database has answers"
            return Check("ledger", ok=False, detail=lost, mend=LEDGER_ADVICE)
        return Check("ledger", ok=True, detail="none yet, `scrubjay run` begins it")
    if _is_closed(path):
        return Check("ledger", ok=False, detail=f"{path}: it is not yours", mend=RIGHTS_ADVICE)
    try:
        factory.open_ledger(settings)
        unreadable = ledger.count_unreadable(path)
    except LedgerUnavailable as error:
        return Check("ledger", ok=False, detail=describe(error), mend=LEDGER_ADVICE)
    told = f"{path}, of which {unreadable} lines cannot be read" if unreadable else str(path)
    if unreadable > CUT:
        return Check("ledger", ok=False, detail=told, mend=LEDGER_ADVICE)
    return Check("ledger", ok=True, detail=told)


def has_answers(settings: Settings) -> bool:
    """Whether an SQLite database holds a post. PostgreSQL holds the ledger, too; damage has its own check."""
    with closing(Database(settings.database)) as db, suppress(MemoryFault, DBAPIError, OSError):
        if db.is_sqlite and db.exists():
            with db.read() as tx:
                return bot_of(tx) is not None
    return False


def check_database(settings: Settings) -> Check:
    """Read all of it: pages that were overwritten are found when they are read, which may be weeks later."""
    place = make_url(settings.database).render_as_string(hide_password=True)
    if closed := _check_files(settings, place):
        return closed
    with closing(Database(settings.database)) as db:
        if not db.exists():
            return Check("database", ok=True, detail=f"{place}: not yet, `scrubjay run` makes it")
        try:
            return _read_all(db, place)
        except (MemoryFault, DBAPIError) as error:
            return Check("database", ok=False, detail=describe(error), mend=_database_advice(error))


def _check_files(settings: Settings, place: str) -> Check | None:
    """The failed check, if SQLite could not write to its files or make them."""
    files = _sqlite_files(settings)
    if any(map(os.path.isdir, files)):
        return Check("database", ok=False, detail=f"{place} is a folder", mend=FILE_ADVICE)
    if any(map(_is_closed, [*files, *(file.parent for file in files)])):
        return Check("database", ok=False, detail=f"{place}: it is not yours", mend=RIGHTS_ADVICE)
    return None


def _read_all(db: Database, place: str) -> Check:
    """Raises MemoryFault and DBAPIError."""
    revisions = db.check()
    if damage := db.damage():
        return Check("database", ok=False, detail=f"{place} is damaged: {damage}", mend=RESTORE_ADVICE)
    found, head = revisions
    if not revisions.fit:
        detail = f"{place}: schema {found or 'none'}, {head} is wanted"
        return Check("database", ok=False, detail=detail, mend=UPGRADE_ADVICE)
    if _only_reads(db):
        return Check("database", ok=False, detail=f"{place}: the server only reads", mend=STANDBY_ADVICE)
    return Check("database", ok=True, detail=f"{place}, schema {found}")


def _only_reads(db: Database) -> bool:
    """Whether the server takes no writes, as a standby of PostgreSQL."""
    if db.is_sqlite:
        return False
    with db.write() as tx:
        return tx.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"


def _database_advice(error: Exception) -> str:
    if isinstance(error, SchemaNewer):
        return "install the scrubjay that wrote it, or restore a backup that this one made"
    cause = getattr(error.__cause__ or error, "orig", None)
    if isinstance(cause, sqlite3.Error):
        return SQLITE_ADVICE.get(cause.sqlite_errorcode & 0xFF, RIGHTS_ADVICE)
    return "see that the PostgreSQL server runs and lets you in; SCRUBJAY_DATABASE_URL names it"


def check_journal(settings: Settings) -> Check:
    """Look whether the journal of erasures is there and can be read, and how many lines it has."""
    path = settings.data_dir / "journal"
    if _exists(path) and _is_closed(path):
        return Check("journal", ok=False, detail=f"{path}: it is not yours", mend=RIGHTS_ADVICE)
    with closing(Database(settings.database)) as db:
        if not _exists(path):
            if not db.exists():
                return Check("journal", ok=True, detail="none yet, `scrubjay run` begins it")
            if is_shared(db):
                return Check("journal", ok=True, detail="in the database, `scrubjay run` copies it here")
            return Check("journal", ok=False, detail=f"{path} is not there", mend=JOURNAL_ADVICE)
        try:
            journal = factory.open_journal(settings, db)
        except JournalUnavailable as error:
            return Check("journal", ok=False, detail=describe(error), mend=JOURNAL_ADVICE)
    return Check("journal", ok=True, detail=f"{path}, {len(journal)} erasures")


def check_leftovers(settings: Settings) -> Check:
    """Tell how long the database's own files keep what was erased. Fails if nothing ends that."""
    with closing(Database(settings.database)) as db:
        if db.is_sqlite:
            return Check("leftovers", ok=True, detail="none: SQLite overwrites what it erases")
        with db.read() as tx:
            shown = {name: str(tx.exec_driver_sql(f"SHOW {name}").scalar()) for name in WAL_SETTINGS}
            slots = tx.exec_driver_sql("SELECT count(*) FROM pg_replication_slots WHERE NOT active").scalar()
    detail = f"PostgreSQL's log keeps what is erased until about {shown['max_wal_size']} more is written"
    if slots:
        detail = f"{slots} replication slots that nobody reads keep its log without end"
        return Check("leftovers", ok=False, detail=detail, mend="SELECT pg_drop_replication_slot(name)")
    if shown["archive_mode"] != "off":
        detail += "; its archive, as long as you keep that"
    return Check("leftovers", ok=True, detail=detail)
