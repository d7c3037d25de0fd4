"""A database of every schema since the first, with rows in every table, comes to this version with them."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, contextmanager

import pytest
from alembic import command
from support.factory import ME
from support.filling import RECORD, Filler, losses, read_all
from support.harness import Harness, ScriptedBrain

from bot.backup import invariants
from bot.domain.mention import State
from bot.domain.uris import author, record_key
from bot.network.in_memory import InMemoryNetwork
from bot.storage import turns, views
from memory import schema
from memory.db import Database

EARLIER = [f"{number:04}" for number in range(1, int(schema.head()))]

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("kind", ["sqlite", "postgres"])]


def upgrade(db, revision):
    with db.write() as tx:
        config = schema.config()
        config.attributes["connection"] = tx
        command.upgrade(config, revision)


class OnSqlite:
    """Where databases are made: files of a folder."""

    def __init__(self, folder):
        self._folder = folder
        self.url = self._url("filled")

    def _url(self, name):
        return f"sqlite:///{self._folder}/{name}.db"

    @contextmanager
    def copy(self):
        shutil.copy(self._folder / "filled.db", self._folder / "copy.db")
        yield self._url("copy")

    def close(self):
        pass


class OnPostgres:
    """Where databases are made: a server."""

    def __init__(self, server):
        self._server = server
        self._name = f"filled{os.getpid()}"
        self.url = self._make(self._name, "template0")

    def _make(self, name, template):
        self._server.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._server.url(name)

    @contextmanager
    def copy(self):
        url = self._make(f"{self._name}_copy", self._name)
        yield url
        self._server.drop(url)

    def close(self):
        self._server.drop(self.url)


class Chain:
    """An empty database that goes from schema to schema."""

    def __init__(self, place):
        self.place = place
        self._db = Database(place.url)

    @contextmanager
    def at(self, revision):
        """A copy of it at this revision; it goes there, or is there already."""
        upgrade(self._db, revision)
        self._db.close()
        with self.place.copy() as url, closing(Database(url)) as db:
            yield db


@pytest.fixture(scope="module")
def chains(request, tmp_path_factory):
    """The chain on SQLite, and that on PostgreSQL."""
    made = {}

    def of(kind):
        if kind not in made and kind == "sqlite":
            made[kind] = Chain(OnSqlite(tmp_path_factory.mktemp("filled")))
        if kind not in made:
            made[kind] = Chain(OnPostgres(request.getfixturevalue("postgres")))
        return made[kind]

    yield of
    for chain in made.values():
        chain.place.close()


# What a migration takes away on purpose: the posts that a turn was shown are now those of its answer.
REPLACED = {"0014": {"turn_source"}}


@pytest.mark.parametrize("revision", EARLIER)
def test_a_database_of_every_schema_with_rows_in_every_table_keeps_them_all(chains, kind, tmp_path, revision):
    filler = Filler(revision)
    with chains(kind).at(revision) as db:
        assert db.check().found == revision
        filler.fill(db)
        before = read_all(db)
        db.upgrade()
        expected = {
            name for at, names in REPLACED.items() if at > revision for name in names if name in before
        }
        assert [name for name, rows in before.items() if not rows] == []
        assert losses(before, read_all(db)) == expected
        assert list(wrong(db)) == []
        works_on(db, tmp_path, filler)


def wrong(db):
    """The rules for rows that are broken."""
    with db.read() as tx:
        yield from filter(None, (invariants.broken_keys(tx), invariants.late_sequences(tx)))
        yield from (name for name, count in invariants.broken(tx) if count)


def works_on(db, folder, filler):
    """The daemon answers what is open, and the operator sees what there was."""
    network = InMemoryNetwork(ME, "jay.test")
    for uri in (filler.answered, *filler.open):
        network.write(author(uri), RECORD, rkey=record_key(uri))
    harness = Harness(db, folder, ScriptedBrain(("reply", {"text": "Hello again."})), network=network)
    harness.work()
    with db.read() as tx:
        states = {uri: views.entry(tx, uri).state for uri in (filler.answered, *filler.open)}
        notes = [note.text for note in harness.services.memory.recall(tx, filler.did).notes]
        assert set(states.values()) == {State.ANSWERED}, states
        assert notes == [filler.texts[1]]
        assert turns.latest(tx, limit=1)
        assert filler.answered in {post.mention_uri for post in views.posts(tx, limit=1000)}
