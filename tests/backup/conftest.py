"""A store with what a bot leaves in it, and its backup."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from support.factory import ANA, BEN
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain

from bot.backup import making
from bot.backup.restoring import Site
from memory.db import Database

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Store:
    """A bot that answered Ana and Ben; `file` is where a backup goes."""

    harness: Harness
    folder: Path
    file: Path

    @property
    def db(self):
        return self.harness.services.db

    @property
    def site(self):
        url = self.db.engine.url.render_as_string(hide_password=False)
        return Site(url, self.folder, self.harness.services.memory, self.harness.clock)

    def back_up(self):
        return making.make(self.db, self.file, self.harness.clock())

    def fresh(self):
        """The bot after a start, over the database as it is now."""
        self.db.engine.dispose()
        fresh = Harness(self.db, self.folder, self.harness.brain, network=self.harness.network)
        fresh.clock.now = self.harness.clock.now
        return fresh


def make_store(url, folder):
    db = Database(url)
    db.upgrade()
    (folder / "data").mkdir(exist_ok=True)
    harness = Harness(db, folder / "data", ScriptedBrain(REMEMBER, REPLY))
    harness.ana, harness.ben = (harness.say(who, "I live in Lisbon") for who in (ANA, BEN))
    harness.work()
    harness.clock.forward(hours=1)
    return Store(harness, folder / "data", folder / "copies" / "one")


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    """On each database; SQLite's is in the data folder."""
    made = request.getfixturevalue("lite_store" if request.param == "sqlite" else "shared_store")
    yield made
    made.db.close()


@pytest.fixture
def lite_store(migrated, tmp_path):
    (tmp_path / "data").mkdir()
    shutil.copy(migrated, tmp_path / "data" / "scrubjay.db")
    made = make_store(f"sqlite:///{tmp_path}/data/scrubjay.db", tmp_path)
    yield made
    made.db.close()


@pytest.fixture
def shared_store(postgres, tmp_path):
    url = postgres()
    made = make_store(url, tmp_path)
    yield made
    made.db.close()
    postgres.drop(url)


@pytest.fixture
def lite(sqlite):
    """An empty SQLite database."""
    db = sqlite()
    yield db
    db.close()
