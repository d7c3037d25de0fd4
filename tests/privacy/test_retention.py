from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from support.factory import ANA, BEN
from support.harness import Crew, ScriptedBrain
from support.memory_people import everything

from bot.domain.mention import State
from bot.errors import NotFound
from bot.privacy.retention import keep_house, retain
from bot.scheduler import Cadence
from bot.storage import steering
from bot.storage.ledger import Fate
from memory.errors import UnknownPerson
from memory.rules.consolidation import Keep

KEEP = Keep(timedelta(days=30), timedelta(days=180))
SCRIPT = (("remember", {"text": "has a jay"}), ("reply", {"text": "Acorns, of course."}))


@pytest.fixture
def crew(db, tmp_path) -> Crew:
    """Ana was answered."""
    crew = Crew(db, tmp_path, ScriptedBrain(*SCRIPT))
    crew.ana = crew.say(ANA, "my jay eats acorns")
    crew.work()
    return crew


def run(crew: Crew):
    bench = crew.bench
    return retain(bench.db, bench.memory, bench.ledger, KEEP, crew.clock())


def test_after_its_time_no_word_is_left_but_the_note_and_the_outcome(crew):
    crew.clock.forward(days=31)
    assert run(crew).passages == 2
    assert not any(word in everything(crew.bench.db) for word in ("acorns", "Acorns"))
    assert crew.notes(ANA) == ["has a jay"]
    assert crew.fate(crew.ana)[0] is State.ANSWERED


def test_before_its_time_nothing_is_erased_and_again_means_nothing_more(crew):
    crew.clock.forward(days=29)
    before = everything(crew.bench.db)
    assert run(crew) == run(crew)
    assert everything(crew.bench.db) == before


def test_a_mention_without_its_words_is_not_tried_again(crew):
    crew.brain.script = [("stay_silent", {"reason": "a lol"})]
    ref = crew.say(BEN, "lol")
    crew.work()
    crew.clock.forward(days=31)
    run(crew)
    with crew.bench.db.write() as tx, pytest.raises(NotFound):
        steering.retry(tx, ref.uri, crew.clock())


def test_who_was_silent_for_too_long_is_forgotten_and_no_replay_brings_them_back(crew):
    crew.clock.forward(days=181)
    assert run(crew).people == (ANA,)
    with crew.bench.db.read() as tx, pytest.raises(UnknownPerson):
        crew.bench.memory.person(tx, ANA)
    assert ANA not in everything(crew.bench.db)
    assert crew.bench.ledger.has(Fate.ERASED, crew.ana.uri)
    crew.hear(crew.ana)
    assert ANA not in everything(crew.bench.db)
    crew.run_errands()
    assert crew.brain.forgotten == 1


async def test_the_clockwork_retains_at_its_start(crew):
    crew.clock.forward(days=31)
    cadence, bench = Cadence(timedelta(seconds=60)), crew.bench
    cadence.start()
    bell = cadence.every("retain", timedelta(days=1))
    bell.set()
    house = asyncio.create_task(keep_house(bench.db, bench.memory, bench.ledger, KEEP, crew.clock, bell))
    while "acorns" in await asyncio.to_thread(everything, bench.db):
        await asyncio.sleep(0.01)
    house.cancel()
    with suppress(asyncio.CancelledError):
        await house
    cadence.stop()
