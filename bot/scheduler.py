"""The clockwork: APScheduler rings a bell when something falls due. The work itself is a row in SQL."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

GRAIN = timedelta(milliseconds=100)  # a flood of mentions asks for ten rings a second, not for thousands


class Scheduler:
    """A bell that rings at times asked for, and every `sweep` for work that nobody announced.

    A ring is no promise of work: several processes may hear it, and the claim decides.
    """

    def __init__(self, sweep: timedelta) -> None:
        self._wakeup = asyncio.Event()
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._scheduler.add_job(self._wake, IntervalTrigger(seconds=sweep.total_seconds()), id="sweep")

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)
        self._wakeup.set()

    def every(self, name: str, span: timedelta) -> asyncio.Event:
        """A bell of its own, rung every `span`."""
        wakeup = asyncio.Event()

        async def ring() -> None:
            wakeup.set()

        self._scheduler.add_job(ring, IntervalTrigger(seconds=span.total_seconds()), id=name)
        return wakeup

    def wake_at(self, when: datetime) -> None:
        """Ring at `when` or within a grain after it."""
        slot = int(when.timestamp() / GRAIN.total_seconds()) + 1
        ring = DateTrigger(when - timedelta(seconds=when.timestamp() % GRAIN.total_seconds()) + GRAIN)
        self._scheduler.add_job(self._wake, ring, id=f"ring-{slot}", replace_existing=True)

    async def wait(self) -> None:
        """Return at the next ring, or at once if it rang since the last wait."""
        await self._wakeup.wait()
        self._wakeup.clear()

    async def serve(self, work: Callable[[], Awaitable[bool]], stopping: asyncio.Event) -> None:
        """Call `work` at every ring for as long as it finds something to do, until told to stop.

        What is in hand then is taken to the end of its step.
        """
        while not stopping.is_set():
            with suppress(*DATABASE_ERRORS):  # the next ring tries again
                while not stopping.is_set() and await work():
                    pass
            if not stopping.is_set():
                await self.wait()

    async def _wake(self) -> None:
        self._wakeup.set()
