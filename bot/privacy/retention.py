"""Retention: once a day, erase what is older than the settings allow, in memory and in the queue.

It goes in batches, each a transaction of its own, so that nobody waits for it long. A batch erases the oldest
that is left: what a crash leaves undone is what the next one begins with.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import structlog

from bot.errors import told
from bot.privacy.erasure import erase_outside_memory, forget_some_mentions
from bot.storage import cursors, drafts, redaction, sources, stances, turns
from bot.storage.spending_days import roll_up
from memory.db import DATABASE_ERRORS
from memory.model import RetentionResult
from memory.tables import EPOCH, MICROSECOND

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
AT_ONCE = timedelta(days=7)  # of a silence that the clock alone tells of
MOSTLY_A_DAY = timedelta(hours=20)  # retention runs at each start, but these do not add up
PAGE = 5000  # people looked at in one reading transaction


def apply_retention(
    db: Database,
    memory: Memory,
    ledger: Ledger,
    journal: Journal,
    policy: RetentionPolicy,
    now: datetime,
    believed: datetime | None = None,
) -> RetentionResult:
    """Erase texts older than `policy.text`, and everything about people who were silent for `policy.idle`.

    How long they were silent is counted to the time that is `believed`, see `believe`; None: to `now`.
    """
    before = now - policy.text
    passages = in_batches(db, partial(memory.retrieval.expire, before=before))
    in_batches(db, partial(drafts.expire, before=before, now=now))
    count = in_batches(db, partial(redaction.erase_texts, before=before))
    in_batches(db, partial(roll_up, now=now))
    in_batches(db, partial(sources.expire, before=before))
    _expire_stances(db, before)
    in_batches(db, partial(turns.expire, before=before))  # a turn's prompt has the same words
    idle_since = (believed or now) - policy.idle
    people = _forget_idle(db, memory, ledger, journal, idle_since, now)  # of whom less is left now
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


def believe(db: Database, now: datetime) -> datetime:
    """The time up to which silence is counted: the clock's, but at most AT_ONCE later than the last time.

    A clock that is years ahead would have everybody forgotten at a start. So its owner has weeks to see it.
    After the bot was off for long, people are remembered for a few days more.
    """
    with db.write() as tx:
        last = cursors.believed(tx)
        passed = (now - EPOCH) // MICROSECOND
        if last is None:
            time, ran_at = now, passed
        else:
            time, ran_at = last
            if passed - ran_at >= MOSTLY_A_DAY // MICROSECOND:
                time, ran_at = time + AT_ONCE, passed
        time = min(now, time)
        cursors.move(tx, cursors.RETENTION, min(passed, ran_at), time)
    return time


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
            now = clock()
            believed = await asyncio.to_thread(believe, db, now)
            parts = db, memory, ledger, journal
            await asyncio.to_thread(apply_retention, *parts, policy, now, believed)
        except DATABASE_ERRORS as error:
            log.warning("memory.not_retained", error=told(error))
