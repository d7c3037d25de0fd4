"""Several machines on one PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from bot.storage import wakeups
from memory.db import Database

DEADLINE = 90  # seconds; what is waited for comes in a second or never


def another(db, **place):
    """The same database, as another process has it open; `place`: what is different in the URL."""
    return Database(db.engine.url.set(**place).render_as_string(hide_password=False))


def listeners(db):
    """The server's processes that wait for wakeups in this database, with their last statement."""
    with db.read() as tx:
        rows = tx.execute(
            text(
                "SELECT pid, query FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = :name"
            ),
            {"name": wakeups.NAME},
        ).all()
    return {row.pid: row.query for row in rows}


def cut(db, pid):
    """End this process of the server, as a fault of the network ends its connection."""
    with db.write() as tx:
        tx.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


async def until(true):
    """Wait until `true` returns something."""
    for _ in range(DEADLINE * 20):
        if found := await asyncio.to_thread(true):
            return found
        await asyncio.sleep(0.05)
    return pytest.fail("it did not come about")
