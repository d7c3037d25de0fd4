"""A file of salted hashes: append-only, one entry a line, kept beside the database and not in its backup.

The first line is `<magic> <salt>`. Writers append whole lines, so several processes may share it. A line
`+ <salt>` names a further salt: what was hashed with it was merged in from another file.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memory.db import make_private, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from memory.errors import DatabaseUnavailable

SALT_BYTES = 32
SALT = re.compile(rf"[0-9a-f]{{{2 * SALT_BYTES}}}")
FURTHER = "+ "


class SaltedFile:
    """Open the file at `path`, or make it with `salt` (hexadecimal; a new one if it is empty).

    This and every method raise `unavailable`. After a write that failed the same call may be made again.
    """

    def __init__(
        self, path: Path, magic: str, unavailable: type[DatabaseUnavailable], salt: str = ""
    ) -> None:
        self._path = path
        self._unavailable = unavailable
        self._read_to = 0
        self.salts: list[str] = []  # that of `hash` first
        with self._named_errors():
            if not path.exists():
                _create(path, f"{magic} {salt or new_salt()}\n")
        found, _, own = next(self.new_lines(), "").strip().partition(" ")
        if found != magic or not SALT.fullmatch(own):
            raise unavailable(f"{path} does not begin with {magic!r}; move it away to begin a new one")
        self.salts.insert(0, own)

    @property
    def salt(self) -> str:
        return self.salts[0]

    def use(self, salt: str) -> None:
        """Let `hash` use this one of the salts from now on."""
        self.salts.sort(key=lambda each: each != salt)

    def hash(self, name: str) -> str:
        return _hash(self.salt, name)

    def hashes(self, name: str) -> list[str]:
        """The hashes that may stand for this name: one for each salt. Call it after `new_lines`."""
        return [_hash(salt, name) for salt in self.salts]

    def add_salts(self, salts: Iterable[str]) -> None:
        """Append those that are not here yet."""
        self.append([f"{FURTHER}{salt}" for salt in dict.fromkeys(salts) if salt not in self.salts])

    def append(self, lines: Sequence[str]) -> None:
        """Append these lines, without their newlines. They are on disk when this returns."""
        if not lines:
            return
        text = "".join(f"{line}\n" for line in lines)
        with self._named_errors(), self._path.open("ab") as file:
            file.write(f"{self._missing_newline()}{text}".encode())
            file.flush()
            os.fsync(file.fileno())

    def new_lines(self) -> Iterator[str]:
        """Yield the whole lines written since the last call. A line without its newline is read later."""
        with self._named_errors():
            if self._path.stat().st_size == self._read_to:  # far cheaper than opening it
                return
        with self._named_errors(), self._path.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read_to += len(line)
                text = line.decode(errors="replace").removesuffix("\n")
                if not self._is_salt(text):
                    yield text

    def _is_salt(self, line: str) -> bool:
        """Whether the line names a further salt, which is noted."""
        salt = line.removeprefix(FURTHER)
        if salt == line or not SALT.fullmatch(salt):
            return False
        if salt not in self.salts:
            self.salts.append(salt)
        return True

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unavailable(f"{self._path}: {error.strerror or error}") from error

    def _missing_newline(self) -> str:
        """A newline, if a crash cut the last line short; else nothing."""
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return "" if file.read(1) == b"\n" else "\n"


def merge(
    path: Path,
    magic: str,
    unavailable: type[DatabaseUnavailable],
    salts: Sequence[str],
    lines: Iterable[str],
) -> int:
    """Append to the file at `path` what it has not yet of another file's salts and lines.

    Returns how many lines. A file that is not there is made, with the first of the salts.
    """
    file = SaltedFile(path, magic, unavailable, salts[0])
    known = set(file.new_lines())
    new = [line for line in dict.fromkeys(lines) if line not in known]
    file.add_salts(salts)
    file.append(new)
    return len(new)


def merge_file(path: Path, other: Path, magic: str, unavailable: type[DatabaseUnavailable]) -> int:
    """The same with the salts and lines of the file at `other`."""
    theirs = SaltedFile(other, magic, unavailable)
    lines = list(theirs.new_lines())  # they name its further salts
    return merge(path, magic, unavailable, theirs.salts, lines)


def _hash(salt: str, name: str) -> str:
    return hmac.digest(bytes.fromhex(salt), name.encode(), "sha256").hex()


def new_salt() -> str:
    return secrets.token_hex(SALT_BYTES)


def _create(path: Path, head: str) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    make_private_folder(path.parent)
    make_private(fresh)
    fresh.write_text(head)
    try:
        path.hardlink_to(fresh)  # only one of several processes succeeds, and its file is whole
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
