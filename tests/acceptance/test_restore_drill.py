"""The restore drill: a real bot under load is backed up, loses its store, and is restored.

A real PDS, the daemon as a process of its own, and the commands as an operator gives them.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from contextlib import suppress

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from bot import clock
from bot.demo.daemon import Daemon
from bot.devnet.localnet import LocalNet
from bot.domain.mention import OUTCOMES, State
from bot.errors import NotFound
from bot.storage import views
from bot.storage.ledger import Ledger
from memory.db import Database
from memory.errors import DatabaseUnavailable
from memory.tables import NoteRow, PersonRow

pytestmark = [pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE = 200.0  # seconds
LIMITS = "thread_posts = 1000\nperson_per_hour = 1000\n"
WORD = "Quito"


class Drill:
    """A bot on a network of its own. `refs` are all mentions."""

    def __init__(self, net, folder, url):
        self.net, self.folder, self.url = net, folder, url
        self.jay = net.actor("jay")
        self.jay.label("bot")
        self.ana, self.ben = net.actor("ana"), net.actor("ben")
        self.daemon = Daemon(folder, net, self.jay.account)
        more = f'database_url = "{url}"\n' if url else ""
        self.daemon.config.write_text(self.daemon.config.read_text() + LIMITS + more)
        self.db = Database(url or f"sqlite:///{self.daemon.data / 'scrubjay.db'}")
        self.refs = []

    def say(self, who, text):
        self.refs.append(who.post(f"@jay.test {text}", mentions=[self.jay]))

    def scrubjay(self, *words):
        done = self.daemon.command(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def states(self):
        """The state of each mention. None if the bot does not know it, or not yet.

        What the ledger has settled after the backup was made is never stored again: it counts as answered.
        """
        ledger = Ledger(self.daemon.data / "ledger", clock.now)
        return [self._state(ref.uri, ledger) for ref in self.refs]

    def _state(self, uri, ledger):
        for name in (uri, ledger.pseudonym(uri)):
            with suppress(NotFound, DBAPIError, DatabaseUnavailable), self.db.read() as tx:
                return views.entry(tx, name).state
        return State.ANSWERED if ledger.is_settled(uri) else None

    def settle(self, count=None):
        """Wait until so many mentions (None: all) have an outcome."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            states = self.states()
            if sum(state in OUTCOMES for state in states) >= (len(states) if count is None else count):
                return
            time.sleep(0.5)
        raise AssertionError(self.daemon.log.read_text()[-3000:])

    def replies(self):
        """How many posts of the bot answer which mention."""
        posts = self.jay.posts()
        own = {post.ref.uri for post in posts}
        parents = [post.record["reply"]["parent"]["uri"] for post in posts]
        return Counter(uri for uri in parents if uri not in own)

    def held(self):
        """Whom the bot remembers, and all notes."""
        with self.db.read() as tx:
            return set(tx.scalars(select(PersonRow.did))), " ".join(tx.scalars(select(NoteRow.text)))

    def stop(self):
        self.daemon.kill()
        self.db.close()


@pytest.fixture
def net(tmp_path):
    with LocalNet(tmp_path / "network") as network:
        yield network


@pytest.fixture(params=["sqlite", "postgres"])
def drill(request, net, tmp_path):
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made = Drill(net, tmp_path, server() if server else None)
    yield made
    made.stop()
    if server:
        server.drop(made.url)


def lose_the_store(drill, *, all_of_it):
    """The disk dies: the database is gone, and with `all_of_it` ledger and journal as well."""
    drill.stop()
    if drill.url:
        with drill.db.write() as tx:
            tx.exec_driver_sql("DROP SCHEMA public CASCADE")
            tx.exec_driver_sql("CREATE SCHEMA public")
        drill.db.close()
    for path in drill.daemon.data.glob("scrubjay.db*"):
        path.unlink()
    if all_of_it:
        shutil.rmtree(drill.daemon.data)


@pytest.mark.parametrize("ledger", ["that was kept", "of the backup"])
def test_a_restored_bot_posts_nothing_twice_and_brings_nobody_back(drill, ledger):
    drill.daemon.start()
    for number in range(3):
        drill.say(drill.ana, f"I live in {WORD} {number}")
        drill.say(drill.ben, "I like tea" if number else "my dog is called Biscuit")
    drill.settle(3)
    of_backup = ledger == "of the backup"
    drill.scrubjay("db", "backup", *(["--all"] if of_backup else []), "copy")  # while it answers the others
    at_backup = sum(drill.replies().values())
    for _ in range(2):
        drill.say(drill.ben, "what do you know about me?")
    drill.settle()
    drill.say(drill.ana, "forget me")
    drill.settle()
    before = drill.replies()
    assert drill.held()[0] == {drill.ben.did}

    lose_the_store(drill, all_of_it=of_backup)
    where = ["--all", "copy"] if of_backup else ["copy"]
    checked = json.loads(drill.scrubjay("db", "restore", "--check", "--json", *where))
    drill.scrubjay("db", "restore", "--yes", *where)
    drill.scrubjay("db", "verify")
    drill.daemon.start()
    drill.say(drill.ben, "hello again")
    drill.settle()

    after = drill.replies()
    assert checked["ok"]
    assert sum(before.values()) > at_backup  # it answered more than the backup knows
    assert set(after.values()) == {1}
    assert after - before == Counter([drill.refs[-1].uri])
    assert drill.daemon.stop() == 0
    people, notes = drill.held()
    assert (people, WORD in notes) == ({drill.ben.did}, False)
    assert State.FAILED not in drill.states()
