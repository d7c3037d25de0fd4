"""Whoever erases something, the brain throws away what it holds: by an errand, so that it is done."""

from __future__ import annotations

import asyncio

import pytest
from support.brain_script import calls, replies, strings
from support.factory import ANA
from support.harness import Crew, ScriptedBrain
from support.letta_brain import letta_mind

from bot.domain.events import PostDeleted
from bot.errors import BrainRefused, BrainTrouble
from bot.privacy.erasure import erase_person, forgetting

REMEMBER, REPLY = ("remember", {"text": "lives in ZEBRAFISH"}), ("reply", {"text": "Noted."})


@pytest.fixture
def crew(db, tmp_path):
    """Ana told where she lives."""
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    crew.told = crew.say(ANA, "I live in ZEBRAFISH")
    crew.work()
    crew.brain.script = [REPLY]
    return crew


def the_operator(crew):
    erase_person(crew.bench.db, crew.bench.memory, crew.bench.ledger, ANA, crew.clock())


def the_operator_a_note(crew):
    now, memory = crew.clock(), crew.bench.memory
    with crew.bench.db.write() as tx, forgetting(tx, memory, ANA, now):
        (note,) = memory.recall(tx, ANA).notes
        memory.forget_note(tx, note.id, actor="operator", at=now)


def the_person(crew):
    crew.say(ANA, "forget me")


def the_person_whom_nobody_may_answer(crew):
    crew.network.remove(crew.say(ANA, "forget me").uri)


def the_person_a_post(crew):
    crew.take(PostDeleted, crew.told.uri, ANA, crew.clock())


def the_person_a_word(crew):
    crew.hear(crew.edit(crew.told, "I live somewhere"), edited=True)


def the_brain_a_note(crew):
    crew.brain.script = [("forget", {"note": "n1"}), REPLY]
    crew.say(ANA, "forget where I live")


WHO = [the_operator, the_operator_a_note, the_person, the_person_whom_nobody_may_answer, the_person_a_post,
       the_person_a_word, the_brain_a_note]  # fmt: skip


@pytest.mark.parametrize("forgets", WHO, ids=lambda forgets: forgets.__name__)
def test_whoever_forgets_the_brain_is_told_once(crew, forgets):
    forgets(crew)
    crew.work()
    crew.run_errands()
    crew.clock.forward(hours=1)
    crew.run_errands()
    assert crew.brain.forgotten == 1


def test_an_answer_alone_tells_the_brain_nothing(crew):
    crew.say(ANA, "hello")
    crew.work()
    crew.run_errands()
    assert crew.brain.forgotten == 0


@pytest.mark.parametrize("error", [BrainTrouble("away"), BrainRefused("no key")])
def test_a_brain_that_cannot_be_told_now_is_told_later(crew, monkeypatch, error):
    asked = []

    async def forget():
        asked.append(crew.clock())
        if len(asked) == 1:
            raise error

    monkeypatch.setattr(crew.brain, "forget", forget)
    the_operator(crew)
    crew.run_errands()
    crew.run_errands()
    at_once = len(asked)
    crew.clock.forward(minutes=1)
    crew.run_errands()
    crew.clock.forward(hours=1)
    crew.run_errands()
    assert (at_once, len(asked)) == (1, 2)


@pytest.mark.parametrize("forgets", [the_operator, the_person], ids=lambda forgets: forgets.__name__)
def test_no_word_of_who_is_forgotten_is_left_behind_letta(db, tmp_path, forgets):
    with letta_mind() as mind:
        crew = Crew(db, tmp_path, mind.brain)
        mind.script(calls("remember", {"text": "lives in ZEBRAFISH"}), replies("Noted."))
        crew.say(ANA, "I live in ZEBRAFISH")
        crew.work()
        before = strings([row for _, row in mind._double.rows])
        forgets(crew)
        crew.work()
        crew.run_errands()
        assert ("ZEBRAFISH" in before, mind._double.rows, mind._double.agents) == (True, [], {})


async def test_turns_under_way_are_waited_for_before_their_agent_is_thrown_away():
    with letta_mind() as mind:
        started = asyncio.Event()
        house = mind.brain._house
        agent = await mind.brain._ready()

        async def turn():
            async with house.conversation(agent):
                started.set()
                await asyncio.sleep(0.05)
                return dict(mind._double.agents)

        thinking = asyncio.create_task(turn())
        await started.wait()
        await mind.brain.forget()
        assert await thinking
        assert mind._double.agents == {}
