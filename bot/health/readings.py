"""Reads what is stored, for scrapes: one read at a time, not too often, and never waited for too long."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import told
from bot.health.vitals import Stored
from bot.storage import vitals, voice
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.clock import Clock
    from bot.domain.meters import Voice
    from memory.db import Database

log = structlog.get_logger()

FRESH = 5.0  # seconds for which a reading is good
SLOW = 600.0  # seconds for which one of the bot's own answers is
PATIENCE = 2.0  # seconds that a scrape waits for a new one
LOGS = ("", "-wal", "-shm")  # the endings of SQLite's files


class Readings:
    """The latest reading of the database and its disk. A read that hangs is not begun a second time."""

    def __init__(
        self, db: Database, folder: Path, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._folder = folder
        self._clock = clock
        self._monotonic = monotonic
        self._task: asyncio.Task[Stored | None] | None = None
        self._latest: Stored | None = None
        self._read_at = self._voice_at = float("-inf")
        self._voice: Voice | None = None

    async def latest(self) -> Stored | None:
        """A reading of the last FRESH seconds; None if the database could not be read, or not in time."""
        if self._monotonic() - self._read_at < FRESH:
            return self._latest
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        done, _ = await asyncio.wait([self._task], timeout=PATIENCE)
        return self._latest if done else None

    async def _read(self) -> None:
        try:
            self._latest = await asyncio.to_thread(self._stored)
        except (SQLAlchemyError, OSError, *DATABASE_ERRORS) as error:
            self._latest = None
            log.warning("health.database_trouble", error=told(error))
        finally:
            self._read_at, self._task = self._monotonic(), None

    def _stored(self) -> Stored:
        with self._db.read() as tx:
            found = vitals.read(tx, self._clock())
            if self._monotonic() - self._voice_at >= SLOW:
                self._voice, self._voice_at = voice.last(tx), self._monotonic()
        size = _size_of_files(self._db) if self._db.is_sqlite else found.size
        return Stored(found, size, shutil.disk_usage(self._folder).free, self._voice)


def _size_of_files(db: Database) -> int:
    paths = [Path(f"{db.engine.url.database}{end}") for end in LOGS]
    return sum(path.stat().st_size for path in paths if path.exists())
