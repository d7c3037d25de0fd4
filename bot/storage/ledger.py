"""The ledger: which mentions were answered and which were erased, even if the database is lost or restored.

It is a file of salted hashes beside the database, not in its backup. It holds no name, no text and no URI.
Each line is `<kind> <hash> <day>`; the first line holds the salt. Writers append whole lines, so several
processes of one machine may share it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from contextlib import contextmanager
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.errors import LedgerUnavailable
from memory.db import make_private, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.clock import Clock

KEEP_FOR = timedelta(days=400)
MAGIC = "scrubjay-ledger-1"
ENTRY = re.compile(r"(?P<kind>[ae]) (?P<hash>[0-9a-f]{64}) (?P<day>\d{4}-\d\d-\d\d)\n")


class EntryKind(StrEnum):
    """What a line says of a mention."""

    ANSWERED = "a"
    ERASED = "e"


class Ledger:
    """Open (or make) the ledger at `path`. This and every method raise LedgerUnavailable.

    After a write that failed the same call may be made again.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._entries: set[tuple[str, str]] = set()
        self._read_to = 0
        with self._named_errors():
            if not path.exists():
                _create(path)
            header = next(self._new_lines(), "")
        if not header.startswith(MAGIC):
            raise LedgerUnavailable(f"{path} is no scrubjay ledger; move it away to begin a new one")
        self._salt = bytes.fromhex(header.split()[1])

    def add(self, kind: EntryKind, *uris: str) -> None:
        """Append a line for each mention. The lines are on disk when this returns."""
        day = self._clock().date()
        lines = [f"{kind} {self._hash(uri)} {day}\n" for uri in uris if not self.has(kind, uri)]
        if not lines:
            return
        with self._named_errors(), self._path.open("ab") as file:
            file.write(f"{self._missing_newline()}{''.join(lines)}".encode())
            file.flush()
            os.fsync(file.fileno())

    def has(self, kind: EntryKind, uri: str) -> bool:
        self._refresh()
        return (kind, self._hash(uri)) in self._entries

    def is_settled(self, uri: str) -> bool:
        """Whether this mention was answered, or erased."""
        self._refresh()
        digest = self._hash(uri)
        return any((kind, digest) in self._entries for kind in EntryKind)

    def pseudonym(self, uri: str) -> str:
        """The name of a mention whose author was erased."""
        return f"forgotten:{self._hash(uri)}"

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LedgerUnavailable(f"{self._path}: {error.strerror or error}") from error

    def _missing_newline(self) -> str:
        """A newline, if a crash cut the last line short; else nothing."""
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return "" if file.read(1) == b"\n" else "\n"

    def _hash(self, uri: str) -> str:
        return hmac.new(self._salt, uri.encode(), hashlib.sha256).hexdigest()

    def _refresh(self) -> None:
        oldest = self._clock().date() - KEEP_FOR
        with self._named_errors():
            for line in self._new_lines():
                if (entry := ENTRY.fullmatch(line)) and date.fromisoformat(entry["day"]) >= oldest:
                    self._entries.add((entry["kind"], entry["hash"]))

    def _new_lines(self) -> Iterator[str]:
        """Yield the whole lines written since the last call. A line without its newline is read later."""
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read_to += len(line)
                yield line.decode()


def _create(path: Path) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    make_private_folder(path.parent)
    make_private(fresh)
    fresh.write_text(f"{MAGIC} {secrets.token_hex(32)}\n")
    try:
        path.hardlink_to(fresh)  # only one of several processes succeeds, and its file is whole
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
