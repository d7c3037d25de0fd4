"""The composition root: settings become parts, parts become one running bot."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from datetime import timedelta
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import structlog

from bot import brains, inbox, parts, sessions
from bot.bench import Bench, TurnOptions
from bot.bluesky import Bluesky
from bot.cadence import Cadence
from bot.errors import NetworkTrouble
from bot.listener import Listener
from bot.sources import choice
from bot.tracked import Tracked
from bot.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bot.ports import Brain, Network, Source
    from bot.settings import Settings
    from memory.db import Database

log = structlog.get_logger()

Role: TypeAlias = Literal["all", "listen", "work"]
T = TypeVar("T")

LONGEST_WAIT = 60.0  # seconds between tries to reach the PDS at start


def read_persona(settings: Settings) -> str:
    if settings.persona_file is not None:
        return settings.persona_file.read_text()
    return resources.files("bot").joinpath("persona.md").read_text()


def make_bench(settings: Settings, db: Database, network: Network, brain: Brain) -> Bench:
    return Bench(
        db=db,
        memory=parts.open_memory(settings),
        ledger=parts.open_ledger(settings),
        network=network,
        brain=brain,
        clock=parts.clock,
        limits=settings.limits,
        plan=settings.pace,
        options=TurnOptions(
            persona=read_persona(settings),
            thread_posts=settings.thread_context,
            reply_parts=settings.reply_parts,
            link_hosts=frozenset(settings.link_hosts),
            allowed_bots=frozenset(settings.allowed_bots),
            brain_timeout=timedelta(seconds=settings.brain_timeout),
            lease=timedelta(seconds=settings.lease),
        ),
    )


async def connect(settings: Settings, db: Database) -> Bluesky:
    """Log in, with the stored session if there is one; wait for a PDS that does not answer yet.

    Raises SettingsError, NetworkRefused and Unlabelled.
    """
    handle, password = settings.require_account()

    def load() -> str | None:
        with db.read() as tx:
            return sessions.load(tx, handle)

    def save(session: str) -> None:
        with db.write() as tx:
            sessions.save(tx, handle, session, parts.clock())

    wait = 1.0
    while True:
        try:
            return await Bluesky.connect(
                handle=handle,
                password=password,
                pds_url=settings.pds_url,
                plc_url=settings.plc_url,
                load=load,
                save=save,
            )
        except NetworkTrouble as error:
            log.warning("app.pds_unreachable", error=str(error), retry_in=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)


async def run(settings: Settings, role: Role) -> None:
    """Run the daemon until SIGTERM or SIGINT. Raises what makes it impossible to go on."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    db = await asyncio.to_thread(parts.open_database, settings)
    network = await _unless(stopping, connect(settings, db))
    if network is None:
        return
    try:
        bench = make_bench(settings, db, network, brains.make(settings.brain))
        source = choice.source(settings, Tracked(network.did), partial(_cursor, db))
        await serve(settings, bench, source if role != "work" else None, stopping, work=role != "listen")
    finally:
        await network.close()
        db.close()
        log.info("app.stopped")


async def serve(
    settings: Settings, bench: Bench, source: Source | None, stopping: asyncio.Event, *, work: bool = True
) -> None:
    """Listen to `source` (if any) and work, until `stopping`; then drain."""
    cadence = Cadence(timedelta(seconds=settings.sweep))
    cadence.start()
    crew = [
        Worker(f"{socket.gethostname()}/{number}", bench, cadence, random.random)
        for number in range(settings.workers if work else 0)
    ]
    ears = [_listener(bench, source, cadence).run()] if source is not None else []
    hearing = [asyncio.create_task(ear) for ear in ears]
    working = [asyncio.create_task(worker.serve(stopping)) for worker in crew]
    log.info("app.started", me=bench.network.did, brain=bench.brain.name, workers=len(crew))
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait([asked, *hearing, *working], return_when=asyncio.FIRST_COMPLETED)
    log.info("app.stopping")
    stopping.set()
    cadence.stop()
    for task in hearing:
        task.cancel()
    if working:
        _, late = await asyncio.wait(working, timeout=settings.drain)
        for task in late:
            task.cancel()
    ends = await asyncio.gather(*hearing, *working, asked, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


def _listener(bench: Bench, source: Source, cadence: Cadence) -> Listener:
    return Listener(
        source=source,
        db=bench.db,
        memory=bench.memory,
        ledger=bench.ledger,
        me=bench.network.did,
        clock=bench.clock,
        plan=bench.plan,
        announce=cadence.ring_at,
    )


def _cursor(db: Database, host: str) -> int | None:
    with db.read() as tx:
        return inbox.cursor(tx, host)


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
