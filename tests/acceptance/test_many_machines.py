"""One process hears, others answer: they share nothing but PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, closing
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.backup import backup, restore
from support.factory import ANA, BEN
from support.harness import Harness
from support.machines import another, cut, listeners, until

from bot import app
from bot.config.settings import load
from bot.domain.mention import State
from bot.domain.uris import record_key
from bot.storage.ledger import Ledger
from bot.storage.ledger_entries import EntryKind

NEVER = 86_400  # seconds between the sweeps of a process that has to be woken

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("db", ["postgres"], indirect=True)]


@pytest.fixture
def hearing(db, tmp_path):
    return Harness(db, tmp_path)


@asynccontextmanager
async def working(hearing, folder, sweep=NEVER):
    """Another process that works, on a machine with a folder of its own."""
    db = another(hearing.services.db)
    folder.mkdir(exist_ok=True)
    services = Harness(db, folder, network=hearing.network).services
    stopping = asyncio.Event()
    settings = load({"SCRUBJAY_SWEEP": str(sweep), "SCRUBJAY_WORKERS": "1"})
    before = listeners(db)
    serving = asyncio.create_task(app.serve(settings, services, None, stopping))
    try:
        await until(lambda: listeners(db).keys() - before.keys())
        yield services
    finally:
        stopping.set()
        await asyncio.wait_for(serving, 60)
        await until(lambda: not db.engine.pool.checkedout())  # by a thread whose task was cancelled
        db.close()


async def answered(hearing, ref):
    await until(lambda: hearing.entry(ref).state == State.ANSWERED)


async def say(hearing, did, text):
    return await asyncio.to_thread(hearing.say, did, text)


async def test_a_mention_that_one_process_hears_wakes_another_which_answers_it(hearing, tmp_path):
    async with working(hearing, tmp_path / "b"):
        for did in (ANA, BEN):
            await answered(hearing, await say(hearing, did, "hi"))


async def test_who_lost_the_connection_that_wakes_it_listens_again(hearing, tmp_path):
    async with working(hearing, tmp_path / "b") as other:
        (before,) = await until(lambda: listeners(other.db))
        cut(other.db, before)
        await until(lambda: listeners(other.db).keys() - {before})
        await answered(hearing, await say(hearing, ANA, "hi"))


async def test_what_nobody_told_is_found_by_the_sweep(hearing, db, tmp_path):
    with db.write() as tx:
        for table in ("mention", "errand"):
            tx.execute(text(f"DROP TRIGGER due ON {table}"))
    async with working(hearing, tmp_path / "b", sweep=0.1):
        await answered(hearing, await say(hearing, ANA, "hi"))


async def test_two_that_hear_and_two_that_work_answer_each_mention_once(hearing, db, tmp_path):
    (tmp_path / "second").mkdir()
    second = Harness(another(db), tmp_path / "second", network=hearing.network)
    people = [f"did:plc:person{number}" for number in range(8)]
    async with working(hearing, tmp_path / "b") as one, working(hearing, tmp_path / "c") as two:
        refs = [hearing.say(did, "hi", heard=False) for did in people]
        for ref in refs:
            await asyncio.gather(*(asyncio.to_thread(each.handle, ref) for each in (hearing, second)))
        for ref in refs:
            await answered(hearing, ref)
    second.services.db.close()

    assert [len(hearing.replies(ref)) for ref in refs] == [1] * len(people)
    assert len(one.brain.prompts) + len(two.brain.prompts) == len(people)


async def test_a_stop_ends_the_connection_that_wakes(hearing, db, tmp_path):
    async with working(hearing, tmp_path / "b"):
        pass
    await until(lambda: not listeners(db))


def test_what_one_machine_answered_another_does_not_answer_from_a_restored_database(hearing, db, tmp_path):
    (tmp_path / "b").mkdir()
    before = backup(db)
    ref = hearing.say(ANA, "hi")
    hearing.work()
    (reply,) = hearing.replies(ref)
    asyncio.run(hearing.network.delete(record_key(reply.ref.uri)))  # else it would be found there
    with closing(another(db)) as elsewhere:
        other = Harness(elsewhere, tmp_path / "b", network=hearing.network)
        for each in (hearing, other):
            each.services.ledger.exchange(db)
        restore(db, before)
        other.handle(ref)
        other.work()
    assert hearing.replies(ref) == []


@pytest.mark.parametrize("every", [NEVER, 0.05])
async def test_what_was_answered_is_shared_at_the_start_and_then_every_minute(
    hearing, tmp_path, monkeypatch, every
):
    monkeypatch.setattr(app, "EXCHANGE_LEDGER_EVERY", timedelta(seconds=every))
    ledger, db = hearing.services.ledger, hearing.services.db

    def share(uri):
        ledger.add(EntryKind.ANSWERED, uri)
        ledger.exchange(db)

    share("at://before")
    async with working(hearing, tmp_path / "b") as other:
        assert other.ledger.has(EntryKind.ANSWERED, "at://before")
        share("at://since")
        if every != NEVER:
            await until(lambda: other.ledger.has(EntryKind.ANSWERED, "at://since"))
        assert other.ledger.has(EntryKind.ANSWERED, "at://since") == (every != NEVER)


def test_a_wish_that_was_done_under_another_salt_is_not_done_again(hearing, db, tmp_path):
    """A machine had a ledger with a salt of its own before the machines shared one."""
    earlier = Ledger(tmp_path / "b" / "ledger", hearing.clock)
    wish = hearing.say(ANA, "forget me")
    hearing.work()
    earlier.add(EntryKind.ERASED, wish.uri)
    names = {"old": hearing.services.ledger.pseudonym(wish.uri), "new": earlier.pseudonym(wish.uri)}
    with db.write() as tx:
        tx.execute(text("UPDATE mention SET uri = :new WHERE uri = :old"), names)
    other = Harness(db, tmp_path / "b", network=hearing.network)
    other.handle(wish)
    assert (other.handler.counts["repeated"], other.handler.counts["forgotten again"]) == (1, 0)
