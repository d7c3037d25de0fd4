"""Commands, run as an operator would."""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import structlog
from click.testing import CliRunner
from support.cli_seed import fill

from bot.cli import main
from memory.db import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """Runs `scrubjay` in `home`, without a terminal."""

    home: Path

    def __call__(self, *args: str, **env: str) -> Done:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            done = CliRunner().invoke(main, args, env=env, prog_name="scrubjay", catch_exceptions=False)
        return Done(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command configures the logs of its whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    for name in [name for name in os.environ if name.startswith("SCRUBJAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Cli(tmp_path)


@pytest.fixture(scope="session")
def seeded(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database to copy, as a bot leaves it."""
    file = tmp_path_factory.mktemp("seeded") / "scrubjay.db"
    shutil.copy(migrated, file)
    db = Database(f"sqlite:///{file}")
    fill(db)
    db.close()
    return file


@pytest.fixture
def filled(cli: Cli, seeded: Path) -> Cli:
    """With a database in the data dir."""
    (cli.home / "data").mkdir()
    shutil.copy(seeded, cli.home / "data")
    return cli
