"""The running whole: it serves, drains and gives back what it could not finish."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.backup import backup, restore
from support.factory import ANA, NO_PAUSE
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain
from support.memory_people import receipt as memory_receipt

from bot import app
from bot.config.settings import load
from bot.domain.events import PostCreated
from bot.domain.mention import State
from bot.storage import mentions
from memory.db import Database
from memory.model import Remember


class Replayed:
    """A source that tells what is given, then stays quiet."""

    host = "test"

    def __init__(self, *events):
        self._events = events

    async def events(self, _cursor):
        for event in self._events:
            yield event
        await asyncio.sleep(3600)


def settings(**others):
    quick = {"SWEEP": "0.05", "DRAIN": "0.3", "WORKERS": "2"} | others
    return load({f"SCRUBJAY_{name}": value for name, value in quick.items()})


def heard(harness, text):
    """A post on the network, and the event that tells of it."""
    handle, harness.handle = harness.handle, lambda ref: ref
    ref = harness.say(ANA, text)
    harness.handle = handle
    (post,) = [post for post in harness.network.posts(ANA) if post.ref == ref]
    return ref, PostCreated(1, ref, ANA, post.record, harness.clock())


def is_known(harness, ref):
    with harness.services.db.read() as tx:
        return mentions.uris_of(tx, ANA) == [ref.uri]


async def until(true):
    for _ in range(200):
        if true():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not come about")


async def test_what_is_heard_is_answered_and_a_stop_ends_it(db, tmp_path):
    harness = Harness(db, tmp_path)
    ref, event = heard(harness, "hi")
    stopping = asyncio.Event()
    serving = asyncio.create_task(app.serve(settings(), harness.services, Replayed(event), stopping))
    await until(lambda: harness.network.posts(harness.network.did))
    stopping.set()
    await asyncio.wait_for(serving, 10)

    assert harness.entry(ref).state == State.ANSWERED


async def test_a_mention_heard_under_a_clock_that_is_set_back_is_answered(db, tmp_path):
    harness = Harness(db, tmp_path)
    harness.clock.forward(hours=1)
    ref, event = heard(harness, "hi")
    stopping = asyncio.Event()
    slow = replace(harness.services, pace=replace(NO_PAUSE, think_delay=timedelta(minutes=1)))
    serving = asyncio.create_task(app.serve(settings(), slow, Replayed(event), stopping))
    await until(lambda: is_known(harness, ref))
    harness.clock.forward(hours=-1)
    await until(lambda: harness.entry(ref).state == State.ANSWERED)
    stopping.set()
    await asyncio.wait_for(serving, 10)


async def test_a_mention_heard_under_a_clock_that_was_set_back_before_the_start_is_answered(db, tmp_path):
    harness = Harness(db, tmp_path)
    harness.clock.forward(hours=1)
    ref = harness.say(ANA, "hi")
    harness.clock.forward(hours=-1)
    stopping = asyncio.Event()
    serving = asyncio.create_task(app.serve(settings(), harness.services, Replayed(), stopping))
    await until(lambda: harness.entry(ref).state == State.ANSWERED)
    stopping.set()
    await asyncio.wait_for(serving, 10)


async def test_the_zeitgeist_is_computed_when_the_bot_starts(db, tmp_path):
    harness = Harness(db, tmp_path)
    memory = harness.services.memory
    told = harness.clock() - timedelta(days=2)  # known for a day, and not silent for half a year
    with db.write() as tx:
        for did in ("did:plc:a", "did:plc:b", "did:plc:c"):
            said = memory_receipt(did, said_at=told)
            memory.people.meet(tx, did, told)
            memory.apply(tx, did, [Remember("sings")], said, key=did, actor="rules", at=told)

    def lines():
        with db.read() as tx:
            return memory.zeitgeist.lines(tx)

    assert lines() == ()
    stopping = asyncio.Event()
    serving = asyncio.create_task(app.serve(settings(), harness.services, Replayed(), stopping))
    await until(lambda: lines() == (("sings", 3),))
    stopping.set()
    await asyncio.wait_for(serving, 10)


async def test_a_thought_under_way_is_finished_within_the_drain(db, tmp_path):
    begun = asyncio.Event()

    async def slow():
        begun.set()
        await asyncio.sleep(0.2)

    harness = Harness(db, tmp_path, ScriptedBrain(slow, ("reply", {"text": "hello"})))
    ref, event = heard(harness, "hi")
    stopping = asyncio.Event()
    serving = asyncio.create_task(
        app.serve(settings(DRAIN="10"), harness.services, Replayed(event), stopping)
    )
    await asyncio.wait_for(begun.wait(), 10)
    stopping.set()
    await asyncio.wait_for(serving, 10)

    assert harness.entry(ref).state == State.ANSWERED  # it was due at once


@pytest.mark.slow
async def test_a_thought_beyond_the_drain_is_given_back_at_once_and_counts_as_no_attempt(db, tmp_path):
    begun = asyncio.Event()

    async def endless():
        begun.set()
        await asyncio.sleep(3600)

    harness = Harness(db, tmp_path, ScriptedBrain(endless))
    ref, event = heard(harness, "hi")
    stopping = asyncio.Event()
    serving = asyncio.create_task(app.serve(settings(), harness.services, Replayed(event), stopping))
    await asyncio.wait_for(begun.wait(), 10)
    stopping.set()
    await asyncio.wait_for(serving, 10)

    entry = harness.entry(ref)
    assert (entry.state, entry.attempts, entry.due_at) == (State.WAITING, 0, harness.clock())


async def test_nothing_is_served_from_a_restored_database_before_the_journal_is_applied(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.say(ANA, "I live in Lisbon")
    await asyncio.to_thread(harness.work)
    copy = backup(db)
    harness.clock.forward(seconds=1)
    harness.erase(ANA)
    restore(db, copy)
    stopping = asyncio.Event()
    harness.clock.forward(seconds=1)
    _, event = heard(harness, "who am I?")
    serving = asyncio.create_task(app.serve(settings(), harness.services, Replayed(event), stopping))
    await until(lambda: len(harness.brain.prompts) == 2)
    stopping.set()
    await asyncio.wait_for(serving, 10)
    assert harness.brain.prompts[-1].recollection.notes == ()


async def test_ears_that_break_end_the_whole_instead_of_leaving_a_deaf_bot(db, tmp_path):
    class Broken:
        host = "test"

        async def events(self, _cursor):
            raise RuntimeError("deaf")
            yield

    with pytest.raises(RuntimeError, match="deaf"):
        await app.serve(settings(), Harness(db, tmp_path).services, Broken(), asyncio.Event())


@pytest.mark.slow
async def test_what_a_reader_kept_in_the_log_is_scrubbed_when_the_reader_is_gone(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/scrubjay.db")
    db.upgrade()
    harness = Harness(db, tmp_path, ScriptedBrain(("remember", {"text": "keeps AXOLOTLS"})))
    harness.say(ANA, "hi")
    await asyncio.to_thread(harness.work)
    stopping = asyncio.Event()
    serving = asyncio.create_task(app.serve(settings(), harness.services, None, stopping))
    await until(lambda: not db.needs_scrub)
    with db.read() as tx:
        harness.services.memory.recall(tx, ANA)  # from now on it holds its snapshot
        await asyncio.to_thread(harness.erase, ANA)
        due = db.needs_scrub
    await until(lambda: not db.needs_scrub)
    left = [path.name for path in tmp_path.glob("scrubjay.db*") if b"AXOLOTLS" in path.read_bytes()]
    stopping.set()
    await asyncio.wait_for(serving, 10)
    assert (due, left) == (True, [])
