"""The composition root: settings become parts, parts become one running bot."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import structlog

from bot import factory
from bot.ingest.listener import Listener
from bot.ingest.reconcile import Reconciler
from bot.privacy.retention import run_retention
from bot.scheduler import Scheduler
from bot.storage import cursors, turns
from bot.worker.jobs import JobRunner
from bot.worker.worker import Worker
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bot.config.settings import Settings
    from bot.ingest.handler import EventHandler
    from bot.ports import EventStream
    from bot.services import Services

log = structlog.get_logger()

Role: TypeAlias = Literal["all", "listen", "work"]
T = TypeVar("T")

EXPIRE_EVERY = 3600.0  # seconds


async def run(settings: Settings, role: Role) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises what makes it impossible to go on."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    brain = factory.make_brain(settings)
    db = await asyncio.to_thread(factory.open_database, settings)
    network = await _unless(stopping, factory.connect(settings, db))
    if network is None:
        return
    try:
        if role != "listen":
            await _unless(stopping, factory.start_brain(brain))
        services = factory.make_services(settings, db, network, brain)
        known = await services.read(cursors.latest_first)
        stream = factory.make_stream(settings, services.tracked, known) if role != "work" else None
        await serve(settings, services, stream, stopping, work=role != "listen")
    finally:
        await brain.close()
        await network.close()
        db.close()
        log.info("app.stopped")


async def serve(
    settings: Settings,
    services: Services,
    stream: EventStream | None,
    stopping: asyncio.Event,
    *,
    work: bool = True,
) -> None:
    """Listen to `stream` (if any) and work, until `stopping`; then drain."""
    scheduler = Scheduler(timedelta(seconds=settings.sweep))
    scheduler.start()
    crew = [
        Worker(f"{socket.gethostname()}/{number}", services, scheduler, random.random)
        for number in range(settings.workers if work else 0)
    ]
    handler = await asyncio.to_thread(factory.make_handler, settings, services)
    ears = [asyncio.create_task(ear) for ear in _listening(settings, services, handler, stream, scheduler)]
    ears.append(asyncio.create_task(_expire_turns(services)))
    if work:
        ears.append(asyncio.create_task(_run_retention(settings, services, scheduler)))
    hands: list[Worker | JobRunner] = [*crew, JobRunner(services, handler, random.random)] if work else []
    working = [asyncio.create_task(scheduler.serve(hand.work, stopping)) for hand in hands]
    log.info("app.started", me=services.network.did, brain=services.brain.name, workers=len(crew))
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait([asked, *ears, *working], return_when=asyncio.FIRST_COMPLETED)
    log.info("app.stopping")
    stopping.set()
    scheduler.stop()
    for task in ears:
        task.cancel()
    if working:
        _, late = await asyncio.wait(working, timeout=settings.drain)
        for task in late:
            task.cancel()
    ends = await asyncio.gather(*ears, *working, asked, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _expire_turns(services: Services) -> None:
    """Drop kept turns when their time is over, whatever else happens; for ever."""
    while True:
        before = services.clock() - services.options.retain_turns
        with suppress(*DATABASE_ERRORS):  # the next time is soon enough
            dropped = await services.write(partial(turns.expire, before=before))
            if dropped:
                log.info("turns.expired", turns=dropped)
        await asyncio.sleep(EXPIRE_EVERY)


async def _run_retention(settings: Settings, services: Services, scheduler: Scheduler) -> None:
    wakeup = scheduler.every("retain", timedelta(days=1))
    wakeup.set()  # at start, too
    await run_retention(services.db, services.memory, services.ledger, settings.keep, services.clock, wakeup)


def _listening(
    settings: Settings,
    services: Services,
    handler: EventHandler,
    stream: EventStream | None,
    scheduler: Scheduler,
) -> list[Coroutine[Any, Any, None]]:
    """The stream, and the second opinion on it."""
    if stream is None:
        return []
    listener = Listener(stream, services.db, handler, services.clock, scheduler.wake_at)
    wakeup = scheduler.every("reconcile", timedelta(seconds=settings.reconcile_every))
    return [listener.run(), Reconciler(services, handler, scheduler.wake_at).serve(wakeup)]


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what `work` returns, or None if `stopping` comes first."""
    task, asked = asyncio.create_task(work), asyncio.create_task(stopping.wait())
    await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None
