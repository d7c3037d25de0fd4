"""Retention: once a day, erase what is older than the settings allow, in memory and in the queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from bot.privacy.erasure import erase_outside_memory
from bot.storage import redaction, sources, stances, turns
from bot.storage.spending_days import roll_up
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from datetime import datetime

    from bot.clock import Clock
    from bot.storage.journal import Journal
    from bot.storage.ledger import Ledger
    from memory.db import Database
    from memory.model import RetentionPolicy, RetentionResult
    from memory.store import Memory

log = structlog.get_logger()


def apply_retention(
    db: Database, memory: Memory, ledger: Ledger, journal: Journal, policy: RetentionPolicy, now: datetime
) -> RetentionResult:
    """Erase texts older than `policy.text`, and everything about people who were silent for `policy.idle`."""
    with db.write() as tx:
        erased = memory.apply_retention(tx, now, policy)
        for did in erased.people:
            erase_outside_memory(tx, memory, ledger, journal, did, now)
        count = redaction.erase_texts(tx, now - policy.text)
        roll_up(tx, now)
        sources.expire(tx, now - policy.text)
        stances.expire(tx, now - policy.text)
        turns.expire(tx, now - policy.text)  # a turn's prompt has the same words
    log.info("memory.retained", passages=erased.passages, people=len(erased.people), mentions=count)
    return erased


async def run_retention(
    db: Database,
    memory: Memory,
    ledger: Ledger,
    journal: Journal,
    policy: RetentionPolicy,
    clock: Clock,
    wakeup: asyncio.Event,
) -> None:
    """Apply retention whenever `wakeup` is set, until cancelled. Several processes may do so at once."""
    while True:
        await wakeup.wait()
        wakeup.clear()
        try:
            await asyncio.to_thread(apply_retention, db, memory, ledger, journal, policy, clock())
        except DATABASE_ERRORS as error:
            log.warning("memory.not_retained", error=type(error).__name__)
