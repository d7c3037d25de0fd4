"""Wakeups from other processes: PostgreSQL tells when work falls due, by the triggers of migration 0023.

One connection of a process listens. What is told while it is cut is found by the scheduler's sweep, as is all
work on SQLite, which cannot tell.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from bot import counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import AsyncConnection

    from bot.clock import Clock
    from memory.db import Database

log = structlog.get_logger()

CHANNEL = "scrubjay_due"
NAME = "scrubjay-wakeups"  # of its connections, in pg_stat_activity
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between tries to connect
CONNECT_SECONDS = 10
PROBE_EVERY, PROBE_SECONDS = 60.0, 10.0  # a connection that is cut in the network says nothing by itself
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def listen(db: Database, wake_at: Callable[[datetime], None], clock: Clock) -> None:
    """Call `wake_at` whenever any process has stored work, with the time when it is due, until cancelled.

    A connection that is lost is made again; then `wake_at` is called once for what was missed. On PostgreSQL.
    """
    from psycopg import Error

    wait = FIRST_WAIT
    while True:
        try:
            async with await _connect(db) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                log.info("wakeups.listening")
                wait = FIRST_WAIT
                wake_at(clock())
                await _hear(connection, wake_at, clock)
        except (Error, OSError) as error:  # TimeoutError is one
            counts.WAKEUPS.add(counts.LOST)
            log.warning("wakeups.lost", error=type(error).__name__, retry_in=wait)
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT)


async def _connect(db: Database) -> AsyncConnection:
    """A connection of its own, to where the pool connects."""
    from psycopg import AsyncConnection

    args, options = db.engine.dialect.create_connect_args(db.engine.url)
    given = {"connect_timeout": CONNECT_SECONDS, "application_name": NAME}
    return await AsyncConnection.connect(*args, **{**given, **options}, autocommit=True)


async def _hear(connection: AsyncConnection, wake_at: Callable[[datetime], None], clock: Clock) -> None:
    """Pass on what is told, until the connection is lost. Raises psycopg's errors, and TimeoutError."""
    while True:
        async for notice in connection.notifies(timeout=PROBE_EVERY):
            counts.WAKEUPS.add(counts.TOLD)
            wake_at(_due_at(notice.payload) or clock())
        async with asyncio.timeout(PROBE_SECONDS):
            await connection.execute("SELECT 1")


def _due_at(payload: str) -> datetime | None:
    """The time that was told; None if there is none, or it is no time."""
    try:
        return EPOCH + timedelta(microseconds=int(payload))
    except (ValueError, OverflowError):
        return None
