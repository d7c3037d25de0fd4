from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import delete
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain
from support.memory_people import everything

from bot.domain.mention import Relation, State
from bot.errors import NotFound
from bot.privacy import retention
from bot.privacy.erasure import forget_some_mentions
from bot.privacy.retention import apply_retention, run_retention
from bot.scheduler import Scheduler
from bot.storage import mentions, stances, steering
from bot.storage.ledger_entries import EntryKind
from bot.storage.spending_days import roll_up
from bot.storage.tables import CursorRow
from memory.errors import UnknownPerson
from memory.model import RetentionPolicy

KEEP = RetentionPolicy(timedelta(days=30), timedelta(days=180))


class PowerCut(Exception):
    """The process ends here."""


SCRIPT = (("remember", {"text": "has a jay"}), ("reply", {"text": "Acorns, of course."}))


@pytest.fixture
def harness(db, tmp_path) -> Harness:
    """Ana was answered."""
    harness = Harness(db, tmp_path, ScriptedBrain(*SCRIPT))
    harness.ana = harness.say(ANA, "my jay eats acorns")
    harness.work()
    return harness


def run(harness: Harness):
    services = harness.services
    return apply_retention(
        services.db, services.memory, services.ledger, services.journal, KEEP, harness.clock()
    )


def test_after_its_time_no_word_is_left_but_the_note_and_the_outcome(harness):
    harness.clock.forward(days=31)
    assert run(harness).passages == 2
    assert not any(word in everything(harness.services.db) for word in ("acorns", "Acorns"))
    assert harness.notes(ANA) == ["has a jay"]
    assert harness.outcome(harness.ana)[0] is State.ANSWERED


def test_before_its_time_nothing_is_erased_and_again_means_nothing_more(harness):
    harness.clock.forward(days=29)
    with harness.services.db.write() as tx:
        roll_up(tx, harness.clock())  # what was spent is another matter
    before = everything(harness.services.db)
    assert run(harness) == run(harness)
    assert everything(harness.services.db) == before


def test_a_mention_without_its_words_is_not_tried_again(harness):
    harness.brain.script = [("stay_silent", {"reason": "a lol"})]
    ref = harness.say(BEN, "lol")
    harness.work()
    harness.clock.forward(days=31)
    run(harness)
    with harness.services.db.write() as tx, pytest.raises(NotFound):
        steering.retry(tx, ref.uri, harness.clock())


def test_who_was_silent_for_too_long_is_forgotten_and_no_replay_brings_them_back(harness):
    harness.clock.forward(days=181)
    assert run(harness).people == (ANA,)
    with harness.services.db.read() as tx, pytest.raises(UnknownPerson):
        harness.services.memory.people.get(tx, ANA)
    assert ANA not in everything(harness.services.db)
    assert harness.services.ledger.has(EntryKind.ERASED, harness.ana.uri)
    harness.handle(harness.ana)
    assert ANA not in everything(harness.services.db)
    harness.run_jobs()
    assert harness.brain.forgotten == 1


async def test_the_clockwork_retains_at_its_start(harness):
    harness.clock.forward(days=31)
    scheduler, services = Scheduler(timedelta(seconds=60)), harness.services
    scheduler.start()
    wakeup = scheduler.every("retain", timedelta(days=1))
    wakeup.set()
    house = asyncio.create_task(
        run_retention(
            services.db, services.memory, services.ledger, services.journal, KEEP, harness.clock, wakeup
        )
    )
    while "acorns" in await asyncio.to_thread(everything, services.db):
        await asyncio.sleep(0.01)
    house.cancel()
    with suppress(asyncio.CancelledError):
        await house
    scheduler.stop()


# --- a clock that is wrong ---------------------------------------------------------------------------


def believed(harness: Harness, **later: float):
    return retention.believe(harness.services.db, harness.clock.forward(**later))


def test_a_clock_that_is_right_is_believed_every_day(harness):
    for _ in range(3):
        assert believed(harness, days=1) == harness.clock()


def test_a_clock_that_is_years_ahead_is_believed_a_week_more_each_day_and_not_at_each_start(harness):
    right = harness.clock()
    first = believed(harness, days=1000)
    again = [believed(harness, minutes=5) for _ in range(50)]
    second = believed(harness, days=1)

    assert first == right + timedelta(days=7)
    assert again == [first] * 50
    assert second == first + timedelta(days=7)


def test_a_clock_that_is_right_again_is_believed(harness):
    believed(harness, days=1000)

    assert believed(harness, days=-1000) == harness.clock()
    assert believed(harness, days=1) == harness.clock()


def test_a_store_that_never_heard_a_stream_believes_the_clock(harness):
    with harness.services.db.write() as tx:
        tx.execute(delete(CursorRow))

    assert believed(harness, days=1000) == harness.clock()


def test_nobody_is_forgotten_by_a_clock_that_is_not_believed(harness):
    right = harness.clock()
    harness.clock.forward(days=1000)
    services = harness.services
    parts = services.db, services.memory, services.ledger, services.journal
    done = apply_retention(*parts, KEEP, harness.clock(), right)

    assert (done.people, done.passages, harness.notes(ANA)) == ((), 2, ["has a jay"])


async def test_at_a_start_the_clock_is_not_believed_at_once(harness, monkeypatch):
    right, told = harness.clock(), []
    monkeypatch.setattr(retention, "apply_retention", lambda *given: told.append(given[-1]))
    harness.clock.forward(days=1000)
    wakeup, services = asyncio.Event(), harness.services
    wakeup.set()
    parts = services.db, services.memory, services.ledger, services.journal
    house = asyncio.create_task(run_retention(*parts, KEEP, harness.clock, wakeup))
    while not told:
        await asyncio.sleep(0.01)
    house.cancel()
    with suppress(asyncio.CancelledError):
        await house

    assert told == [right + timedelta(days=7)]


# --- batches -----------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    monkeypatch.setattr(retention.in_batches, "__defaults__", (2,))


@pytest.fixture
def talked(harness) -> Harness:
    """Ana and Ben said more than fits a batch, and a stranger's stance was read."""
    harness.clock.forward(minutes=30)
    for number in range(5):
        harness.say((ANA, BEN)[number % 2], f"acorns again {number}")
        harness.work()
        harness.clock.forward(minutes=30)
    with harness.services.db.write() as tx:
        stances.put_relation(tx, "did:plc:stranger", Relation(blocks=True, muted=False), harness.clock())
    return harness


def test_a_batch_that_takes_long_is_followed_by_smaller_ones(harness, monkeypatch):
    time, sizes = [0.0], []

    def erase(_tx, limit):
        time[0] += limit * retention.LONG / 30
        sizes.append(limit)
        return limit if len(sizes) < 5 else 0

    monkeypatch.setattr(retention, "monotonic", lambda: time[0])
    erased = retention.in_batches(harness.services.db, erase, 100)
    assert (sizes, erased) == ([100, 50, 25, 25, 25], 200)


def test_batches_erase_what_one_transaction_would(talked, small):
    talked.clock.forward(days=31)
    assert run(talked).passages == 12
    left = everything(talked.services.db)
    assert not any(word in left for word in ("acorns", "Acorns", "stranger"))
    talked.clock.forward(days=150)
    assert set(run(talked).people) == {ANA, BEN}
    left = everything(talked.services.db)
    assert not any(did in left for did in (ANA, BEN))


@pytest.mark.slow
def test_a_batch_that_a_crash_cut_off_is_made_again(talked, small):
    talked.clock.forward(days=181)
    db, crashes = talked.services.db, 0
    while cut_off(talked, crashes):
        crashes += 1
    assert crashes > 5
    left = everything(db)
    assert not any(word in left for word in (ANA, BEN, "acorns", "Acorns", "stranger"))


def cut_off(harness: Harness, number: int) -> bool:
    """Retain until the transaction of this number is about to commit. False if it had fewer."""
    db, begun = harness.services.db, itertools.count()

    @contextmanager
    def write(person=None):
        with type(db).write(db, person) as tx:
            yield tx
            if next(begun) == number:
                raise PowerCut

    db.write = write
    try:
        run(harness)
    except PowerCut:
        return True
    finally:
        del db.write
    return False


def test_of_who_wrote_much_only_a_part_is_forgotten_at_a_time(talked):
    parts, now = talked.services, talked.clock()
    with parts.db.write() as tx:
        before = set(mentions.uris_of(tx, ANA))
        assert forget_some_mentions(tx, parts.memory, parts.ledger, ANA, now, 2)
        left = set(mentions.uris_of(tx, ANA))
        assert not forget_some_mentions(tx, parts.memory, parts.ledger, ANA, now, len(left))
    erased = before - left
    assert (len(erased), left < before) == (2, True)
    assert all(parts.ledger.has(EntryKind.ERASED, uri) for uri in erased)
