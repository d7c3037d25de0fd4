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
from threading import Lock
from typing import TYPE_CHECKING

from memory.files import make_private, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from memory.errors import DatabaseUnavailable

SALT_BYTES = 32
SALT = re.compile(rf"[0-9a-f]{{{2 * SALT_BYTES}}}")
FURTHER = "+ "
FURTHER_SALT = re.compile(rb"\n\+ ([0-9a-f]{64})(?=\n)")
HEAD_BYTES = 200  # the head has fewer
BLOCK = 1 << 23  # bytes that are read at a time


class SaltedFile:
    """Open the file at `path`, or make it with `salt` (hexadecimal; a new one if it is empty).

    This and every method raise `unavailable`. After a write that failed the same call may be made again.
    """

    def __init__(
        self, path: Path, magic: str, unavailable: type[DatabaseUnavailable], salt: str = ""
    ) -> None:
        self._path = path
        self._magic = magic
        self._unavailable = unavailable
        self._lock = Lock()
        with self._named_errors():
            if not path.exists():
                _create(path, f"{magic} {salt or new_salt()}\n")
        self._open()

    def _open(self) -> None:
        """Read the head. What comes after it is not read yet."""
        head = self._head()
        found, _, own = head.decode(errors="replace").strip().partition(" ")
        if found != self._magic or not SALT.fullmatch(own):
            raise self._unavailable(
                f"{self._path} does not begin with {self._magic!r}; move it away to begin a new one"
            )
        self._opened_with, self._read_to = head, len(head)
        self.salts = [own]  # that of `hash` first

    @property
    def salt(self) -> str:
        return self.salts[0]

    def use(self, salt: str) -> None:
        """Let `hash` use this one of the salts from now on."""
        self.salts.sort(key=lambda each: each != salt)

    def hash(self, name: str) -> str:
        return _hash(self.salt, name)

    def hashes(self, name: str) -> list[str]:
        """The hashes that may stand for this name: one for each salt. Call it after `read_on`."""
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

    def read_on(self, take: Callable[[bytes], object]) -> None:
        """Give `take` the whole lines written since the last call, many at once, whatever thread calls.

        A line without its newline is read later. Of a file that was replaced all lines are read.
        """
        if self._size() == self._read_to:  # far cheaper than opening it
            return
        with self._lock:
            if self._size() < self._read_to or self._head() != self._opened_with:
                self._open()
            for block in self.blocks(self._read_to):
                self._note_salts(block)
                take(block)
                self._read_to += len(block)

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        """Yield the whole lines from this place on, many at once."""
        with self._named_errors(), self._path.open("rb") as file:
            file.seek(start)
            while block := file.read(BLOCK) + file.readline():
                if whole := block[: block.rfind(b"\n") + 1]:
                    yield whole

    def new_lines(self) -> list[str]:
        """The lines of `read_on`, without their newlines and without further salts."""
        found: list[bytes] = []
        self.read_on(lambda block: found.extend(FURTHER_SALT.sub(b"", b"\n" + block).split(b"\n")[1:-1]))
        return [line.decode(errors="replace") for line in found]

    def _size(self) -> int:
        with self._named_errors():
            return self._path.stat().st_size

    def _head(self) -> bytes:
        with self._named_errors(), self._path.open("rb") as file:
            return file.readline(HEAD_BYTES)

    def _note_salts(self, block: bytes) -> None:
        new = dict.fromkeys(salt.decode() for salt in FURTHER_SALT.findall(b"\n" + block))
        self.salts += [salt for salt in new if salt not in self.salts]

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
    lines = theirs.new_lines()  # they name its further salts
    return merge(path, magic, unavailable, theirs.salts, lines)


def _hash(salt: str, name: str) -> str:
    return hmac.digest(bytes.fromhex(salt), name.encode(), "sha256").hex()


def new_salt() -> str:
    return secrets.token_hex(SALT_BYTES)


def _create(path: Path, head: str) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    make_private_folder(path.parent)
    make_private(fresh)
    try:
        fresh.write_text(head)
        path.hardlink_to(fresh)  # only one of several processes succeeds, and its file is whole
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)
