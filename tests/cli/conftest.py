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
from support.cli_seed import HOSTILE, fill
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain

from bot.brains import make
from bot.cli import main
from bot.errors import TransientBrainError
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


@pytest.fixture(scope="session")
def conversation(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Ana said two things to the `rules` brain, Ben one thing that a scripted brain failed at first.

    The data dir and the URIs of what was said.
    """
    data = tmp_path_factory.mktemp("conversation")
    db = Database(f"sqlite:///{shutil.copy(migrated, data)}")
    harness = Harness(db, data, make("rules"))
    harness.network.set_handle(ANA, "ana.test")
    refs = []
    for text in ("My dog is called Biscuit", f"what is my dog called? {HOSTILE}"):
        refs.append(harness.say(ANA, text))
        harness.work()
        harness.clock.forward(hours=1)
    harness = Harness(db, data, ScriptedBrain(TransientBrainError("503")), network=harness.network)
    harness.clock.forward(hours=3)
    refs.append(harness.say(BEN, "hello", rkey="3222222222ben"))
    harness.work()
    harness.brain.script = [("remember", {"text": "x" * 400}), ("stay_silent", {"reason": "no need"})]
    harness.clock.forward(hours=1)
    harness.work()
    db.close()
    return data, [ref.uri for ref in refs]


@pytest.fixture
def talked(cli: Cli, conversation: tuple[Path, list[str]]) -> tuple[Cli, list[str]]:
    """With that conversation in the data dir."""
    data, uris = conversation
    shutil.copytree(data, cli.home / "data")
    return cli, list(uris)
