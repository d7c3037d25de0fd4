"""The journal of erasures: who or what was erased because somebody wished it, and when.

It outlives the database: an older copy of the database, an old export and a late event are held against it.
It is a file beside the database, not in its backup. Each line is `<hash> <time>`; the first line holds the
salt. The hash is that of a DID, of a post's AT URI or of a note. The lines stand in the database as well, so
that an older database can be told by what it lacks, and on PostgreSQL the salts, for the other machines.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from bot.domain.said import is_before, said_at
from bot.domain.uris import author
from bot.errors import JournalUnavailable
from bot.storage import salted_file, shared_salts
from bot.storage.ledger import KEEP_FOR
from bot.storage.salted_file import SaltedFile
from bot.storage.tables import ErasureRow, ErasureSaltRow
from memory.db import insert, lock
from memory.prepared import per_database

if TYPE_CHECKING:
    from pathlib import Path

    from bot.clock import Clock
    from memory.db import Database, Tx
    from memory.model import Note

MAGIC = "scrubjay-journal-1"
LINE = re.compile(r"([0-9a-f]{64}) (\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z)")


def note_keys(note: Note) -> list[str]:
    """What a note is named by: its text with each post it comes from. Ids are not the same everywhere."""
    return [f"{receipt.uri} {note.text}" for receipt in note.receipts]


def answer_key(mention_uri: str) -> str:
    """What the bot's answer to a mention is named by."""
    return f"answer {mention_uri}"


SALT = select(ErasureSaltRow.salt).where(ErasureSaltRow.id == 1)
LAST = select(ErasureRow.hash, func.max(ErasureRow.at).label("at")).group_by(ErasureRow.hash)
SHARED = per_database(lambda insert: insert(ErasureRow).on_conflict_do_nothing())
APPLIED = per_database(
    lambda insert: insert(ErasureRow).on_conflict_do_update(
        index_elements=["hash", "at"], set_={"applied": True}
    )
)


def merge(path: Path, other: Path) -> int:
    """Take what the journal at `other` knows into that at `path`. Returns how many lines were new there.

    Raises JournalUnavailable. A journal that is not there yet is made, with the salt of the other.
    """
    return salted_file.merge_file(path, other, MAGIC, JournalUnavailable)


def merge_database(path: Path, tx: Tx) -> int:
    """The same with what a database has of a journal, if it has one."""
    salts = shared_salts.read(tx, ErasureSaltRow)
    if not salts:
        return 0
    lines = [_line(row.hash, row.at) for row in tx.execute(select(ErasureRow.hash, ErasureRow.at))]
    return salted_file.merge(path, MAGIC, JournalUnavailable, salts, lines)


def examine(path: Path) -> None:
    """Raises JournalUnavailable if what stands there is no journal."""
    SaltedFile(path, MAGIC, JournalUnavailable)


def is_shared(db: Database) -> bool:
    """Whether the database has a journal, too."""
    with db.read() as tx:
        return tx.scalar(SALT) is not None


class Journal:
    """Open (or make) the journal at `path`, and take in what the database has of it.

    This and every method raise JournalUnavailable. After a write that failed the same call may be made again.
    """

    def __init__(self, path: Path, clock: Clock, db: Database) -> None:
        self._clock = clock
        self._erased_at: dict[str, datetime] = {}
        self._shared = not db.is_sqlite
        if not self._shared:
            self._file = SaltedFile(path, MAGIC, JournalUnavailable)
            return
        with db.write() as tx:
            lock(tx, "journal")  # one machine sets the salt
            salt = tx.scalar(SALT) or ""
            self._file = SaltedFile(path, MAGIC, JournalUnavailable, salt)
            self._refresh()  # it may name further salts
            if salt not in {"", *self._file.salts}:
                raise JournalUnavailable(
                    f"{path} belongs to another database; move it away to use this one's"
                )
            self._file.use(salt)
            tx.execute(insert(tx, ErasureSaltRow).values(id=1, salt=self._file.salt).on_conflict_do_nothing())
        self.exchange(db)

    def add(self, tx: Tx, at: datetime, *names: str) -> None:
        """Write that these (DIDs, AT URIs, keys of notes) were erased by a wish of `at`.

        A later wish stands. Call it in the transaction that erases. The lines are on disk when this returns.
        """
        if not names:
            return
        hashes = dict.fromkeys(map(self._file.hash, names))
        self._refresh()
        new = [each for each in hashes if not self._knows(each, at)]
        self._file.append([_line(each, at) for each in new])
        tx.execute(APPLIED(tx), [_row(each, at, applied=True) for each in hashes])

    def erased_at(self, name: str, tx: Tx | None = None) -> datetime | None:
        """The time of the last wish to erase this. With `tx` the other machines' wishes count as well."""
        self._refresh()
        hashes = self._file.hashes(name)
        found = [self._erased_at.get(digest) for digest in hashes]
        if self._shared and tx is not None:
            found.append(tx.scalar(select(func.max(ErasureRow.at)).where(ErasureRow.hash.in_(hashes))))
        return max(filter(None, found), default=None)

    def wish_after(self, name: str, said: datetime | None, tx: Tx | None = None) -> datetime | None:
        """The time of the wish to erase this, if it came after `said` (None: not known)."""
        wish = self.erased_at(name, tx)
        return wish if wish is not None and is_before(said, wish) else None

    def names_post(self, uri: str, created_at: object, now: datetime, tx: Tx | None = None) -> bool:
        """Whether this post was said before a wish to erase it or its author.

        `created_at`: a time, or the text of the record; it counts if the URI does not tell the time.
        """
        said = said_at(uri, created_at, now)
        return any(self.wish_after(name, said, tx) for name in (author(uri), uri))

    def pseudonym(self, name: str) -> str:
        """A hash that stands for this name, the same on all machines of one database."""
        return self._file.hash(name)

    def __len__(self) -> int:
        """How many people, posts and notes it names."""
        self._refresh()
        return len(self._erased_at)

    def is_applied(self, tx: Tx) -> bool:
        """Whether nothing of what it names is in this database: each line was carried out in it."""
        self._refresh()
        applied = {row.hash: row.at for row in tx.execute(LAST.where(ErasureRow.applied))}
        return all(digest in applied and applied[digest] >= at for digest, at in self._erased_at.items())

    def mark_applied(self, tx: Tx) -> None:
        """Note that all of it was carried out in this database. Drop rows that are past their time."""
        self._refresh()
        tx.execute(delete(ErasureRow).where(ErasureRow.at < self._clock() - KEEP_FOR))
        if self._erased_at:
            tx.execute(APPLIED(tx), [_row(*line, applied=True) for line in self._erased_at.items()])

    def exchange(self, db: Database) -> None:
        """Write what only the file has into the database, and what only the database has into the file.

        On PostgreSQL only. Drop rows that are past their time.
        """
        if not self._shared:
            return
        self._refresh()
        with db.write() as tx:
            tx.execute(delete(ErasureRow).where(ErasureRow.at < self._clock() - KEEP_FOR))
            if self._erased_at:
                tx.execute(SHARED(tx), [_row(*line, applied=False) for line in self._erased_at.items()])
            salts = shared_salts.share(tx, ErasureSaltRow, self._file.salts)
            rows = tx.execute(LAST).all()
        self._file.add_salts(salts)
        self._file.append([_line(each, at) for each, at in rows if not self._knows(each, at)])

    def _knows(self, digest: str, at: datetime) -> bool:
        known = self._erased_at.get(digest)
        return known is not None and known >= at

    def _refresh(self) -> None:
        self._file.read_on(self._take)

    def _take(self, lines: bytes) -> None:
        oldest = self._clock() - KEEP_FOR
        for line in lines.decode(errors="replace").split("\n"):
            digest, at = _parse(line)
            if at is not None and at >= oldest and not self._knows(digest, at):
                self._erased_at[digest] = at


def _row(digest: str, at: datetime, *, applied: bool) -> dict[str, object]:
    return {"hash": digest, "at": at, "applied": applied}


def _line(digest: str, at: datetime) -> str:
    return f"{digest} {at:%Y-%m-%dT%H:%M:%S.%fZ}"


def _parse(line: str) -> tuple[str, datetime | None]:
    """The hash and the time of a line; no time if a crash cut it short."""
    found = LINE.fullmatch(line)
    try:
        return (found[1], datetime.fromisoformat(found[2])) if found else ("", None)
    except ValueError:
        return "", None
