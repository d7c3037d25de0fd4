"""The scheduler: APScheduler wakes the workers when something is due. The work itself is a row in SQL."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RESOLUTION = timedelta(milliseconds=100)  # at most ten wakeups a second, however many mentions come
MANY = 100  # wakeups of one moment, after the loop stood still: each only sets an event


class Scheduler:
    """Wakes whoever waits at the times asked for, and every `sweep` for work that was not announced.

    This process asks for what it stored itself, and `bot.storage.wakeups` for what others stored. A wakeup
    does not promise work: several processes wake up, and the claim decides which of them gets it.
    """

    def __init__(self, sweep: timedelta) -> None:
        self._wakeup = asyncio.Event()
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": MANY},
        )
        self._scheduler.add_job(self._wake, IntervalTrigger(seconds=sweep.total_seconds()), id="sweep")

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)
        self._wakeup.set()

    def every(self, name: str, span: timedelta) -> asyncio.Event:
        """An event of its own that is set every `span`."""
        wakeup = asyncio.Event()

        async def wake() -> None:
            wakeup.set()

        self._scheduler.add_job(wake, IntervalTrigger(seconds=span.total_seconds()), id=name)
        return wakeup

    def wake_at(self, when: datetime) -> None:
        """Wake at `when`, or up to RESOLUTION later, if others are due just then."""
        name = f"wakeup-{int(when.timestamp() / RESOLUTION.total_seconds())}"
        planned = self._scheduler.get_job(name)
        at = max(when, getattr(planned, "next_run_time", None) or when)
        self._scheduler.add_job(self._wake, DateTrigger(at), id=name, replace_existing=True)

    def wake_all(self) -> None:
        """Wake everybody now, and count all intervals from now: the clock that set their times was ahead."""
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=now)

    async def wait(self) -> None:
        """Return at the next wakeup, or at once if there was one since the last wait."""
        await self._wakeup.wait()
        self._wakeup.clear()

    async def serve(self, work: Callable[[], Awaitable[bool]], stopping: asyncio.Event) -> None:
        """At every wakeup, call `work` until it returns False. Return when `stopping` is set.

        A step that has begun is finished first.
        """
        while not stopping.is_set():
            with suppress(*DATABASE_ERRORS):  # the next wakeup tries again
                while not stopping.is_set() and await work():
                    pass
            if not stopping.is_set():
                await self.wait()

    async def _wake(self) -> None:
        self._wakeup.set()
