"""The composition root: settings become parts, parts become one running bot."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import structlog

from bot import factory, minds
from bot.domain.tracked import Tracked
from bot.errors import NetworkTrouble
from bot.ingest.handler import Hearing
from bot.ingest.listener import Listener
from bot.ingest.reconcile import Reconciler
from bot.network.bluesky import Bluesky
from bot.privacy.retention import keep_house
from bot.scheduler import Cadence
from bot.services import Bench, TurnOptions
from bot.storage import cursors, sessions, turns
from bot.streams import choice
from bot.worker.jobs import Errands
from bot.worker.worker import Worker
from memory.db import TROUBLE

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bot.config.settings import Settings
    from bot.ports import Brain, Network, Source
    from memory.db import Database

log = structlog.get_logger()

Role: TypeAlias = Literal["all", "listen", "work"]
T = TypeVar("T")

EXPIRE_EVERY = 3600.0  # seconds
LONGEST_WAIT = 60.0  # seconds between tries to reach the PDS at start


def make_bench(settings: Settings, db: Database, network: Network, brain: Brain) -> Bench:
    return Bench(
        db=db,
        memory=factory.open_memory(settings),
        ledger=factory.open_ledger(settings),
        network=network,
        brain=brain,
        clock=factory.clock,
        limits=settings.limits,
        plan=settings.pace,
        options=TurnOptions(
            persona=factory.read_persona(settings.persona_file).text(),
            thread_posts=settings.thread_context,
            reply_parts=settings.reply_parts,
            link_hosts=frozenset(settings.link_hosts),
            allowed_bots=frozenset(settings.allowed_bots),
            lease=timedelta(seconds=settings.lease),
            prompt_tokens=settings.prompt_tokens,
            vision=settings.vision,
            retain_turns=timedelta(days=settings.retain_turns),
        ),
        tracked=Tracked(network.did),
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
            sessions.save(tx, handle, session, factory.clock())

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
    brain = minds.make(settings)
    db = await asyncio.to_thread(factory.open_database, settings)
    network = await _unless(stopping, connect(settings, db))
    if network is None:
        return
    try:
        if role != "listen":
            await _unless(stopping, minds.start(brain))
        bench = make_bench(settings, db, network, brain)
        known = await bench.read(cursors.latest_first)
        source = choice.source(settings, bench.tracked, known) if role != "work" else None
        await serve(settings, bench, source, stopping, work=role != "listen")
    finally:
        await brain.close()
        await network.close()
        db.close()
        log.info("app.stopped")


async def serve(
    settings: Settings,
    bench: Bench,
    source: Source | None,
    stopping: asyncio.Event,
    *,
    work: bool = True,
) -> None:
    """Listen to `source` (if any) and work, until `stopping`; then drain."""
    cadence = Cadence(timedelta(seconds=settings.sweep))
    cadence.start()
    crew = [
        Worker(f"{socket.gethostname()}/{number}", bench, cadence, random.random)
        for number in range(settings.workers if work else 0)
    ]
    hearing = await asyncio.to_thread(make_hearing, settings, bench)
    ears = [asyncio.create_task(ear) for ear in _ears(settings, bench, hearing, source, cadence)]
    ears.append(asyncio.create_task(_expire_turns(bench)))
    if work:
        ears.append(asyncio.create_task(_keep_house(settings, bench, cadence)))
    hands: list[Worker | Errands] = [*crew, Errands(bench, hearing, random.random)] if work else []
    working = [asyncio.create_task(cadence.serve(hand.work, stopping)) for hand in hands]
    log.info("app.started", me=bench.network.did, brain=bench.brain.name, workers=len(crew))
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait([asked, *ears, *working], return_when=asyncio.FIRST_COMPLETED)
    log.info("app.stopping")
    stopping.set()
    cadence.stop()
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


async def _expire_turns(bench: Bench) -> None:
    """Drop kept turns when their time is over, whatever else happens; for ever."""
    while True:
        before = bench.clock() - bench.options.retain_turns
        with suppress(*TROUBLE):  # the next time is soon enough
            dropped = await bench.write(partial(turns.expire, before=before))
            if dropped:
                log.info("turns.expired", turns=dropped)
        await asyncio.sleep(EXPIRE_EVERY)


async def _keep_house(settings: Settings, bench: Bench, cadence: Cadence) -> None:
    bell = cadence.every("retain", timedelta(days=1))
    bell.set()  # at start, too
    await keep_house(bench.db, bench.memory, bench.ledger, settings.keep, bench.clock, bell)


def make_hearing(settings: Settings, bench: Bench) -> Hearing:
    """What events mean; everybody of whom something is held is tracked from now on."""
    hearing = Hearing(
        memory=bench.memory,
        ledger=bench.ledger,
        me=bench.network.did,
        plan=bench.plan,
        tracked=bench.tracked,
        counts=Counter(),
        purge_grace=timedelta(hours=settings.purge_grace),
    )
    with bench.db.read() as tx:
        hearing.load(tx)
    return hearing


def _ears(
    settings: Settings, bench: Bench, hearing: Hearing, source: Source | None, cadence: Cadence
) -> list[Coroutine[Any, Any, None]]:
    """The stream, and the second opinion on it."""
    if source is None:
        return []
    listener = Listener(source, bench.db, hearing, bench.clock, cadence.ring_at)
    ring = cadence.every("reconcile", timedelta(seconds=settings.reconcile_every))
    return [listener.run(), Reconciler(bench, hearing, cadence.ring_at).serve(ring)]


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
