"""What is read from the network before policy is asked."""

from __future__ import annotations

from support.factory import ANA, ME
from support.harness import Harness, ScriptedBrain

from bot.domain.mention import State
from bot.domain.policy import PolicyReason

REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})


def test_a_mention_deleted_before_thinking_is_declined_unthought(harness):
    ref = harness.say(ANA, "hi")
    harness.network.remove(ref.uri)
    harness.work()

    assert (harness.outcome(ref), harness.brain.prompts) == ((State.DECLINED, PolicyReason.GONE), [])


def test_a_mention_deleted_before_posting_is_declined_and_its_notes_go(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work(1)
    assert harness.notes(ANA) == ["lives in Lisbon"]
    harness.network.remove(ref.uri)
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME), harness.notes(ANA)) == (
        (State.DECLINED, PolicyReason.GONE),
        [],
        [],
    )
