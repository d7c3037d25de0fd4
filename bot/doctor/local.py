"""Checks of this machine: Python, settings, files, the database and what waits in it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from bot import factory
from bot.doctor.check import ACCOUNT_ADVICE, UPGRADE_ADVICE, Check, describe
from bot.domain.mention import ACTIVE, OPEN, State
from bot.errors import AccountTrouble, BreakerOpen, JournalUnavailable, TransientBrainError
from bot.storage.journal import is_shared
from memory.db import Database
from memory.errors import MemoryFault, SchemaNewer
from memory.text import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.config.settings import Settings
    from bot.domain.mention import Entry

PYTHON = (3, 11)
MIN_FREE_BYTES = 500 * 2**20  # for a week of a busy bot, with its backup
WAL_SETTINGS = ("max_wal_size", "archive_mode")
OTHERS = 0o077  # the rights of everybody but the owner
DAY = timedelta(days=1)
MAX_DELAY = timedelta(minutes=5)
MAX_ROWS = 1000
GAP_ADVICE = "scrubjay run, on a PDS with an AppView; `scrubjay gap list --open` tells more"
RESTORE_ADVICE = "move the file away and restore the last backup; `docs/operating.md` tells how"
JOURNAL_ADVICE = (
    "copy it back from where you keep it, before the bot runs; if it is lost, move away what is left of it: "
    "`scrubjay run` begins a new one, and `docs/operating.md` tells what that means"
)
RIGHTS_ADVICE = "see that its folder and file are yours: you must be able to write to both"
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
    with tempfile.TemporaryFile(dir=_nearest_folder(folder)):
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
    open_to_others = [path for path in places if path.is_file() and path.stat().st_mode & OTHERS]
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
    free = shutil.disk_usage(_nearest_folder(settings.data_dir)).free
    detail = f"{free / 2**30:.1f} GiB free"
    mend = f"make room: at least {MIN_FREE_BYTES // 2**20} MiB" if free < MIN_FREE_BYTES else None
    return Check("disk", free >= MIN_FREE_BYTES, detail, mend)


def _nearest_folder(path: Path) -> Path:
    """Return the folder, or the nearest parent of `path` that exists."""
    path = path.absolute()
    return next((folder for folder in (path, *path.parents) if folder.is_dir()), Path(os.sep))


def check_database(settings: Settings) -> Check:
    """Read all of it: pages that were overwritten are found when they are read, which may be weeks later."""
    place = make_url(settings.database).render_as_string(hide_password=True)
    with closing(Database(settings.database)) as db:
        if not db.exists():
            return Check("database", ok=True, detail=f"{place}: not yet, `scrubjay run` makes it")
        try:
            found, head = db.check()
            damage = db.damage()
        except (MemoryFault, DBAPIError) as error:
            return Check("database", ok=False, detail=describe(error), mend=_database_advice(error))
    if damage:
        return Check("database", ok=False, detail=f"{place} is damaged: {damage}", mend=RESTORE_ADVICE)
    if found != head:
        detail = f"{place}: schema {found or 'none'}, {head} is wanted"
        return Check("database", ok=False, detail=detail, mend=UPGRADE_ADVICE)
    return Check("database", ok=True, detail=f"{place}, schema {found}")


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
    with closing(Database(settings.database)) as db:
        if not path.exists():
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


def check_mentions(settings: Settings, now: datetime | None = None) -> Check:
    """Look for mentions that failed today, that no worker holds any more, or that wait too long."""
    if not _has_database(settings):
        return Check("mentions", ok=True, detail="none yet")
    from bot.storage import views

    now, db = now or datetime.now(UTC), Database(settings.database)
    with db.read() as tx:
        lists = [views.entries(tx, state=state, limit=MAX_ROWS) for state in (*OPEN, State.FAILED)]
    db.close()
    entries = list(chain.from_iterable(lists))
    failed = sum(entry.state == State.FAILED and _ended_at(entry) > now - DAY for entry in entries)
    open_count = sum(entry.state in OPEN for entry in entries)
    overdue = sum(
        entry.state in ACTIVE and entry.due_at is not None and entry.due_at < now for entry in entries
    )
    delays = [now - entry.due_at for entry in entries if entry.state in OPEN and entry.due_at is not None]
    oldest = max([*delays, timedelta()])
    if waiting := _find_common_cause([entry for entry in entries if entry.state in OPEN]):
        return waiting
    if not (failed or overdue or oldest > MAX_DELAY):
        return Check("mentions", ok=True, detail=f"{open_count} open, none stuck")
    minutes = round(oldest.total_seconds() / 60)
    detail = f"{failed} failed in a day, {overdue} left by a worker, the oldest {minutes} min late"
    mend = "scrubjay mention list --state failed; scrubjay mention retry URI" if failed else "scrubjay run"
    return Check("mentions", ok=False, detail=detail, mend=mend)


def _find_common_cause(entries: list[Entry]) -> Check | None:
    """The account or the brain, if mentions wait for one of them: it concerns them all."""
    for subject, check, waits in (
        ("account", "login", _waits_for_account),
        ("brain", "brain", _waits_for_brain),
    ):
        whys = [entry.why for entry in entries if entry.why and waits(entry.why)]
        if whys:
            detail = f"{len(whys)} of {len(entries)} open ones wait for the {subject}: {whys[0]}"
            mend = f"see `{check}` below; they are tried again"
            return Check("mentions", ok=False, detail=detail, mend=mend)
    return None


def check_gaps(settings: Settings, now: datetime | None = None) -> Check:
    """Look for gaps that may hide mentions which can still be answered; older mentions would expire."""
    if not _has_database(settings):
        return Check("gaps", ok=True, detail="none yet")
    from bot.storage import gaps

    now, db = now or datetime.now(UTC), Database(settings.database)
    with db.read() as tx:
        still_open = gaps.latest(tx, limit=MAX_ROWS, still_open=True)
    db.close()
    soon = timedelta(seconds=3 * settings.reconcile_every)
    overdue = [gap for gap in still_open if soon < now - gap.at < settings.limits.max_age]
    if not overdue:
        return Check("gaps", ok=True, detail=f"{len(still_open)} open, none for long")
    last = overdue[0]
    detail = f"{len(overdue)} open, the last since {last.at:%Y-%m-%d %H:%M}Z ({last.host}: {last.why})"
    return Check("gaps", ok=False, detail=detail, mend=GAP_ADVICE)


def _has_database(settings: Settings) -> bool:
    with closing(Database(settings.database)) as db:
        return db.exists()


def _waits_for_account(why: str) -> bool:
    return why.startswith(str(AccountTrouble.__doc__).split("\n")[0])


def _waits_for_brain(why: str) -> bool:
    return why.startswith((str(TransientBrainError()).strip(), str(BreakerOpen()).strip()))


def _ended_at(entry: Entry) -> datetime:
    return entry.ended_at or entry.seen_at
