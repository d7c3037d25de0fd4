"""What is read from the network before policy is asked. Hosts in trouble say nothing: the mention waits."""

from __future__ import annotations

import asyncio

import pytest
from support.events import FOLLOWED, gate, thread
from support.factory import ANA, ME
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain

from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.errors import PermanentNetworkError, ReadRefused, TransientNetworkError
from bot.worker import thread as thread_reader

TROUBLES = [TransientNetworkError("403 from pds.example.com"), ReadRefused("more than 262144 bytes")]


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))


def in_thread_of_ben(harness):
    """A mention by Ana in a thread that Ben began."""
    root, reply = thread(harness)
    return root, harness.say(ANA, "I live in Lisbon", **reply)


def again(harness):
    harness.clock.forward(minutes=11)
    harness.work()


def test_a_mention_deleted_before_thinking_is_declined_unthought(harness):
    ref = harness.say(ANA, "hi")
    harness.network.remove(ref.uri)
    harness.work()

    assert (harness.outcome(ref), harness.brain.prompts) == ((State.DECLINED, PolicyReason.GONE), [])


def test_a_mention_deleted_before_posting_is_declined_and_its_notes_go(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.introduce(ANA)
    ref = harness.say(ANA, "I live in Lisbon")
    harness.draft()
    assert harness.notes(ANA) == ["lives in Lisbon"]
    harness.network.remove(ref.uri)
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME), harness.notes(ANA)) == (
        (State.DECLINED, PolicyReason.GONE),
        [],
        [],
    )


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("method", ["post", "own", "profile"])
def test_a_mention_waits_while_its_hosts_are_in_trouble_and_is_answered_afterwards(harness, trouble, method):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.network.fail(method, trouble, times=3)
    for _ in range(4):
        again(harness)

    assert (harness.outcome(ref), harness.notes(ANA)) == ((State.ANSWERED, None), ["lives in Lisbon"])
    assert harness.network.fired == {method: 3}


@pytest.mark.parametrize("method", ["post", "record", "profile", "status", "may_reply"])
def test_a_read_that_never_ends_holds_a_mention_up_to_the_deadline_only(harness, monkeypatch, method):
    """`status` is asked of who has no post, `may_reply` of a thread with a gate."""
    root, ref = in_thread_of_ben(harness)
    if method == "status":
        harness.network.remove(ref.uri)
    if method == "may_reply":
        gate(harness, root, FOLLOWED)
    monkeypatch.setattr(thread_reader, "SECONDS", 0.05)
    monkeypatch.setattr(harness.network, method, forever)
    harness.work()

    assert harness.outcome(ref)[0] is State.WAITING
    assert "in time" in harness.outcome(ref)[1]


async def forever(*_values, **_more):
    await asyncio.Event().wait()


@pytest.mark.slow
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_mention_whose_host_never_comes_back_expires(harness, trouble):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.network.fail("post", trouble, times=1000)
    for _ in range(26):
        harness.clock.forward(hours=1)
        harness.work(steps=1)

    assert (harness.outcome(ref)[0], harness.entry(ref).mention.text) == (State.EXPIRED, "I live in Lisbon")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_gate_that_cannot_be_read_is_not_an_open_one(harness, trouble):
    _, ref = in_thread_of_ben(harness)
    harness.network.fail("record", trouble)
    harness.work()
    waiting = harness.outcome(ref)
    again(harness)

    assert (waiting[0], waiting[1][:3]) == (State.WAITING, str(trouble)[:3])
    assert harness.outcome(ref) == (State.ANSWERED, None)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_gate_that_cannot_be_read_is_the_one_that_was_heard_of_last(harness, trouble):
    root, ref = in_thread_of_ben(harness)
    gate(harness, root, FOLLOWED)
    harness.network.reply_disabled.add(root.uri)
    harness.network.fail("record", trouble, times=9)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, "gated")


def test_a_thread_whose_gate_is_gone_by_a_fact_is_open(harness):
    _, ref = in_thread_of_ben(harness)
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)


@pytest.mark.parametrize(
    "error", [TransientNetworkError("502"), PermanentNetworkError("401 AccountTakedown")]
)
def test_an_appview_in_trouble_is_no_no(harness, error):
    root, ref = in_thread_of_ben(harness)
    gate(harness, root, FOLLOWED)
    harness.network.fail("may_reply", error)
    harness.work()

    assert harness.outcome(ref)[0] is not State.DECLINED
    assert harness.outcome(ref)[1] != "gated"


def test_what_its_author_deleted_is_declined_and_erased(harness):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.network.remove(ref.uri)
    harness.work()

    assert (harness.outcome(ref)[0], harness.entry(ref).mention.text) == (State.DECLINED, "")


def test_what_is_hidden_with_its_account_is_declined_and_not_erased(harness):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.network.set_status(ANA, "deactivated")
    harness.work()

    assert harness.outcome(ref)[0] is State.DECLINED
    assert harness.entry(ref).mention.text == "I live in Lisbon"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_status_of_a_missing_posts_author_is_waited_for(harness, trouble):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.network.remove(ref.uri)
    harness.network.fail("status", trouble)
    harness.work()

    assert (harness.outcome(ref)[0], harness.entry(ref).mention.text) == (State.WAITING, "I live in Lisbon")
    assert harness.replies(ref) == harness.network.posts(ME) == []
