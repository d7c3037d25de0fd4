"""The ledger: which mentions were answered and which were erased, even if the database is lost or restored.

It is a file of salted hashes beside the database, not in its backup. It holds no name, no text and no URI.
Each line is `<kind> <hash> <day>`; the first line holds the salt. On PostgreSQL salts and lines stand in the
database as well: each machine brings its lines there and takes those of the others.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select, text

from bot.errors import LedgerUnavailable
from bot.storage import salted_file, shared_salts
from bot.storage.ledger_entries import LINE, Entries, EntryKind, Key, parse
from bot.storage.salted_file import SaltedFile
from bot.storage.tables import LedgerRow, LedgerSaltRow
from memory.db import insert, lock

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date
    from pathlib import Path

    from bot.clock import Clock
    from memory.db import Database, Tx

KEEP_FOR = timedelta(days=400)
RECENT = timedelta(days=2)  # no machine keeps its lines from the others for longer
MAGIC = "scrubjay-ledger-1"
# A sum for each day shows whether two ledgers have the same lines of it. See `Entries.sums`.
SUMS = text(
    "SELECT day, sum(('x' || substr(hash, CASE kind WHEN 'a' THEN 1 ELSE 13 END, 12))::bit(48)::bigint) "
    "AS total FROM ledger_line WHERE day >= :since GROUP BY day"
)
KNOWN = re.compile(LINE.pattern + rb"|^\+ [0-9a-f]{64}\n", re.MULTILINE)
OF_DAY = select(LedgerRow.kind, LedgerRow.hash).where(LedgerRow.day == bindparam("day"))


def merge(path: Path, other: Path) -> int:
    """Take what the ledger at `other` knows into that at `path`. Returns how many lines were new there.

    Raises LedgerUnavailable. A ledger that is not there yet is made, with the salt of the other.
    """
    return salted_file.merge_file(path, other, MAGIC, LedgerUnavailable)


def merge_database(path: Path, tx: Tx) -> int:
    """The same with what a database has of ledgers, if it has any."""
    salts = shared_salts.read(tx, LedgerSaltRow)
    if not salts:
        return 0
    rows = tx.execute(select(LedgerRow.kind, LedgerRow.hash, LedgerRow.day))
    return salted_file.merge(path, MAGIC, LedgerUnavailable, salts, [" ".join(row) for row in rows])


def examine(path: Path) -> None:
    """Raises LedgerUnavailable if what stands there is no ledger."""
    SaltedFile(path, MAGIC, LedgerUnavailable)


def count_unreadable(path: Path) -> int:
    """How many lines after the head are neither an entry nor a salt. Raises LedgerUnavailable."""
    blocks = SaltedFile(path, MAGIC, LedgerUnavailable).blocks()
    return sum(block.count(b"\n") - sum(1 for _ in KNOWN.finditer(block)) for block in blocks) - 1


class Ledger:
    """Open (or make) the ledger at `path`, with the salt of the database if `db` is PostgreSQL.

    This and every method raise LedgerUnavailable. After a write that failed the same call may be made again.
    """

    def __init__(self, path: Path, clock: Clock, db: Database | None = None) -> None:
        self._clock = clock
        self._entries = Entries()
        if db is None or db.is_sqlite:
            self._file = SaltedFile(path, MAGIC, LedgerUnavailable)
            return
        with db.read() as tx:
            salts = shared_salts.read(tx, LedgerSaltRow)
        self._file = SaltedFile(path, MAGIC, LedgerUnavailable, salts[0] if salts else "")
        self._share_salts(db)

    def add(self, kind: EntryKind, *uris: str) -> None:
        """Append a line for each mention. The lines are on disk when this returns."""
        day = self._clock().date()
        self._file.append([f"{kind} {self._file.hash(uri)} {day}" for uri in uris if not self.has(kind, uri)])

    def has(self, kind: EntryKind, uri: str) -> bool:
        self._refresh()
        return any(self._entries.day_of((kind, digest)) for digest in self._file.hashes(uri))

    def is_settled(self, uri: str) -> bool:
        """Whether this mention was answered, or erased."""
        return any(self.has(kind, uri) for kind in EntryKind)

    def pseudonym(self, uri: str) -> str:
        """The name of a mention whose author was erased."""
        return _pseudonym(self._file.hash(uri))

    def pseudonyms(self, uri: str) -> list[str]:
        """Every name that it may have: another machine, or this one earlier, had another salt."""
        self._refresh()
        return list(map(_pseudonym, self._file.hashes(uri)))

    def exchange(self, db: Database, since: date | None = None) -> None:
        """Write what only the file has into the database, and what only the database has into the file.

        On PostgreSQL only. `since`: the lines from this day on; None: all, and rows past their time are
        dropped. It takes a transaction for each day of which not all is on both sides.
        """
        if db.is_sqlite:
            return
        self._share_salts(db)
        oldest = self._day(KEEP_FOR)
        first = max(oldest, str(since or ""))
        ours = self._entries.recent_sums() if first >= self._day(RECENT) else self._entries.sums()
        with db.read() as tx:
            theirs = {row.day: row.total for row in tx.execute(SUMS, {"since": str(since or "")})}
        for day in (day for day in theirs if day < oldest):
            with db.write() as tx:
                tx.execute(delete(LedgerRow).where(LedgerRow.day == day))
        other = {day for day in {*theirs, *ours} if day >= first and theirs.get(day, 0) != ours[day]}
        for day, keys in sorted(self._of_days(other).items()):
            self._file.append(self._exchange_day(db, day, keys))

    def _share_salts(self, db: Database) -> None:
        """Let the file and the database name the same salts, and hash with the database's first."""
        self._refresh()
        with db.write() as tx:
            salts = shared_salts.share(tx, LedgerSaltRow, self._file.salts)
        self._file.add_salts(salts)
        self._refresh()
        self._file.use(salts[0])

    def _of_days(self, days: Collection[str]) -> dict[str, set[Key]]:
        """The entries of each of these days."""
        found: dict[str, set[Key]] = {day: set() for day in days}
        if any(day < self._day(RECENT) for day in days):
            lines = (line for block in self._file.blocks() for line in LINE.findall(block))
            known = ((key, day) for key, day in map(parse, lines) if self._entries.day_of(key) == day)
        else:
            known = ((key, day) for key, day in self._entries.recent.copy().items())
        for key, day in known:
            if day in found:
                found[day].add(key)
        return found

    def _exchange_day(self, db: Database, day: str, ours: set[Key]) -> list[str]:
        """Write these entries into the database. Returns the lines of that day that only it has."""
        with db.write() as tx:
            lock(tx, "ledger")  # two machines must not wait for each other's rows
            theirs = {(row.kind, row.hash) for row in tx.execute(OF_DAY, {"day": day})}
            if new := ours - theirs:
                row = insert(tx, LedgerRow)
                later = {"set_": {"day": row.excluded.day}, "where": row.excluded.day > LedgerRow.day}
                rows = [{"kind": kind, "hash": digest, "day": day} for kind, digest in new]
                tx.execute(row.on_conflict_do_update(index_elements=["kind", "hash"], **later), rows)
        return [f"{' '.join(key)} {day}" for key in theirs if self._entries.day_of(key) < day]

    def _day(self, ago: timedelta) -> str:
        return str(self._clock().date() - ago)

    def _refresh(self) -> None:
        self._file.read_on(self._take)

    def _take(self, lines: bytes) -> None:
        self._entries.add(lines, oldest=self._day(KEEP_FOR), recent=self._day(RECENT))


def _pseudonym(digest: str) -> str:
    return f"forgotten:{digest}"
