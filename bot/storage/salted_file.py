"""A file of salted hashes: append-only, one entry a line, kept beside the database and not in its backup.

The first line is `<magic> <salt>`. Writers append whole lines, so several processes may share it.
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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from memory.errors import DatabaseUnavailable

SALT_BYTES = 32
SALT = re.compile(rf"[0-9a-f]{{{2 * SALT_BYTES}}}")


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
        with self._named_errors():
            if not path.exists():
                _create(path, f"{magic} {salt or new_salt()}\n")
        found, _, self.salt = next(self.new_lines(), "").strip().partition(" ")
        if found != magic or not SALT.fullmatch(self.salt):
            raise unavailable(f"{path} does not begin with {magic!r}; move it away to begin a new one")
        self._key = bytes.fromhex(self.salt)

    def hash(self, name: str) -> str:
        return hmac.digest(self._key, name.encode(), "sha256").hex()

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
                yield line.decode(errors="replace").removesuffix("\n")

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
