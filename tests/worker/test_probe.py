"""A brain is asked for its notes from several sides; nothing comes of it but the answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from support.factory import ANA
from support.harness import REMEMBER, REPLY, Harness

from bot.domain.probing import Verdict
from bot.errors import TransientBrainError
from bot.worker.probe import Prober

HOLDS, DENIED, UNCLEAR = Verdict.HOLDS, Verdict.DENIED, Verdict.UNCLEAR


class Witness:
    """Says to each question what `says` has for its first words; also remembers and forgets, in vain."""

    name = "witness"

    def __init__(self, *says):
        self.says = list(says)
        self.prompts = []

    async def think(self, prompt, tools):
        self.prompts.append(prompt.text())
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        if said is None:
            await asyncio.sleep(60)
        await tools.call("remember", {"text": "is a liar"})
        await tools.call("forget", {"id": "n1"})
        await tools.call("reply", {"text": said})


@pytest.fixture
def known(db, tmp_path):
    harness = Harness(db, tmp_path)
    harness.introduce(ANA)
    harness.brain.script = [REMEMBER, REPLY]
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    return harness


def ask(harness, *says, seconds=5.0):
    brain = Witness(*says)
    with harness.services.db.read() as tx:
        recollection = harness.services.memory.recall(tx, ANA)
    limits, limit = harness.services.memory.limits, timedelta(seconds=seconds)
    prober = Prober(brain, "A bird.", recollection, limits, harness.clock(), limit)
    (note,) = recollection.notes
    return asyncio.run(prober.probe(note)), brain


def test_a_brain_that_is_of_one_mind_is_told_so(known):
    found, brain = ask(known, "You live in Lisbon.", "Yes, I noted it.", "No, I do have it.")
    assert [answer.verdict for answer in found.answers] == [HOLDS] * 3
    assert not found.contradicts
    assert all("lives in Lisbon" in prompt for prompt in brain.prompts)


def test_a_brain_that_agrees_with_everything_contradicts_itself(known):
    found, _ = ask(known, "Of course.", "Yes, absolutely.", "Yes, you are right.")
    assert [answer.verdict for answer in found.answers] == [UNCLEAR, HOLDS, DENIED]
    assert found.contradicts


def test_trouble_of_the_brain_is_told_and_is_no_contradiction(known):
    found, _ = ask(known, TransientBrainError("503"), None, "No, I do have it.", seconds=0.2)
    assert [answer.text for answer in found.answers] == [None, None, "No, I do have it."]
    assert "503" in found.answers[0].error
    assert found.answers[1].error == "it took too long"
    assert not found.contradicts


def test_nothing_is_remembered_forgotten_or_posted(known):
    before = len(known.network.posts(known.network.did))
    ask(known, "You live in Lisbon.", "Yes.", "No.")

    assert known.notes(ANA) == ["lives in Lisbon"]
    assert len(known.network.posts(known.network.did)) == before
