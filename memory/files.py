"""Files: which one is meant, by a URL or among others, and that only their owner may read them."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from pathlib import Path


def identity(path: str | None) -> tuple[int, int] | None:
    """What tells this file from another of its name; None if there is none."""
    with suppress(OSError):
        found = os.stat(path or "")  # noqa: PTH116 - far cheaper, and every transaction asks
        return found.st_dev, found.st_ino
    return None


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite database there, whatever signs are in the path."""
    return f"sqlite:///{quote(str(path))}"


def make_private(path: Path) -> None:
    """Make an empty file that only its owner may read, unless it is there; also where a link leads.

    SQLite gives its log the rights of the database. A file that cannot be made is left to whoever opens it.
    """
    with suppress(OSError):
        os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        path.chmod(0o600)  # whatever the umask


def make_private_folder(path: Path) -> None:
    """Make the folder, and those above it, for its owner only. One that is there stays as it is."""
    if path.is_dir():
        return
    make_private_folder(path.parent)
    with suppress(FileExistsError):  # somebody else was first
        path.mkdir(0o700)
        path.chmod(0o700)  # whatever the umask
