from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from bot.scheduler import Cadence

SOON = timedelta(milliseconds=20)
NEVER = timedelta(hours=1)


async def rings(cadence: Cadence, seconds: float) -> bool:
    try:
        await asyncio.wait_for(cadence.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def test_it_rings_when_it_was_asked_to():
    cadence = Cadence(NEVER)
    cadence.start()
    asked = datetime.now(UTC) + SOON
    cadence.ring_at(asked)

    assert await rings(cadence, 10)
    assert datetime.now(UTC) >= asked
    cadence.stop()


async def test_it_rings_for_a_time_that_is_over():
    cadence = Cadence(NEVER)
    cadence.start()
    cadence.ring_at(datetime.now(UTC) - timedelta(days=1))

    assert await rings(cadence, 10)
    cadence.stop()


async def test_it_is_silent_when_nobody_asked():
    cadence = Cadence(NEVER)
    cadence.start()

    assert not await rings(cadence, 0.3)
    cadence.stop()


async def test_it_rings_for_work_that_nobody_announced():
    cadence = Cadence(SOON)
    cadence.start()

    assert await rings(cadence, 10)
    assert await rings(cadence, 10)
    cadence.stop()


async def test_every_worker_hears_the_same_ring():
    cadence = Cadence(NEVER)
    cadence.start()
    waiting = [asyncio.create_task(rings(cadence, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    cadence.ring_at(datetime.now(UTC) + SOON)

    assert await asyncio.gather(*waiting) == [True, True, True]
    cadence.stop()


async def test_a_flood_of_wishes_is_a_few_rings():
    cadence = Cadence(NEVER)
    cadence.start()
    now = datetime.now(UTC) + timedelta(minutes=5)
    for milliseconds in range(1000):
        cadence.ring_at(now + timedelta(milliseconds=milliseconds))

    assert cadence.pending() <= 12
    cadence.stop()


async def test_whoever_waits_is_woken_at_the_end():
    cadence = Cadence(NEVER)
    cadence.start()
    waiting = asyncio.create_task(rings(cadence, 10))
    await asyncio.sleep(0)
    cadence.stop()

    assert await waiting
