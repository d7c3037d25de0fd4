"""Retention: once a day, erase what is older than the settings allow, in memory and in the queue.

It goes in batches, each a transaction of its own, so that nobody waits for it long. A batch erases the oldest
that is left: what a crash leaves undone is what the next one begins with.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from bot.errors import told
from bot.privacy.erasure import erase_outside_memory, forget_some_mentions
from bot.storage import redaction, sources, stances, turns
from bot.storage.spending_days import roll_up
from memory.db import DATABASE_ERRORS
from memory.model import RetentionResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.clock import Clock
    from bot.storage.journal import Journal
    from bot.storage.ledger import Ledger
    from memory.db import Database
    from memory.model import RetentionPolicy
    from memory.store import Memory

log = structlog.get_logger()

BATCH = 100  # rows of one transaction: it lasts a few hundredths of a second
LONG = 0.05  # seconds in which nobody else writes; a batch that takes longer is made smaller
PAGE = 5000  # people looked at in one reading transaction


def apply_retention(
    db: Database, memory: Memory, ledger: Ledger, journal: Journal, policy: RetentionPolicy, now: datetime
) -> RetentionResult:
    """Erase texts older than `policy.text`, and everything about people who were silent for `policy.idle`."""
    before = now - policy.text
    passages = in_batches(db, partial(memory.retrieval.expire, before=before))
    count = in_batches(db, partial(redaction.erase_texts, before=before))
    in_batches(db, partial(roll_up, now=now))
    in_batches(db, partial(sources.expire, before=before))
    _expire_stances(db, before)
    in_batches(db, partial(turns.expire, before=before))  # a turn's prompt has the same words
    people = _forget_idle(db, memory, ledger, journal, now - policy.idle, now)  # of whom less is left now
    log.info("memory.retained", passages=passages, people=len(people), mentions=count)
    return RetentionResult(passages, people)


def in_batches(db: Database, erase: Callable[..., int], size: int = BATCH) -> int:
    """Call `erase(tx, limit=size)`, each time in a transaction of its own, until less is left than that.

    `erase` returns how many rows it erased; so does this. Of what is slow the next batch has half as many.
    """
    total = 0
    while True:
        with db.write() as tx:
            began = monotonic()
            erased = erase(tx, limit=size)
        total += erased
        if erased < size:
            return total
        if monotonic() - began > LONG:
            size = max(1, size // 2)


def _forget_idle(
    db: Database, memory: Memory, ledger: Ledger, journal: Journal, before: datetime, now: datetime
) -> tuple[str, ...]:
    """Erase who is silent since then, one person after the other. Returns their DIDs."""
    forgotten: list[str] = []
    while True:
        with db.write() as tx:
            idle = memory.people.idle(tx, before, 1)
            if not idle:
                return tuple(forgotten)
            if forget_some_mentions(tx, memory, ledger, idle[0], now, BATCH):
                continue  # of who wrote very much only a part at a time; the person goes last
            memory.erase(tx, idle[0])
            erase_outside_memory(tx, memory, ledger, journal, idle[0], now)
        forgotten += idle


def _expire_stances(db: Database, before: datetime) -> None:
    after: str | None = ""
    while after is not None:
        with db.read() as tx:
            dids, after = stances.stale(tx, before, after, PAGE)
        for start in range(0, len(dids), BATCH):
            with db.write() as tx:
                stances.expire(tx, before, dids[start : start + BATCH])


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
            log.warning("memory.not_retained", error=told(error))
