"""Once a day: erase what was kept for its time, in memory and in the queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from bot.privacy.erasure import erase_beside
from bot.storage import mentions, turns
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from datetime import datetime

    from bot.clock import Clock
    from bot.storage.ledger import Ledger
    from memory.db import Database
    from memory.model import RetentionPolicy, RetentionResult
    from memory.store import Memory

log = structlog.get_logger()


def retain(
    db: Database, memory: Memory, ledger: Ledger, keep: RetentionPolicy, now: datetime
) -> RetentionResult:
    """Erase posts and answers beyond `keep.text`, and everything about people silent for `keep.idle`."""
    with db.write() as tx:
        done = memory.apply_retention(tx, now, keep)
        for did in done.people:
            erase_beside(tx, ledger, did, now)
        blanked = mentions.erase_texts(tx, now - keep.text)
        turns.expire(tx, now - keep.text)  # a turn's prompt holds the same words
    log.info("memory.retained", passages=done.passages, people=len(done.people), mentions=blanked)
    return done


async def run_retention(
    db: Database, memory: Memory, ledger: Ledger, keep: RetentionPolicy, clock: Clock, wakeup: asyncio.Event
) -> None:
    """Retain whenever `wakeup` rings, until cancelled. Several processes may: what is gone is gone."""
    while True:
        await wakeup.wait()
        wakeup.clear()
        try:
            await asyncio.to_thread(retain, db, memory, ledger, keep, clock())
        except DATABASE_ERRORS as error:
            log.warning("memory.not_retained", error=type(error).__name__)
