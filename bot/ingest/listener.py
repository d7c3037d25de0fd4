"""The listener: it handles each event of a stream, in one transaction with the cursor."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.domain.events import Gap
from bot.errors import told
from bot.log import log_bug
from bot.storage import cursors
from memory import crash
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.clock import Clock
    from bot.domain.events import Event
    from bot.ingest.handler import EventHandler
    from bot.ports import EventStream
    from memory.db import Database

log = structlog.get_logger()

DATABASE_RETRY = 1.0  # seconds; meanwhile the stream waits, so nothing is dropped


@dataclass(frozen=True, slots=True)
class Listener:
    """Reads one stream. `announce` is called with the time when something is due because of an event."""

    stream: EventStream
    db: Database
    handler: EventHandler
    clock: Clock
    announce: Callable[[datetime], None]

    async def run(self) -> None:
        """Listen until cancelled."""
        cursor = await asyncio.to_thread(self._stored_cursor)
        log.info("listener.started", host=self.stream.host, cursor=cursor)
        async with aclosing(self.stream.events(cursor)) as events:
            async for event in events:
                due_at = await self._handle_with_retry(event)
                if due_at is not None:
                    self.announce(due_at)

    async def _handle_with_retry(self, event: Event) -> datetime | None:
        """Handle the event. Retry while the database is in trouble. If a bug is hit, record a gap instead."""
        while True:
            try:
                return await asyncio.to_thread(self.handle, event)
            except DATABASE_ERRORS as error:
                log.warning("listener.database_trouble", error=told(error))
                await asyncio.sleep(DATABASE_RETRY)
            except Exception as error:
                if isinstance(event, Gap):
                    raise
                log_bug("event.bug", error, kind=type(event).__name__, cursor=event.cursor)
                event = Gap(
                    event.cursor, self.stream.host, event.cursor - 1, event.cursor, "bug", self.clock()
                )

    def _stored_cursor(self) -> int | None:
        with self.db.read() as tx:
            return cursors.get(tx, self.stream.host)

    def handle(self, event: Event) -> datetime | None:
        """Handle one event in a transaction. Returns when something is due because of it, or None."""
        verdict = self.handler.judge(event)
        if not self.handler.matters(event, verdict):
            return None
        now = self.clock()
        with self.db.write() as tx:
            due_at = self.handler.handle(tx, event, verdict, now)
            if due_at is not None:
                crash.reach("accepted")
            if not isinstance(event, Gap):  # its cursor is the one before it
                cursors.move(tx, self.stream.host, event.cursor, now)
            if due_at is not None:
                crash.reach("heard")
        return due_at
