"""What trouble does to the times of replies: a missed one is replaced; nothing goes out in a burst."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from support.factory import ANA, BEN, ME
from support.harness import Harness
from support.living import live

from bot.domain.limits import Pace
from bot.domain.mention import State
from bot.errors import TransientNetworkError
from bot.privacy.erasure import erase
from bot.storage import views
from bot.storage.ledger import Ledger
from bot.worker.worker import Worker

PACE = Pace(timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=5))


class Outage:
    """A network of which every call fails while `down`, and that notes when posts were put."""

    def __init__(self, harness, monkeypatch):
        self.down = False
        self.puts = []
        self._network, self._clock = harness.network, harness.clock
        for name in ("post", "put", "record", "profile", "own", "status"):
            monkeypatch.setattr(self._network, name, self._wrapped(name, getattr(self._network, name)))

    def _wrapped(self, name, call):
        async def wrapped(*arguments, **options):
            if self.down:
                raise TransientNetworkError("ConnectError")
            result = await call(*arguments, **options)
            if name == "put":
                self.puts.append((self._clock(), json.loads(arguments[1])))
            return result

        return wrapped


def paced(db, folder, chance=0.5):
    harness = Harness(db, folder)
    harness.services = replace(harness.services, pace=PACE)
    harness.worker = Worker("w", harness.services, harness.scheduler, lambda: chance)
    return harness


@pytest.mark.slow
@pytest.mark.parametrize(("outage", "chance"), [(3, 0.0), (61, 0.3), (3600, 0.9)])
def test_after_an_outage_the_replies_keep_their_distance(db, tmp_path, monkeypatch, outage, chance):
    harness = paced(db, tmp_path, chance)
    network = Outage(harness, monkeypatch)
    people = [f"did:plc:p{number}" for number in range(4)]
    asked = [harness.say(did, "hello") for did in (*people, people[0], people[0], people[1])]
    live(harness, 4, whole=True)
    network.down = True
    live(harness, outage, whole=True)
    network.down = False
    live(harness, 900, whole=True)

    assert [harness.entry(ref).state for ref in asked] == [State.ANSWERED] * 7
    times = [at for at, _ in network.puts]
    assert min(b - a for a, b in pairwise(times)) >= PACE.spacing
    for did in people:
        own = [at for at, record in network.puts if did in record["reply"]["parent"]["uri"]]
        assert all(b - a >= PACE.person_spacing for a, b in pairwise(own))


def test_a_reply_is_dated_when_it_is_first_sent_and_not_when_it_was_planned(db, tmp_path, monkeypatch):
    harness = paced(db, tmp_path)
    network = Outage(harness, monkeypatch)
    harness.say(ANA, "hello")
    live(harness, 4, whole=True)
    network.down = True
    live(harness, 600, whole=True)
    network.down = False
    live(harness, 600, whole=True)

    ((at, record),) = network.puts
    assert abs(datetime.fromisoformat(record["createdAt"]) - at) < timedelta(seconds=1)


def test_a_put_that_timed_out_keeps_the_date_of_its_first_sending(db, tmp_path):
    harness = paced(db, tmp_path)
    harness.network.fail("put", TransientNetworkError("timeout"), after=True)
    ref = harness.say(ANA, "hello")
    live(harness, 60, whole=True)

    puts = [arguments for method, arguments in harness.network.calls if method == "put"]
    assert (len(puts), len(set(puts)), harness.entry(ref).state) == (2, 1, State.ANSWERED)


def test_a_clock_that_was_ahead_for_a_minute_puts_off_nobody_else(db, tmp_path):
    harness = paced(db, tmp_path)
    harness.say(ANA, "hello")
    harness.clock.forward(hours=1)
    harness.work()  # drafted for a time an hour ahead
    harness.clock.forward(hours=-1)
    ben = harness.say(BEN, "hello")
    live(harness, 30, whole=True)

    assert harness.entry(ben).state is State.ANSWERED


@pytest.mark.parametrize("withdrawn", [False, True], ids=["at once", "after all withdrawals"])
def test_a_post_that_lands_after_its_mention_expired_is_withdrawn(db, tmp_path, monkeypatch, withdrawn):
    harness = paced(db, tmp_path)
    ref = harness.say(ANA, "hello")
    put = harness.network.put

    async def frozen(*arguments):
        harness.clock.forward(days=2)  # longer than the lease, and than a mention lives
        other = Worker("other", harness.services, harness.scheduler, lambda: 0.5)
        assert await other.work()
        for _ in range(3 * withdrawn):  # what the other one withdraws is settled before the put lands
            while await harness.jobs.work():
                pass
            harness.clock.forward(minutes=1)
        return await put(*arguments)

    monkeypatch.setattr(harness.network, "put", frozen)
    live(harness, 20, whole=True)
    assert harness.entry(ref).state is State.EXPIRED
    harness.clock.forward(minutes=1)
    harness.run_jobs()

    assert harness.network.posts(ME) == []


@pytest.mark.parametrize("text", ["hello", "forget me"])
def test_what_another_worker_answered_stands_though_its_asker_is_forgotten(db, tmp_path, monkeypatch, text):
    """Who was frozen after the put finds the mention under another name."""
    harness = paced(db, tmp_path)
    ref = harness.say(ANA, text)
    put = harness.network.put

    async def frozen(*arguments):
        monkeypatch.setattr(harness.network, "put", put)
        posted = await put(*arguments)
        harness.clock.forward(minutes=1)  # longer than the lease
        other = Worker("other", harness.services, harness.scheduler, lambda: 0.5)
        assert await other.work()
        if text == "hello":
            with harness.services.db.write() as tx:
                parts = harness.services
                erase(tx, parts.memory, parts.ledger, parts.journal, ANA, harness.clock())
        return posted

    monkeypatch.setattr(harness.network, "put", frozen)
    live(harness, 20, whole=True)
    harness.clock.forward(minutes=2)
    harness.run_jobs()

    (name,) = harness.services.ledger.pseudonyms(ref.uri)
    with db.read() as tx:
        assert views.entry(tx, name).state is State.ANSWERED
    assert len(harness.replies(ref)) == 1


@pytest.mark.slow
def test_a_ledger_that_cannot_be_written_after_the_put_fails_no_mention(db, tmp_path, monkeypatch):
    harness = paced(db, tmp_path)
    ref = harness.say(ANA, "hello")
    with monkeypatch.context() as full:
        full.setattr(Path, "open", _full_disk)
        live(harness, 3600, whole=True)
    assert harness.entry(ref).state is State.DRAFTED
    assert "LedgerUnavailable" in harness.entry(ref).why
    live(harness, 900, whole=True)

    assert (harness.entry(ref).state, len(harness.replies(ref))) == (State.ANSWERED, 1)
    assert Ledger(tmp_path / "ledger", harness.clock).is_settled(ref.uri)


def _full_disk(path, mode="r", *, opens=Path.open):
    if "a" in mode:
        raise OSError(28, "No space left on device")
    return opens(path, mode)
