"""Restore a backup, or only look whether it could be restored.

Nothing that stands is lost: the database is kept under another name, and ledger and journal only grow. What
the journal names is erased from the restored database before anybody can serve it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from bot.backup import manifest, postgres, staging
from bot.backup.examining import check_contents, check_file, check_integrity
from bot.errors import StoreRefused
from bot.privacy.reapplying import apply_journal
from bot.storage import journal, ledger, presence
from bot.storage.journal import Journal
from bot.storage.ledger import Ledger
from bot.storage.tables import ErasureSaltRow, LedgerSaltRow
from memory.db import Database
from memory.errors import DatabaseUnavailable
from memory.files import make_private_folder

if TYPE_CHECKING:
    from bot.backup.findings import Finding
    from bot.backup.manifest import Manifest
    from bot.clock import Clock
    from bot.privacy.reapplying import Erased
    from memory.store import Memory


@dataclass(frozen=True, slots=True)
class Site:
    """Where a store stands: the database's URL, and the folder of ledger and journal."""

    database: str
    folder: Path
    memory: Memory
    clock: Clock

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"


@dataclass(frozen=True, slots=True)
class Erasures:
    """How much the journal names of what the backup holds. `answers` are those shown what was erased."""

    people: int
    posts: int
    notes: int
    answers: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a backup is. `erased` is None if it was not looked at, because something before is wrong.

    `merged`: lines of the backup's ledger and journal that those here did not have. `replaced`: under which
    name the database is kept that stood here.
    """

    manifest: Manifest | None
    findings: tuple[Finding, ...]
    merged: dict[str, int]
    erased: Erasures | None
    replaced: str | None = None

    @property
    def ok(self) -> bool:
        return all(finding.ok is not False for finding in self.findings)


def check(backup: Path, site: Site, kept: Path | None = None) -> Report:
    """Restore into a scratch database, beside copies of ledger and journal. Changes nothing.

    `kept` is a folder with a ledger and a journal that belong to the backup. Raises StoreRefused.
    """
    with closing(Database(site.database)) as standing, tempfile.TemporaryDirectory() as scratch:
        copies = replace(site, folder=Path(scratch))
        for name, examine in (("ledger", ledger.examine), ("journal", journal.examine)):
            if os.path.lexists(site.folder / name):
                examine(site.folder / name)
                shutil.copyfile(site.folder / name, copies.folder / name)
        with staging.staged(backup, standing, check=True) as db:
            return _prepare(db, standing, backup, copies, kept)


def restore(backup: Path, site: Site, kept: Path | None = None) -> Report:
    """Put the backup into the place of the database. Raises StoreRefused, also if a daemon runs."""
    standing = Database(site.database)
    make_private_folder(site.folder)
    if standing.is_sqlite:
        make_private_folder(presence.sqlite_file(standing).absolute().parent)
    with closing(standing), presence.alone(standing):
        presence.refuse_moved(standing)
        with staging.staged(backup, standing, check=False) as db:
            report = _prepare(db, standing, backup, site, kept)
            if not report.ok:
                wrong = [f"{each.name}: {each.detail}" for each in report.findings if each.ok is False]
                raise StoreRefused(f"{backup} is not restored. {'; '.join(wrong)}")
            db.close()
            replaced = staging.put_in_place(db, standing, site.clock())
        if not standing.is_sqlite:
            with standing.write() as tx:
                postgres.make_role(tx)
    return replace(report, replaced=replaced)


def _prepare(db: Database, standing: Database, backup: Path, site: Site, kept: Path | None) -> Report:
    """Examine what was loaded; if it is right, upgrade it and erase from it what the journal names."""
    known = manifest.read(backup)
    findings = [check_file(backup, known), check_integrity(db)]
    if all(each.ok is not False for each in findings):
        findings += check_contents(db, standing, known)
    report = Report(known, tuple(findings), {}, None)
    if not report.ok:
        return report
    db.upgrade()
    merged = _merge(site, standing, db, kept)
    parts = site.memory, Ledger(site.ledger, site.clock, db), Journal(site.journal, site.clock, db)
    return replace(report, merged=merged, erased=_counted(apply_journal(db, *parts, site.clock())))


def _merge(site: Site, standing: Database, db: Database, kept: Path | None) -> dict[str, int]:
    """Bring together what the files here, the databases and the files of the backup know."""
    merged = {}
    if kept is not None and (kept / "ledger").is_file():
        merged["ledger"] = ledger.merge(site.ledger, kept / "ledger")
    if kept is not None and (kept / "journal").is_file():
        merged["journal"] = journal.merge(site.journal, kept / "journal")
    for each in (standing, db):
        _merge_database(site, each)
    return merged


def _merge_database(site: Site, db: Database) -> None:
    """Take in what PostgreSQL has of ledger and journal, from other machines. It may be unreadable."""
    if db.is_sqlite:
        return
    try:
        with db.read() as tx:
            tables = inspect(tx)
            if tables.has_table(ErasureSaltRow.__tablename__):
                journal.merge_database(site.journal, tx)
            if tables.has_table(LedgerSaltRow.__tablename__):
                ledger.merge_database(site.ledger, tx)
    except (DatabaseUnavailable, DBAPIError):
        return


def _counted(erased: Erased) -> Erasures:
    return Erasures(len(erased.people), len(erased.posts), len(erased.notes), len(erased.repeated))
