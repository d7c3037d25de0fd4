"""PostgreSQL tells the other processes when work falls due."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from support.factory import ANA, NOW, mention
from support.machines import another, cut, listeners, until

from bot import counts
from bot.storage import jobs, mentions, wakeups
from bot.storage.jobs import JobKind

SECONDS = 60  # until what must come is given up
LEASE = timedelta(seconds=30)

pytestmark = pytest.mark.parametrize("db", ["postgres"], indirect=True)


@asynccontextmanager
async def listening(db, clock=lambda: NOW):
    """The times that another process is told, from when it listens on."""
    told = asyncio.Queue()
    other = another(db)
    task = asyncio.create_task(wakeups.listen(other, told.put_nowait, clock))
    try:
        await asyncio.wait_for(told.get(), SECONDS)  # for what was there before
        yield told
    finally:
        task.cancel()
        await asyncio.wait_for(asyncio.wait([task]), SECONDS)
        other.close()


async def heard(told):
    return await asyncio.wait_for(told.get(), SECONDS)


async def last_heard(db, told):
    """What is told before a mark that is set now."""
    with db.write() as tx:
        tx.execute(text("SELECT pg_notify('scrubjay_due', '0')"))
    found = []
    while (at := await heard(told)) != wakeups.EPOCH:
        found.append(at)
    return found


def accept(db, due_at=NOW, **values):
    with db.write() as tx:
        mentions.accept(tx, mention(**values), now=NOW, due_at=due_at)


def claim(db):
    return mentions.claim(db, "w", now=NOW, lease=LEASE)


async def test_a_mention_tells_to_the_microsecond_when_it_is_due(db):
    due_at = datetime(2026, 3, 1, 12, 0, 1, 234567, tzinfo=UTC)
    async with listening(db) as told:
        accept(db, due_at)
        assert await last_heard(db, told) == [due_at]


async def test_a_claim_and_its_renewal_tell_nothing(db):
    accept(db)
    async with listening(db) as told:
        claimed = claim(db)
        with db.write() as tx:
            mentions.renew(tx, claimed, NOW + LEASE)
        assert await last_heard(db, told) == []


async def test_a_mention_that_is_given_back_tells_when_it_is_due_again(db):
    accept(db)
    claimed, again = claim(db), NOW + timedelta(minutes=3)
    async with listening(db) as told:
        with db.write() as tx:
            mentions.postpone(tx, claimed, again, "503")
        assert await last_heard(db, told) == [again]


async def test_a_job_tells_that_it_is_there(db):
    async with listening(db, lambda: NOW + LEASE) as told:
        with db.write() as tx:
            jobs.add(tx, JobKind.IDENTITY, ANA, NOW)
            jobs.add(tx, JobKind.IDENTITY, ANA, NOW)
        assert await last_heard(db, told) == [NOW + LEASE]


async def test_what_is_not_committed_tells_nothing(db):
    async with listening(db) as told:
        with suppress(ZeroDivisionError), db.write() as tx:
            mentions.accept(tx, mention(), now=NOW, due_at=NOW)
            raise ZeroDivisionError
        assert await last_heard(db, told) == []


@pytest.mark.parametrize("payload", ["nonsense", "9" * 30])
async def test_a_time_that_is_none_wakes_at_once(db, payload):
    async with listening(db) as told:
        with db.write() as tx:
            tx.execute(text("SELECT pg_notify('scrubjay_due', :payload)"), {"payload": payload})
        assert await last_heard(db, told) == [NOW]


@pytest.mark.slow
async def test_a_connection_that_is_cut_is_made_again_and_wakes_for_what_was_missed(db):
    counted = dict(counts.WAKEUPS.items())
    async with listening(db) as told:
        (before,) = listeners(db)
        cut(db, before)
        assert await heard(told) == NOW
        await until(lambda: before not in listeners(db))
        accept(db, NOW + LEASE)
        assert await last_heard(db, told) == [NOW + LEASE]
    now = dict(counts.WAKEUPS.items())
    new = {event: now[event,] - counted.get((event,), 0) for event in (counts.LOST, counts.TOLD)}
    assert new == {counts.LOST: 1, counts.TOLD: 2}  # the mention and the mark


async def test_a_silent_connection_is_asked_whether_it_stands(db, monkeypatch):
    monkeypatch.setattr(wakeups, "PROBE_EVERY", 0.01)
    async with listening(db) as told:
        await until(lambda: "SELECT 1" in listeners(db).values())
        accept(db, NOW + LEASE)
        assert await heard(told) == NOW + LEASE


@pytest.mark.slow
async def test_it_goes_on_trying_where_nobody_answers_and_a_stop_ends_it(db, monkeypatch, caplog):
    monkeypatch.setattr(wakeups, "FIRST_WAIT", 0.01)
    nowhere = another(db, port=1, host="127.0.0.1")
    tries = []
    connect = wakeups._connect

    async def counted(where):
        tries.append(where)
        return await connect(where)

    monkeypatch.setattr(wakeups, "_connect", counted)
    task = asyncio.create_task(wakeups.listen(nowhere, pytest.fail, lambda: NOW))
    await until(lambda: len(tries) > 2)
    task.cancel()
    await asyncio.wait_for(asyncio.wait([task]), SECONDS)

    assert task.cancelled()
