"""Replies that are ready go out at their time, whatever the workers are thinking about."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain

from bot import app
from bot.config.settings import load
from bot.domain.mention import State
from bot.scheduler import Scheduler
from bot.storage import mentions
from bot.worker.worker import Worker

PEOPLE = [f"did:plc:person{number}" for number in range(8)]
SECONDS = 1.0  # of one turn


def test_a_reply_that_is_ready_is_claimed_before_a_mention_to_think_about(db, tmp_path):
    harness = Harness(db, tmp_path)
    ready = harness.say(ANA, "hi")
    harness.work(1)
    assert harness.entry(ready).state is State.DRAFTED
    harness.clock.forward(seconds=-5)
    waiting = harness.say(BEN, "hello")  # due before the reply's slot
    harness.clock.forward(minutes=1)
    harness.work(1)
    assert (harness.entry(ready).state, harness.entry(waiting).state) == (State.ANSWERED, State.WAITING)


def test_a_publisher_takes_no_mention_to_think_about(db, tmp_path):
    harness = Harness(db, tmp_path)
    waiting = harness.say(ANA, "hi")
    harness.worker = Worker("p", harness.services, harness.scheduler, lambda: 0.0, mentions.PUBLISHING)
    harness.work()
    assert (harness.entry(waiting).state, harness.brain.prompts) == (State.WAITING, [])


@pytest.mark.slow
async def test_the_first_reply_leaves_while_all_workers_are_thinking(db, tmp_path):
    async def take_time():
        await asyncio.sleep(SECONDS)

    brain = ScriptedBrain(take_time, ("reply", {"text": "hello"}))
    harness = Harness(db, tmp_path, brain)
    for did in PEOPLE:
        harness.say(did, "hi")
    scheduler, stopping = Scheduler(timedelta(seconds=0.05)), asyncio.Event()
    scheduler.start()
    steps = app._steps(load({"SCRUBJAY_WORKERS": "2"}), harness.services, harness.handler, scheduler)
    serving = [asyncio.create_task(scheduler.serve(step, stopping)) for step in steps]
    async with asyncio.timeout(30):
        while not harness.network.posts(harness.network.did):
            await asyncio.sleep(0.02)
    begun = len(brain.prompts)
    stopping.set()
    scheduler.stop()
    await asyncio.gather(*serving)
    assert begun <= 2 * 2  # those that were thought about, and those that took their place
