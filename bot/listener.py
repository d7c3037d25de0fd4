"""The ears: events of a source become mentions in the inbox, each with the cursor in one transaction."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import OperationalError

from bot import attention, conduct, inbox, pace
from bot.erasure import erase, scrub
from bot.events import Gap, PostCreated, PostDeleted
from bot.ledger import Fate
from bot.model import Command, Ignored, Part
from memory.errors import DatabaseTrouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.events import Event
    from bot.ledger import Ledger
    from bot.model import Mention, Pace
    from bot.ports import Clock, Source
    from memory.db import Database, Tx
    from memory.store import Memory

log = structlog.get_logger()

DATABASE_RETRY = 1.0  # seconds; the stream waits for the database, nothing is dropped


@dataclass
class Listener:
    """Hears for the account `me`. `announce` is called with the time a new mention falls due."""

    source: Source
    db: Database
    memory: Memory
    ledger: Ledger
    me: str
    clock: Clock
    plan: Pace
    announce: Callable[[datetime], None]
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self) -> None:
        """Listen until cancelled."""
        cursor = await asyncio.to_thread(self._cursor)
        log.info("listener.started", host=self.source.host, cursor=cursor)
        async with aclosing(self.source.events(cursor)) as events:
            async for event in events:
                due_at = await self._patiently(event)
                if due_at is not None:
                    self.announce(due_at)

    async def _patiently(self, event: Event) -> datetime | None:
        while True:
            try:
                return await asyncio.to_thread(self.take, event)
            except (OperationalError, DatabaseTrouble) as error:
                log.warning("listener.database_trouble", error=type(error).__name__)
                await asyncio.sleep(DATABASE_RETRY)

    def _cursor(self) -> int | None:
        with self.db.read() as tx:
            return inbox.cursor(tx, self.source.host)

    def take(self, event: Event) -> datetime | None:
        """Act on one event. Returns when a new mention falls due."""
        match event:
            case PostCreated():
                return self._post_created(event)
            case PostDeleted():
                self._post_deleted(event)
            case Gap():  # its cursor is the one before it
                self.counts["gaps"] += 1
            case _:  # a handle is only claimed here; the profile proves it
                with self.db.write() as tx:
                    inbox.move_cursor(tx, self.source.host, event.cursor, self.clock())
        return None

    def _post_created(self, event: PostCreated) -> datetime | None:
        verdict = attention.judge(event, self.me, conduct.command)
        if isinstance(verdict, Ignored):
            self.counts[f"ignored.{verdict.reason}"] += 1
            return None
        if self.ledger.has(Fate.ANSWERED, verdict.uri) or self.ledger.has(Fate.ERASED, verdict.uri):
            self.counts["ignored.in the ledger"] += 1
            return None
        now = self.clock()
        due_at = pace.think_at(now, self.plan)
        with self.db.write() as tx:
            fresh = inbox.accept(tx, verdict, now=now, due_at=due_at)
            inbox.move_cursor(tx, self.source.host, event.cursor, now)
            if fresh:
                self._obey(tx, verdict, now)
        if not fresh:
            self.counts["repeated"] += 1
            return None
        if verdict.command is Command.FORGET:
            scrub(self.db)
            due_at = now
        self.counts["accepted"] += 1
        log.info("mention.accepted", uri=verdict.uri, reason=verdict.reason, command=verdict.command)
        return due_at

    def _obey(self, tx: Tx, mention: Mention, now: datetime) -> None:
        """Carry out what code understands without a brain, at once."""
        match mention.command:
            case Command.FORGET:
                erase(tx, self.memory, self.ledger, mention.did, now, keep=mention.uri)
                inbox.draft_at_once(tx, mention.uri, [Part(0, conduct.FORGOTTEN, ())], now)
            case Command.STOP:
                inbox.stop(tx, mention.did, now)
            case Command.START:
                inbox.start(tx, mention.did)
            case None:
                pass

    def _post_deleted(self, event: PostDeleted) -> None:
        now = self.clock()
        with self.db.write() as tx:
            declined = inbox.decline(tx, event.uri, "deleted", now)
            notes = self.memory.forget_source(tx, event.uri, now)
            inbox.move_cursor(tx, self.source.host, event.cursor, now)
        if notes:
            scrub(self.db)
        if declined or notes:
            self.counts["deleted"] += 1
            log.info("post.deleted", uri=event.uri, declined=declined, notes=notes)
