"""The composition root: settings become parts, parts become one running bot."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from contextlib import suppress
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import structlog

from bot import clock, factory
from bot.errors import NetworkError
from bot.health.health import Health
from bot.health.systemd import of_environment
from bot.ingest.listener import Listener
from bot.ingest.reconcile import Reconciler
from bot.privacy.reapplying import apply_journal
from bot.privacy.retention import in_batches, run_retention
from bot.scheduler import Scheduler
from bot.storage import cursors, mentions, turns, waits, wakeups
from bot.wording import detection
from bot.worker.jobs import JobRunner
from bot.worker.worker import Worker
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

    from bot.config.settings import Settings
    from bot.ingest.handler import EventHandler
    from bot.ports import EventStream
    from bot.services import Services

log = structlog.get_logger()

Role: TypeAlias = Literal["all", "listen", "work"]
T = TypeVar("T")

EXPIRE_EVERY = 3600.0  # seconds
CHECK_ACCOUNT_EVERY = timedelta(hours=1)
EXCHANGE_LEDGER_EVERY = timedelta(minutes=1)
EXCHANGE_JOURNAL_EVERY = timedelta(hours=1)
DAY = timedelta(days=1)
WATCH_CLOCK_EVERY = 1.0  # seconds
SCRUB_EVERY = timedelta(seconds=1)
ZEITGEIST_EVERY = timedelta(minutes=5)
ZEITGEIST_REST = 20  # times as long as it took


async def run(settings: Settings, role: Role) -> None:
    """Run the daemon until SIGTERM, SIGINT or SIGHUP. Raises an error if it cannot go on."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    factory.check(settings)
    health = Health(settings, of_environment())
    async with health.running():
        await _run(settings, role, stopping, health)


async def _run(settings: Settings, role: Role, stopping: asyncio.Event, health: Health) -> None:
    brain = factory.make_brain(settings)
    if role != "listen":
        await asyncio.to_thread(detection.load)  # now, and not over the first mention
    db, claim = await asyncio.to_thread(factory.claim_database, settings)
    network = await _unless_stopped(stopping, factory.connect(settings, db))
    if network is None:
        return
    try:
        if role != "listen":
            await _unless_stopped(stopping, factory.start_brain(brain))
        services = factory.make_services(settings, db, network, brain)
        known = await services.read(cursors.latest_first)
        stream = factory.make_stream(settings, services.tracked, known) if role != "work" else None
        await serve(settings, services, stream, stopping, work=role != "listen", health=health)
    finally:
        await brain.close()
        await network.close()
        db.close()
        claim.close()
        log.info("app.stopped")


async def serve(
    settings: Settings,
    services: Services,
    stream: EventStream | None,
    stopping: asyncio.Event,
    *,
    work: bool = True,
    health: Health | None = None,
) -> None:
    """Listen to `stream` (if any) and work, until `stopping`; then drain."""
    health = health or Health(settings)
    scheduler = Scheduler(timedelta(seconds=settings.sweep))
    scheduler.start()
    await asyncio.to_thread(
        apply_journal, services.db, services.memory, services.ledger, services.journal, services.clock()
    )
    handler = await asyncio.to_thread(factory.make_handler, settings, services)
    background = [
        asyncio.create_task(task)
        for task in _background(settings, services, handler, stream, scheduler, work)
    ]
    steps = _steps(settings, services, handler, scheduler) if work else {}
    health.begin(services, handler, stream)
    working = [
        asyncio.create_task(scheduler.serve(health.watched(name, step), stopping))
        for name, step in steps.items()
    ]
    log.info("app.started", me=services.network.did, brain=services.brain.name, workers=len(steps))
    stop_requested = asyncio.create_task(stopping.wait())
    await asyncio.wait([stop_requested, *background, *working], return_when=asyncio.FIRST_COMPLETED)
    log.info("app.stopping")
    stopping.set()
    health.drain()
    scheduler.stop()
    for task in background:
        task.cancel()
    if working:
        _, late = await asyncio.wait(working, timeout=settings.drain)
        for task in late:
            task.cancel()
    ends = await asyncio.gather(*background, *working, stop_requested, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


def _steps(
    settings: Settings, services: Services, handler: EventHandler, scheduler: Scheduler
) -> dict[str, Callable[[], Awaitable[bool]]]:
    """The steps of the workers, the publisher and the job runner, by name. Each returns False if none is due.

    The publisher only posts replies, so that one leaves at its time although all workers are thinking.
    """
    host = socket.gethostname()
    workers = {
        f"worker {number}": Worker(f"{host}/{number}", services, scheduler, random.random)
        for number in range(settings.workers)
    }
    publisher = Worker(f"{host}/publisher", services, scheduler, random.random, mentions.PUBLISHING)
    jobs = JobRunner(services, handler, random.random)
    steps = {name: worker.work for name, worker in workers.items()}
    return {**steps, "publisher": publisher.work, "jobs": jobs.work}


def _background(
    settings: Settings,
    services: Services,
    handler: EventHandler,
    stream: EventStream | None,
    scheduler: Scheduler,
    work: bool,  # noqa: FBT001 - passed on
) -> Iterator[Coroutine[Any, Any, None]]:
    """What runs beside the workers: listener, reconciliation, and what is done at intervals."""
    if stream is not None:
        yield Listener(stream, services.db, handler, services.clock, scheduler.wake_at).run()
        wakeup = scheduler.every("reconcile", timedelta(seconds=settings.reconcile_every))
        yield Reconciler(services, handler, scheduler.wake_at).serve(wakeup)
    yield _watch_clock(services, scheduler)
    yield _expire_turns(services)
    yield _check_account(services, scheduler)
    if not services.db.is_sqlite:
        recent, everything = partial(_exchange_recent, services), partial(_exchange_all, services)
        yield _at_intervals(scheduler, "ledger", EXCHANGE_LEDGER_EVERY, recent)
        yield _at_intervals(scheduler, "journal", EXCHANGE_JOURNAL_EVERY, everything)
    yield _scrub_database(services, scheduler)
    if work:
        if not services.db.is_sqlite:
            yield wakeups.listen(services.db, scheduler.wake_at, services.clock)
        yield _refresh_zeitgeist(services, scheduler)
        yield _run_retention(settings, services, scheduler)


async def _watch_clock(services: Services, scheduler: Scheduler) -> None:
    """Let nothing wait for a time of a clock that was ahead: of this process, or of one before it."""
    watch, wrong = clock.Watch(services.clock), False
    with suppress(*DATABASE_ERRORS):
        wrong = await services.read(partial(waits.are_ahead, now=services.clock()))
    while True:
        if back := watch.went_back():
            log.warning("clock.went_back", seconds=round(back.total_seconds()))
            scheduler.wake_all()
        wrong = wrong or back is not None
        with suppress(*DATABASE_ERRORS):  # tried again in a second
            if wrong:
                lease, now = services.options.lease, services.clock()
                waited = await services.write(partial(waits.end_all, now=now, lease=lease))
                log.warning("clock.waits_ended", mentions=waited)
                wrong = False
        await asyncio.sleep(WATCH_CLOCK_EVERY)


async def _expire_turns(services: Services) -> None:
    """Every hour, delete turn records that are older than the settings allow."""
    while True:
        before = services.clock() - services.options.retain_turns
        with suppress(*DATABASE_ERRORS):  # tried again next time
            expired = await asyncio.to_thread(in_batches, services.db, partial(turns.expire, before=before))
            if expired:
                log.info("turns.expired", turns=expired)
        await asyncio.sleep(EXPIRE_EVERY)


async def _scrub_database(services: Services, scheduler: Scheduler) -> None:
    """Scrub the database when something was erased. Once at start, as a crash may have prevented it."""
    wakeup, db = scheduler.every("scrub", SCRUB_EVERY), services.db
    db.needs_scrub = True
    while True:
        wakeup.clear()
        if db.needs_scrub:
            with suppress(*DATABASE_ERRORS):  # tried again next time
                await asyncio.to_thread(db.scrub)
        await wakeup.wait()


async def _refresh_zeitgeist(services: Services, scheduler: Scheduler) -> None:
    """Compute the zeitgeist of this process at start and then every few minutes; rarely if it takes long."""
    wakeup = scheduler.every("zeitgeist", ZEITGEIST_EVERY)
    refresh = services.memory.zeitgeist.refresh_in_slices
    while True:
        began = monotonic()
        with suppress(*DATABASE_ERRORS):  # tried again next time
            await asyncio.to_thread(refresh, services.db, services.clock())
        await asyncio.sleep(ZEITGEIST_REST * (monotonic() - began))
        wakeup.clear()
        await wakeup.wait()


async def _check_account(services: Services, scheduler: Scheduler) -> None:
    """Notice within the hour that the account is not let in, or does not say any more that it is a bot."""
    wakeup = scheduler.every("account", CHECK_ACCOUNT_EVERY)
    while True:
        await wakeup.wait()
        wakeup.clear()
        with suppress(NetworkError):  # the adapter has logged it; the mentions wait by themselves
            await services.network.check_account()


async def _at_intervals(scheduler: Scheduler, name: str, every: timedelta, work: Callable[[], None]) -> None:
    """Do work on the database so often."""
    wakeup = scheduler.every(name, every)
    while True:
        await wakeup.wait()
        wakeup.clear()
        with suppress(*DATABASE_ERRORS):  # tried again next time
            await asyncio.to_thread(work)


def _exchange_recent(services: Services) -> None:
    """Share what was answered and erased since yesterday."""
    services.ledger.exchange(services.db, (services.clock() - DAY).date())


def _exchange_all(services: Services) -> None:
    """Share all of ledger and journal: any machine's file may be the one that is left."""
    services.ledger.exchange(services.db)
    services.journal.exchange(services.db)


async def _run_retention(settings: Settings, services: Services, scheduler: Scheduler) -> None:
    wakeup = scheduler.every("retain", timedelta(days=1))
    wakeup.set()  # at start, too
    await run_retention(
        services.db,
        services.memory,
        services.ledger,
        services.journal,
        settings.retention,
        services.clock,
        wakeup,
    )


async def _unless_stopped(stopping: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what `work` returns, or None if `stopping` comes first."""
    task, stop_requested = asyncio.create_task(work), asyncio.create_task(stopping.wait())
    await asyncio.wait([task, stop_requested], return_when=asyncio.FIRST_COMPLETED)
    stop_requested.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None
