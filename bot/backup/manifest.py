"""What stands beside a backup: what it holds, so that its restoration can be checked."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from bot.backup.rows import Contents  # noqa: TC001 - pydantic reads the annotations
from bot.domain import as_json
from bot.errors import StoreRefused
from memory.files import make_private

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

END = ".json"  # of the manifest's name, after that of the backup


class Kind(StrEnum):
    """What made the file."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


HEADS = {b"SQLite format 3\0": Kind.SQLITE, b"PGDMP": Kind.POSTGRESQL}


@dataclass(frozen=True, slots=True)
class Manifest:
    """`size` of the backup is in bytes; `scrubjay` is the version that made it."""

    format: Literal[1]
    kind: Kind
    made_at: AwareDatetime
    scrubjay: str
    size: int
    sha256: str
    contents: Contents


MANIFEST = TypeAdapter(Manifest)


def describe(file: Path, kind: Kind, contents: Contents, now: datetime) -> Manifest:
    """The manifest of this file, which is whole."""
    size = file.stat().st_size
    return Manifest(1, kind, now, version("scrubjay"), size, digest(file), contents)


def path_of(backup: Path) -> Path:
    return backup.with_name(f"{backup.name}{END}")


def write(manifest: Manifest, path: Path) -> None:
    """Write it to disk, readable by its owner only."""
    path.unlink(missing_ok=True)  # of a backup that was never finished
    make_private(path)
    path.write_text(as_json.dumps(manifest, indent=2) + "\n", "utf-8")
    sync(path)


def read(backup: Path) -> Manifest | None:
    """The manifest of this backup; None if it has none. Raises StoreRefused if it cannot be understood."""
    path = path_of(backup)
    try:
        found = MANIFEST.validate_json(path.read_bytes())
        found.made_at.astimezone(UTC)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise StoreRefused(f"{path} is no manifest of a backup: {where} {first['msg']}") from None
    except OverflowError as error:
        raise StoreRefused(f"{path} is no manifest of a backup: made_at: {error}") from None
    return found


def kind_of(backup: Path) -> Kind:
    """What made this file. Raises StoreRefused."""
    if backup.exists() and not backup.is_file():  # whoever reads a pipe waits
        raise StoreRefused(f"{backup} is no file")
    with backup.open("rb") as file:
        head = file.read(16)
    found = next((kind for magic, kind in HEADS.items() if head.startswith(magic)), None)
    if found is None:
        raise StoreRefused(f"{backup} is neither an SQLite database nor a custom dump of PostgreSQL")
    return found


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Let the file, or the names in the folder, be on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
