"""Replies that are ready go out at their time, whatever the workers are thinking about."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from support.factory import ANA, BEN, ME, NO_PAUSE, Clock
from support.harness import Harness, ScriptedBrain

from bot import app
from bot.config.settings import load
from bot.domain.mention import State
from bot.scheduler import Scheduler
from bot.storage import mentions
from bot.storage.tables import MentionRow
from bot.worker.worker import Worker

PEOPLE = [f"did:plc:person{number}" for number in range(8)]
SECONDS = 1.0  # of one turn


def test_a_reply_that_is_ready_is_claimed_before_a_mention_to_think_about(db, tmp_path):
    harness = Harness(db, tmp_path)
    ready = harness.say(ANA, "hi")
    harness.draft()
    assert harness.entry(ready).state is State.DRAFTED
    harness.clock.forward(seconds=-5)
    waiting = harness.say(BEN, "hello")  # due before the reply's slot
    harness.clock.forward(minutes=1)
    harness.draft()
    assert (harness.entry(ready).state, harness.entry(waiting).state) == (State.ANSWERED, State.WAITING)


def test_a_publisher_takes_no_mention_to_think_about(db, tmp_path):
    harness = Harness(db, tmp_path)
    waiting = harness.say(ANA, "hi")
    harness.worker = Worker("p", harness.services, harness.scheduler, lambda: 0.0, mentions.PUBLISHING)
    harness.work()
    assert (harness.entry(waiting).state, harness.brain.prompts) == (State.WAITING, [])


class Serving:
    """The steps of two workers, of the publisher and of the jobs, as the daemon runs them."""

    def __init__(self, harness):
        self.harness, self.scheduler, self.stopping = (
            harness,
            Scheduler(timedelta(seconds=0.05)),
            asyncio.Event(),
        )

    async def __aenter__(self):
        self.scheduler.start()
        settings = load({"SCRUBJAY_WORKERS": "2"})
        steps = app._steps(settings, self.harness.services, self.harness.handler, self.scheduler)
        self.serving = [
            asyncio.create_task(self.scheduler.serve(step, self.stopping)) for step in steps.values()
        ]
        async with asyncio.timeout(30):
            while not self.harness.network.posts(ME):
                await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *_):
        self.stopping.set()
        self.scheduler.stop()
        await asyncio.gather(*self.serving)


def slow_brain(seconds):
    async def take_time():
        await asyncio.sleep(seconds)

    return ScriptedBrain(take_time, ("reply", {"text": "hello"}))


@pytest.mark.slow
async def test_the_first_reply_leaves_while_all_workers_are_thinking(db, tmp_path):
    harness = Harness(db, tmp_path, slow_brain(SECONDS))
    for did in PEOPLE:
        harness.say(did, "hi")
    async with Serving(harness):
        begun = len(harness.brain.prompts)

    assert begun <= 2 * 2  # those that were thought about, and those that took their place


@pytest.mark.slow
async def test_a_reply_leaves_at_its_slot_though_all_workers_are_thinking(db, tmp_path, monkeypatch):
    monkeypatch.setattr(Clock, "__call__", lambda _: datetime.now(UTC))
    harness = Harness(db, tmp_path, slow_brain(3 * SECONDS))
    pace = replace(NO_PAUSE, post_delay=timedelta(seconds=SECONDS))
    harness.services = replace(harness.services, pace=pace)
    for did in PEOPLE:
        harness.say(did, "hi")
    async with Serving(harness):
        late = datetime.now(UTC) - min(filter(None, drafted(db))) - pace.post_delay

    assert late < timedelta(seconds=SECONDS)


def drafted(db):
    with db.read() as tx:
        return list(tx.scalars(select(MentionRow.drafted_at)))
