"""Whoever erases something, a job makes the brain throw away what it keeps."""

from __future__ import annotations

import asyncio

import pytest
from support.backup import backup
from support.brain_script import calls, replies, strings
from support.events import jobs
from support.factory import ANA, BEN
from support.harness import Harness, ScriptedBrain
from support.letta_brain import letta_rig

from bot.domain.events import IdentityChanged, PostDeleted, RepoSync
from bot.errors import PermanentBrainError, TransientBrainError
from bot.privacy.erasure import propagate_erasure

REMEMBER, REPLY = ("remember", {"text": "lives in ZEBRAFISH"}), ("reply", {"text": "Noted."})


@pytest.fixture
def harness(db, tmp_path):
    """Ana told where she lives."""
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.told = harness.say(ANA, "I live in ZEBRAFISH")
    harness.work()
    harness.brain.script = [REPLY]
    return harness


def the_operator(harness):
    harness.erase(ANA)


def the_operator_a_note(harness):
    now, memory = harness.clock(), harness.services.memory
    with harness.services.db.write() as tx, propagate_erasure(tx, memory, harness.services.journal, ANA, now):
        (note,) = memory.recall(tx, ANA).notes
        memory.forget_note(tx, note.id, actor="operator", at=now)


def the_person(harness):
    harness.say(ANA, "forget me")


def the_person_whom_nobody_may_answer(harness):
    harness.network.remove(harness.say(ANA, "forget me").uri)


def the_person_a_post(harness):
    harness.send(PostDeleted, harness.told.uri, ANA, harness.clock())


def the_person_a_word(harness):
    harness.handle(harness.edit(harness.told, "I live somewhere"), edited=True)


def the_brain_a_note(harness):
    harness.brain.script = [("forget", {"note": "n1"}), REPLY]
    harness.say(ANA, "forget where I live")


WHO = [the_operator, the_operator_a_note, the_person, the_person_whom_nobody_may_answer, the_person_a_post,
       the_person_a_word, the_brain_a_note]  # fmt: skip


@pytest.mark.parametrize("forgets", WHO, ids=lambda forgets: forgets.__name__)
def test_whoever_forgets_the_brain_is_told_once(harness, forgets):
    forgets(harness)
    harness.work()
    harness.run_jobs()
    harness.clock.forward(hours=1)
    harness.run_jobs()
    assert harness.brain.forgotten == 1


def test_the_brain_forgets_again_if_somebody_is_forgotten_meanwhile(harness, monkeypatch):
    forget = harness.brain.forget

    async def slowly():
        monkeypatch.setattr(harness.brain, "forget", forget)
        harness.clock.forward(seconds=1)
        await asyncio.to_thread(harness.erase, BEN)
        await forget()

    monkeypatch.setattr(harness.brain, "forget", slowly)
    the_operator(harness)
    harness.run_jobs()
    assert harness.brain.forgotten == 2


def test_no_job_names_who_was_forgotten(harness):
    harness.send(IdentityChanged, ANA, None, harness.clock())
    harness.send(RepoSync, ANA, "#sync", harness.clock())
    before = jobs(harness)
    the_operator(harness)
    assert (before, jobs(harness)) == ([("identity", ANA), ("recheck", ANA)], [("forget", "brain")])


SHORT = "did:web:ana.example"
ALIKE = [f"{SHORT}.com", f"{SHORT}2", "did:web:ana.exampl", "did:web:ana-example", "did:web:xana.example"]


def naming(harness, did):
    """All rows of this person, and those that name a post of theirs."""
    return [
        (table.name, row)
        for table, rows in backup(harness.services.db).items()
        for row in rows
        if any(value == did or f"//{did}/" in str(value) for value in row.values())
    ]


@pytest.mark.parametrize("did", ALIKE)
def test_who_has_a_similar_did_loses_nothing(db, tmp_path, did):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    for owner, guest in ((SHORT, ANA), (did, BEN)):
        root = harness.say(owner, "I live in ZEBRAFISH")
        harness.work()
        harness.say(guest, "and who is that?", reply={"root": root.to_json(), "parent": root.to_json()})
        harness.work()
    before = naming(harness, did)
    harness.erase(SHORT)

    tables = {"person", "note", "passage", "mention", "turn", "answer_source"}
    assert {table for table, _ in before} >= tables
    assert naming(harness, did) == before
    assert naming(harness, SHORT) == []


def test_an_answer_alone_tells_the_brain_nothing(harness):
    harness.say(ANA, "hello")
    harness.work()
    harness.run_jobs()
    assert harness.brain.forgotten == 0


@pytest.mark.parametrize("error", [TransientBrainError("away"), PermanentBrainError("no key")])
def test_a_brain_that_cannot_be_told_now_is_told_later(harness, monkeypatch, error):
    asked = []

    async def forget():
        asked.append(harness.clock())
        if len(asked) == 1:
            raise error

    monkeypatch.setattr(harness.brain, "forget", forget)
    the_operator(harness)
    harness.run_jobs()
    harness.run_jobs()
    at_once = len(asked)
    harness.clock.forward(minutes=1)
    harness.run_jobs()
    harness.clock.forward(hours=1)
    harness.run_jobs()
    assert (at_once, len(asked)) == (1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("forgets", [the_operator, the_person], ids=lambda forgets: forgets.__name__)
def test_no_word_of_who_is_forgotten_is_left_behind_letta(db, tmp_path, forgets):
    with letta_rig() as rig:
        harness = Harness(db, tmp_path, rig.brain)
        rig.script(calls("remember", {"text": "lives in ZEBRAFISH"}), replies("Noted."))
        harness.say(ANA, "I live in ZEBRAFISH")
        harness.work()
        before = strings([row for _, row in rig._double.rows])
        forgets(harness)
        harness.work()
        harness.run_jobs()
        assert ("ZEBRAFISH" in before, rig._double.rows, rig._double.agents) == (True, [], {})


async def test_turns_under_way_are_waited_for_before_their_agent_is_thrown_away():
    with letta_rig() as rig:
        started = asyncio.Event()
        agents = rig.brain._agents
        agent = await rig.brain._ready()

        async def turn():
            async with agents.conversation(agent):
                started.set()
                await asyncio.sleep(0.05)
                return dict(rig._double.agents)

        thinking = asyncio.create_task(turn())
        await started.wait()
        await rig.brain.forget()
        assert await thinking
        assert rig._double.agents == {}
