"""The ledger: which mentions were answered and which were erased, even if the database is lost or restored.

It is a file of salted hashes beside the database, not in its backup. It holds no name, no text and no URI.
Each line is `<kind> <hash> <day>`; the first line holds the salt.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.errors import LedgerUnavailable
from bot.storage.salted_file import SaltedFile

if TYPE_CHECKING:
    from pathlib import Path

    from bot.clock import Clock

KEEP_FOR = timedelta(days=400)
MAGIC = "scrubjay-ledger-1"
ENTRY = re.compile(r"(?P<kind>[ae]) (?P<hash>[0-9a-f]{64}) (?P<day>\d{4}-\d\d-\d\d)")


class EntryKind(StrEnum):
    """What a line says of a mention."""

    ANSWERED = "a"
    ERASED = "e"


class Ledger:
    """Open (or make) the ledger at `path`. This and every method raise LedgerUnavailable.

    After a write that failed the same call may be made again.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = SaltedFile(path, MAGIC, LedgerUnavailable)
        self._clock = clock
        self._entries: set[tuple[str, str]] = set()

    def add(self, kind: EntryKind, *uris: str) -> None:
        """Append a line for each mention. The lines are on disk when this returns."""
        day = self._clock().date()
        self._file.append([f"{kind} {self._file.hash(uri)} {day}" for uri in uris if not self.has(kind, uri)])

    def has(self, kind: EntryKind, uri: str) -> bool:
        self._refresh()
        return (kind, self._file.hash(uri)) in self._entries

    def is_settled(self, uri: str) -> bool:
        """Whether this mention was answered, or erased."""
        self._refresh()
        digest = self._file.hash(uri)
        return any((kind, digest) in self._entries for kind in EntryKind)

    def pseudonym(self, uri: str) -> str:
        """The name of a mention whose author was erased."""
        return f"forgotten:{self._file.hash(uri)}"

    def _refresh(self) -> None:
        oldest = self._clock().date() - KEEP_FOR
        for line in self._file.new_lines():
            if (entry := ENTRY.fullmatch(line)) and date.fromisoformat(entry["day"]) >= oldest:
                self._entries.add((entry["kind"], entry["hash"]))
