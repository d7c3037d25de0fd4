"""Whether it lives and is ready, over a real database, and what is told to a real socket."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from support.harness import Harness
from support.notified import Notified

from bot.config.settings import load
from bot.domain.hearing import Hearing
from bot.health import readings
from bot.health.health import Health
from bot.health.pulse import Pulse
from bot.health.systemd import of_environment
from memory.errors import DatabaseUnavailable

TESTS = Path(__file__).parents[1]
HEARS = Hearing(connected=True, contact=0.0, silence=1.0, lag=0.5)


class Stream:
    host = "test"
    heard = HEARS

    def hearing(self):
        return self.heard


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path)


@pytest.fixture
def stream():
    return Stream()


def made(harness, stream, folder, systemd=None):
    health = Health(load({"SCRUBJAY_DATA_DIR": str(folder)}), systemd)
    health.begin(harness.services, harness.handler, stream)
    return health


@pytest.fixture
def health(harness, stream, tmp_path):
    return made(harness, stream, tmp_path)


async def pages(health):
    """The status and text of both pages."""
    answers = await health._livez(), await health._readyz()
    return [(answer.status.value, answer.body.strip()) for answer in answers]


async def test_it_is_ready_while_it_hears_and_works(health):
    assert await pages(health) == [(200, "live"), (200, "ready")]


async def test_before_its_parts_are_there_it_lives_and_is_not_ready():
    assert await pages(Health(load({}))) == [(200, "live"), (503, "not ready: not started yet")]


async def test_while_it_stops_it_lives_and_is_not_ready(health):
    health.drain()
    assert await pages(health) == [(200, "live"), (503, "not ready: stopping")]


async def test_a_worker_alone_is_ready_without_a_stream(harness, tmp_path):
    assert await pages(made(harness, None, tmp_path)) == [(200, "live"), (200, "ready")]


async def test_it_is_not_ready_while_the_stream_lags(health, stream):
    stream.heard = Hearing(connected=True, contact=0.0, silence=1.0, lag=301)
    assert (await pages(health))[1] == (503, "not ready: stream: the stream is 301 s behind")


async def test_it_is_not_ready_while_the_database_cannot_be_read(health, harness, monkeypatch):
    def fail(_person=None):
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(harness.services.db, "read", fail)
    assert await pages(health) == [(200, "live"), (503, "not ready: database: it cannot be read")]
    assert b"scrubjay_mentions_open{" not in (await health._metrics()).body


@pytest.mark.slow
async def test_a_database_that_hangs_is_asked_once_and_holds_up_no_page_for_long(
    health, harness, monkeypatch
):
    monkeypatch.setattr(readings, "PATIENCE", 0.2)
    asked = []

    def hang(_person=None):
        asked.append(1)
        time.sleep(2)
        raise DatabaseUnavailable("late")

    monkeypatch.setattr(harness.services.db, "read", hang)
    for _ in range(3):
        assert (await pages(health))[1] == (503, "not ready: database: it cannot be read")
    assert len(asked) == 1


async def test_it_is_not_ready_while_its_account_is_not_let_in(health, harness):
    harness.network.set_labels(harness.network.did)
    with pytest.raises(Exception, match="self-label"):
        await harness.network.check_account()
    assert (await pages(health))[1] == (503, "not ready: account: the bot's account is not let in")
    harness.network.set_labels(harness.network.did, "bot")
    await harness.network.check_account()
    assert (await pages(health))[1] == (200, "ready")


@pytest.fixture
def notified(tmp_path):
    made = Notified(tmp_path / "notify", watchdog=0.9)
    yield made
    made.close()


@pytest.mark.slow
async def test_a_step_that_hangs_ends_the_pings_of_a_loop_that_runs(harness, stream, tmp_path, notified):
    health = made(harness, stream, tmp_path, of_environment(notified.environment))
    health._pulse = Pulse(deadline=1.0)
    hanging = asyncio.Event()

    async def step():
        await hanging.wait()
        return False

    async with health.running():
        work = asyncio.create_task(health.watched("worker 0", step)())
        assert await asyncio.to_thread(notified.until, "READY=1", 20)
        assert await asyncio.to_thread(notified.until, "WATCHDOG=1", 20)
        await asyncio.sleep(1.5)
        notified.empty()
        assert not await asyncio.to_thread(notified.until, "WATCHDOG=1", 2)
        assert "STATUS=not ready: steps: no move for" in " ".join(notified.messages)
        assert (await health._livez()).status == 503
        hanging.set()
        await work
        assert await asyncio.to_thread(notified.until, "WATCHDOG=1", 20)


FROZEN = """
import asyncio, sys, time
from pathlib import Path
from support.harness import Harness, ScriptedBrain
from support.factory import ANA
from health.test_health import Stream
from bot import app
from bot.config.settings import load
from bot.health.health import Health
from bot.health.systemd import of_environment
from memory.db import Database

folder = Path(sys.argv[1])
settings = load({"SCRUBJAY_DATA_DIR": str(folder), "SCRUBJAY_SWEEP": "0.1"})

class Quiet(Stream):
    async def events(self, cursor):
        await asyncio.sleep(3600)
        yield

async def freeze():
    (folder / "frozen").touch()
    time.sleep(3600)  # as a step that forgets to await

async def main():
    db = Database(f"sqlite:///{folder}/scrubjay.db")
    db.upgrade()
    harness = Harness(db, folder, ScriptedBrain(freeze))
    health = Health(settings, of_environment())
    async with health.running():
        asyncio.get_running_loop().call_later(3, lambda: harness.say(ANA, "hi"))
        await app.serve(settings, harness.services, Quiet(), asyncio.Event(), health=health)

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_step_that_blocks_the_loop_ends_the_pings(tmp_path, notified):
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(FROZEN), str(tmp_path)],
        env=os.environ | notified.environment | {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"},
    )
    try:
        assert notified.until("READY=1")
        assert notified.until("WATCHDOG=1")
        deadline = time.monotonic() + 60
        while not (tmp_path / "frozen").exists():
            assert time.monotonic() < deadline, "the loop is not frozen"
            time.sleep(0.1)
        notified.empty()
        assert notified.next(2) is None
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
