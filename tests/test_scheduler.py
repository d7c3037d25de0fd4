from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from bot.scheduler import Scheduler

SOON = timedelta(milliseconds=20)
NEVER = timedelta(hours=1)


async def rings(scheduler: Scheduler, seconds: float) -> bool:
    try:
        await asyncio.wait_for(scheduler.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def test_it_rings_when_it_was_asked_to():
    scheduler = Scheduler(NEVER)
    scheduler.start()
    asked = datetime.now(UTC) + SOON
    scheduler.wake_at(asked)

    assert await rings(scheduler, 10)
    assert datetime.now(UTC) >= asked
    scheduler.stop()


async def test_it_rings_for_a_time_that_is_over():
    scheduler = Scheduler(NEVER)
    scheduler.start()
    scheduler.wake_at(datetime.now(UTC) - timedelta(days=1))

    assert await rings(scheduler, 10)
    scheduler.stop()


async def test_it_is_silent_when_nobody_asked():
    scheduler = Scheduler(NEVER)
    scheduler.start()

    assert not await rings(scheduler, 0.3)
    scheduler.stop()


async def test_it_rings_for_work_that_nobody_announced():
    scheduler = Scheduler(SOON)
    scheduler.start()

    assert await rings(scheduler, 10)
    assert await rings(scheduler, 10)
    scheduler.stop()


async def test_every_worker_hears_the_same_ring():
    scheduler = Scheduler(NEVER)
    scheduler.start()
    waiting = [asyncio.create_task(rings(scheduler, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    scheduler.wake_at(datetime.now(UTC) + SOON)

    assert await asyncio.gather(*waiting) == [True, True, True]
    scheduler.stop()


async def test_a_flood_of_wishes_is_a_few_rings():
    scheduler = Scheduler(NEVER)
    scheduler.start()
    now = datetime.now(UTC) + timedelta(minutes=5)
    for milliseconds in range(1000):
        scheduler.wake_at(now + timedelta(milliseconds=milliseconds))

    assert len(scheduler._scheduler.get_jobs()) <= 12
    scheduler.stop()


async def test_a_loop_that_stood_still_is_not_told_of_wakeups_that_were_skipped(caplog):
    scheduler = Scheduler(SOON)
    scheduler.start()
    over = datetime.now(UTC) - timedelta(days=1)
    for _ in range(10):
        scheduler.wake_at(over)
        scheduler._scheduler._process_jobs()  # as its timer does, which was late
        time.sleep(SOON.total_seconds())  # noqa: ASYNC251 - the loop is to stand still

    assert await rings(scheduler, 10)
    assert "skipped" not in caplog.text
    scheduler.stop()


async def test_a_clock_that_was_set_back_stops_no_interval(monkeypatch):
    ahead = timedelta(hours=1)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + ahead

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Clock)
    scheduler = Scheduler(SOON)
    scheduler.start()
    assert await rings(scheduler, 10)
    ahead = timedelta(0)
    await asyncio.sleep(0.1)
    await rings(scheduler, 0)
    assert not await rings(scheduler, 0.3)
    scheduler.wake_all()

    assert await rings(scheduler, 10)
    assert await rings(scheduler, 10)
    scheduler.stop()


async def test_whoever_waits_is_woken_at_the_end():
    scheduler = Scheduler(NEVER)
    scheduler.start()
    waiting = asyncio.create_task(rings(scheduler, 10))
    await asyncio.sleep(0)
    scheduler.stop()

    assert await waiting


async def test_it_rings_at_the_very_time_and_for_two_at_about_the_same_time_once():
    scheduler = Scheduler(NEVER)
    scheduler.start()
    slot = datetime(2126, 12, 1, tzinfo=UTC)
    first, second, other = (slot + timedelta(milliseconds=ms) for ms in (37, 61, 137))
    for asked in (second, first, other):
        scheduler.wake_at(asked)

    times = [job.next_run_time for job in scheduler._scheduler.get_jobs() if job.id != "sweep"]
    assert times == [second, other]
    scheduler.stop()
