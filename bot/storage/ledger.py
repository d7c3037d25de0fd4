"""The ledger: which mentions were answered and which were erased, even if the database is lost or restored.

It is a file of salted hashes beside the database, not in its backup. It holds no name, no text and no URI.
Each line is `<kind> <hash> <day>`; the first line holds the salt. On PostgreSQL salts and lines stand in the
database as well: each machine brings its lines there and takes those of the others.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select, text

from bot.errors import LedgerUnavailable
from bot.storage import salted_file, shared_salts
from bot.storage.salted_file import SaltedFile
from bot.storage.tables import LedgerRow, LedgerSaltRow
from memory.db import insert, lock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from bot.clock import Clock
    from memory.db import Database, Tx

KEEP_FOR = timedelta(days=400)
MAGIC = "scrubjay-ledger-1"
ENTRY = re.compile(r"(?P<kind>[ae]) (?P<hash>[0-9a-f]{64}) (?P<day>\d{4}-[01]\d-[0-3]\d)")
DIGITS = 12  # of a hash, that are added up
# A sum for each day shows whether two ledgers have the same lines of it. See `_number`.
SUMS = text(
    "SELECT day, sum(('x' || substr(hash, CASE kind WHEN 'a' THEN 1 ELSE 13 END, 12))::bit(48)::bigint) "
    "AS total FROM ledger_line WHERE day >= :since GROUP BY day"
)
OF_DAY = select(LedgerRow.kind, LedgerRow.hash).where(LedgerRow.day == bindparam("day"))
Key = tuple[str, str]  # kind and hash


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


class EntryKind(StrEnum):
    """What a line says of a mention."""

    ANSWERED = "a"
    ERASED = "e"


class Ledger:
    """Open (or make) the ledger at `path`, with the salt of the database if `db` is PostgreSQL.

    This and every method raise LedgerUnavailable. After a write that failed the same call may be made again.
    """

    def __init__(self, path: Path, clock: Clock, db: Database | None = None) -> None:
        self._clock = clock
        self._days: dict[Key, str] = {}  # the latest day of each
        self._sums: Counter[str] = Counter()  # of each day, as `SUMS`
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
        return any((kind, digest) in self._days for digest in self._file.hashes(uri))

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
        oldest = self._oldest()
        with db.read() as tx:
            theirs = {row.day: row.total for row in tx.execute(SUMS, {"since": str(since or "")})}
        for day in (day for day in theirs if day < oldest):
            with db.write() as tx:
                tx.execute(delete(LedgerRow).where(LedgerRow.day == day))
        first = max(oldest, str(since or ""))
        other = {
            day for day in {*theirs, *self._sums} if day >= first and theirs.get(day, 0) != self._sums[day]
        }
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

    def _of_days(self, days: Iterable[str]) -> dict[str, set[Key]]:
        """The entries of each of these days."""
        found: dict[str, set[Key]] = {day: set() for day in days}
        for key, day in self._days.items():
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
        return [f"{' '.join(key)} {day}" for key in theirs if self._days.get(key, "") < day]

    def _oldest(self) -> str:
        return str(self._clock().date() - KEEP_FOR)

    def _refresh(self) -> None:
        oldest = self._oldest()
        for line in self._file.new_lines():
            if (entry := ENTRY.fullmatch(line)) and entry["day"] >= oldest:
                self._note((entry["kind"], entry["hash"]), entry["day"])

    def _note(self, key: Key, day: str) -> None:
        before = self._days.get(key, "")
        if before < day:
            self._days[key] = day
            self._sums[day] += _number(key)
            self._sums[before] -= _number(key) if before else 0


def _number(key: Key) -> int:
    """A part of the hash, for each kind another one."""
    kind, digest = key
    return int(digest[:DIGITS] if kind == EntryKind.ANSWERED else digest[DIGITS : 2 * DIGITS], 16)


def _pseudonym(digest: str) -> str:
    return f"forgotten:{digest}"
