"""What tells others how the bot is: pages over HTTP, and messages to systemd."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from bot import clock
from bot.brains.guard import Guarded
from bot.health.pulse import Pulse
from bot.health.readings import Readings
from bot.health.server import Answer, Server
from bot.health.vitals import STARTING, STOPPING, Check, Vitals
from bot.log import log_bug

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.config.address import Address
    from bot.config.settings import Settings
    from bot.health.exposition import Exposition
    from bot.health.systemd import Systemd
    from bot.ingest.handler import EventHandler
    from bot.ports import EventStream
    from bot.services import Services

log = structlog.get_logger()

# What one step may take: reads, brain and writes have limits of their own, which together are far below.
STEP_SECONDS = 600.0
TURNS = 3  # times `brain_timeout`: a try, half a one more, and checks of its health
START_SECONDS = 1.0  # between two looks at whether it is ready yet
START_TIMEOUT = 60.0  # seconds more to start, if no watchdog says how many


class Health:
    """How the bot is, from `begin` on; before, it lives and is not ready."""

    def __init__(self, settings: Settings, systemd: Systemd | None = None) -> None:
        self._settings = settings
        self._systemd = systemd
        self._pulse = Pulse(STEP_SECONDS + TURNS * settings.brain_timeout + settings.sweep)
        self._services: Services | None = None
        self._handler: EventHandler | None = None
        self._stream: EventStream | None = None
        self._readings: Readings | None = None
        self._draining = False

    def begin(self, services: Services, handler: EventHandler, stream: EventStream | None) -> None:
        """The parts are there, and are about to run."""
        self._services, self._handler, self._stream = services, handler, stream
        self._readings = Readings(services.db, self._settings.data_dir, services.clock)

    def watched(self, name: str, step: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
        """The same step; from now on it must move."""
        return self._pulse.watched(name, step)

    def drain(self) -> None:
        """The bot has begun to stop: it is not ready any more, and its steps end."""
        self._draining = True
        if self._systemd is not None:
            self._systemd.tell(STOPPING=1, STATUS=STOPPING)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve the pages and tell systemd, as far as it is set. Raises OSError if the address is taken."""
        server = Server({"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._metrics})
        if self._settings.health_address is not None:
            log.info("health.serving", address=await _start(server, self._settings.health_address))
        telling = asyncio.create_task(self._tell(self._systemd)) if self._systemd else None
        try:
            yield
        finally:
            if telling is not None:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
            await server.close()

    async def vitals(self) -> Vitals:
        """How it is now. The only I/O is a read of the database, which is waited for for seconds at most."""
        services, stream = self._services, self._stream
        if services is None or self._readings is None or self._handler is None:
            return Vitals(clock.now(), STARTING, brain=self._settings.brain)
        stored = await self._readings.latest()
        hearing = stream.hearing() if stream is not None else None
        found = {
            Check.RUNNING: STOPPING if self._draining else None,
            Check.STREAM: hearing.fault() if hearing else None,
            Check.STEPS: self._steps_fault(),
            Check.DATABASE: None if stored else "it cannot be read",
            Check.ACCOUNT: None if services.network.is_let_in else "the bot's account is not let in",
        }
        return Vitals(
            services.clock(),
            {check: fault for check, fault in found.items() if fault},
            hearing,
            self._pulse.stillness(),
            isinstance(services.brain, Guarded) and services.brain.is_left_alone,
            stored,
            self._handler.counts["accepted"],
            services.limits.day_money,
            services.brain.name,
        )

    def _steps_fault(self) -> str | None:
        """Why it does not live; asks nobody. While it stops, steps end one after the other."""
        return None if self._draining else self._pulse.fault()

    # --- pages ---

    async def _livez(self) -> Answer:
        return _verdict(self._steps_fault(), "live")

    async def _readyz(self) -> Answer:
        vitals = await self.vitals()
        return _verdict(None if vitals.ready else vitals.summary(), "ready")

    async def _metrics(self) -> Answer:
        text = self._exposition.text(await self.vitals())
        return Answer(HTTPStatus.OK, text, self._exposition.kind)

    @cached_property
    def _exposition(self) -> Exposition:
        from bot.health.exposition import Exposition  # its library takes a tenth of a second to import

        return Exposition()

    # --- systemd ---

    async def _tell(self, systemd: Systemd) -> None:
        """Until cancelled. The messages come from the loop: while that is frozen, none does."""
        ready = False
        while True:
            if self._steps_fault() is None:
                _prolong(systemd, ready=ready)
            try:
                vitals = await self.vitals()
            except Exception as error:  # noqa: BLE001 - a bug here must not let systemd end a bot that lives
                log_bug("health.bug", error)
            else:
                if vitals.ready and not ready:
                    ready = True
                    systemd.tell(READY=1)
                systemd.tell(STATUS=vitals.summary())
            await asyncio.sleep(systemd.interval if ready else START_SECONDS)


async def _start(server: Server, address: Address) -> str:
    try:
        return await server.start(address)
    except OSError as error:
        why = f"`health` cannot be served at {address}: {os.strerror(error.errno or 0)}"
        raise OSError(error.errno, why) from error


def _prolong(systemd: Systemd, *, ready: bool) -> None:
    """The watchdog runs once the bot is ready. Until then the time to start is prolonged instead."""
    if ready:
        systemd.tell(WATCHDOG=1)
    else:
        systemd.tell(EXTEND_TIMEOUT_USEC=int((systemd.watchdog or START_TIMEOUT) * 1_000_000))


def _verdict(fault: str | None, good: str) -> Answer:
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE if fault else HTTPStatus.OK, f"{fault or good}\n")
