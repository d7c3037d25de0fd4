"""The seeded bugs as values."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bug: in `file` the text `old`, which stands there once, is replaced by `new`.

    `name` says in one sentence what is wrong then. `killed_by` are node ids of tests, of which at least one
    fails. They run on SQLite or, with `postgres`, on PostgreSQL. `hangs`: the bug makes them hang, and that
    kills it, too.
    """

    area: str
    name: str
    file: str
    old: str
    new: str
    killed_by: tuple[str, ...]
    postgres: bool = False
    hangs: bool = False

    @property
    def path(self) -> Path:
        return ROOT / self.file

    @property
    def source(self) -> str:
        """The file with the bug in it."""
        return self.path.read_text("utf-8").replace(self.old, self.new, 1)


def load() -> tuple[Mutant, ...]:
    """All bugs, in the order of areas and of each file."""
    return tuple(mutant for path in sorted(FOLDER.glob("*.toml")) for mutant in _read(path))


def share(mutants: tuple[Mutant, ...], of: int, commit: str) -> tuple[Mutant, ...]:
    """One of `of` shares, chosen by the commit's hash (hexadecimal): in time each has its turn."""
    return mutants[int(commit, 16) % of :: of]


def _read(path: Path) -> list[Mutant]:
    entries = tomllib.loads(path.read_text("utf-8"))["mutant"]
    return [
        Mutant(**{**entry, "area": path.stem, "killed_by": tuple(entry["killed_by"])}) for entry in entries
    ]
