"""Every exchange is recorded, and found again by the recall tool."""

from __future__ import annotations

import pytest
from support.factory import ANA, BEN, ME
from support.harness import Harness, ScriptedBrain

from bot.storage import outbox, views
from memory.identifiers import thread_id
from memory.rows import passages
from memory.rows.passages import PASSAGE

REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})
SILENT = ("stay_silent", {"why": "nothing to say"})


def recorded(harness, *where):
    with harness.services.db.read() as tx:
        return [(each.kind, each.author, each.text) for each in passages.find(tx, *where)]


def test_an_exchange_is_recorded_with_its_answer_and_its_notes(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()
    with db.read() as tx:
        mention = views.entry(tx, ref.uri)
        said, answer, note = sorted(passages.find(tx), key=lambda each: each.kind == "note")
    assert (said.kind, said.author, said.uri, said.at) == ("said", ANA, ref.uri, mention.mention.said_at)
    assert (answer.kind, answer.author, answer.uri) == ("answer", ME, ref.uri)
    assert answer.text == "Noted."  # what every first reply says is no memory
    assert (note.kind, note.text, note.uri) == ("note", "lives in Lisbon", ref.uri)
    assert {said.thread, answer.thread} == {thread_id(ref.uri)}


def test_what_was_said_is_recorded_though_the_bot_kept_silent(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(SILENT))
    harness.introduce(ANA)
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    assert [(kind, author) for kind, author, _ in recorded(harness)] == [("said", ANA)]


def test_an_exchange_and_its_draft_commit_together_or_not_at_all(db, tmp_path, monkeypatch):
    harness = Harness(db, tmp_path, ScriptedBrain(REPLY))
    harness.say(ANA, "I live in Lisbon")
    with monkeypatch.context() as broken:
        broken.setattr(outbox, "draft", lambda *_: 1 / 0)
        harness.draft()
    failed = recorded(harness)
    harness.clock.forward(minutes=1)
    harness.work()
    assert (failed, len(recorded(harness))) == ([], 2)


@pytest.mark.slow
def test_an_exchange_that_asks_to_forget_is_not_recorded_and_what_it_forgets_is_gone(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    harness.brain.script = [("forget", {"note": "n1"}), REPLY]
    harness.say(ANA, "also forget that I live in Lisbon")
    harness.work()
    assert recorded(harness) == []


def test_recall_finds_what_was_said_before_and_nobody_elses_words(db, tmp_path):
    harness, heard = Harness(db, tmp_path, ScriptedBrain(REPLY)), []
    harness.say(ANA, "my canary Ada sings in Lisbon")
    harness.say(BEN, "my canary Bob sings in Bonn")
    harness.work()

    class Asking(ScriptedBrain):
        async def think(self, prompt, tools):
            heard.append((await tools.call("recall", {"query": "which canary sings?"})).text)
            return await super().think(prompt, tools)

    object.__setattr__(harness.services, "brain", Asking(REPLY))
    harness.say(ANA, "what did I say?")
    harness.work()
    (found,) = heard
    assert "canary Ada" in found
    assert "Bob" not in found


def test_a_deleted_post_is_not_recalled(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REPLY))
    ref = harness.say(ANA, "my canary sings")
    harness.work()
    with db.write() as tx:
        harness.services.memory.forget_post(tx, ref.uri, harness.clock())
    assert recorded(harness, PASSAGE.did == ANA) == []
