"""The root of a reply is what the posts above say; what the mention claims changes nothing."""

from __future__ import annotations

import pytest
from support.events import NOBODY, gate, plain, rows, thread
from support.factory import ANA, BEN, ME
from support.harness import Harness, ScriptedBrain

from bot.domain.mention import State, StrongRef
from bot.domain.policy import PolicyReason
from bot.errors import TransientNetworkError
from bot.storage import consent


def forged(harness, parent, *, text="and you?", did=ANA):
    """A mention under `parent` that names a thread of its author's as its root."""
    own = harness.network.write(did, plain("my own thread"))
    return harness.say(did, text, reply={"root": own.to_json(), "parent": parent.to_json()})


def under(harness, did, root, parent):
    return harness.network.write(
        did, plain("more") | {"reply": {"root": root.to_json(), "parent": parent.to_json()}}
    )


def root_of_reply(harness, ref):
    (reply,) = harness.replies(ref)
    return reply.record["reply"]["root"]


def test_the_reply_and_the_row_have_the_root_that_the_parent_is_in(harness):
    root, _ = thread(harness)
    refs = [forged(harness, root), forged(harness, under(harness, BEN, root, root))]
    harness.work()

    assert [root_of_reply(harness, ref) for ref in refs] == [root.to_json()] * 2
    assert {row["root_uri"] for row in rows(harness, "mention")} == {root.uri}
    assert harness.services.tracked.has_post(root.uri)


def test_a_stopped_thread_is_stopped_whatever_root_a_mention_claims(harness):
    root, _ = thread(harness)
    with harness.services.db.write() as tx:
        consent.stop_thread(tx, root.uri, harness.clock())
    ref = forged(harness, root)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.THREAD_STOPPED)
    assert harness.brain.prompts == []


def test_the_gate_is_that_of_the_true_thread(harness):
    root, _ = thread(harness)
    gate(harness, root, NOBODY)
    ref = forged(harness, root)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.GATED)


def test_the_limit_of_a_thread_counts_what_was_answered_under_other_roots(db, tmp_path):
    harness = Harness(db, tmp_path)
    root, _ = thread(harness)
    refs = []
    for number in range(9):
        refs.append(forged(harness, root, did=f"did:plc:person{number}"))
        harness.work()

    assert [harness.outcome(ref) for ref in refs] == [
        *[(State.ANSWERED, None)] * 8,
        (State.DECLINED, PolicyReason.THREAD),
    ]


def test_own_posts_between_the_mention_and_the_thread_are_believed_no_more(harness):
    root, _ = thread(harness)
    with harness.services.db.write() as tx:
        consent.stop_thread(tx, root.uri, harness.clock())
    own = harness.network.write(ANA, plain("my own thread"))
    between = under(harness, ANA, own, root)
    ref = harness.say(ANA, "and you?", reply={"root": own.to_json(), "parent": between.to_json()})
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.THREAD_STOPPED)


def test_under_an_answer_of_the_bot_the_root_is_known_without_reading_it(harness):
    root, reply = thread(harness)
    first = harness.say(ANA, "hi", **reply)
    harness.work()
    (answer,) = harness.replies(first)
    ref = forged(harness, answer.ref)
    harness.network.calls.clear()
    harness.work(1)
    read = [arguments[0] for method, arguments in harness.network.calls if method == "post"]
    harness.work()

    assert root_of_reply(harness, ref) == root.to_json()
    assert read.count(answer.ref.uri) == 1  # for the prompt


def test_the_answer_to_a_command_stands_in_the_true_thread_too(harness):
    root, _ = thread(harness)
    ref = forged(harness, root, text="forget me")
    harness.work()
    (reply,) = [post for post in harness.network.posts(ME) if post.record["reply"]["parent"] == ref.to_json()]

    assert reply.record["reply"]["root"] == root.to_json()


def test_a_parent_that_is_gone_leaves_the_claim(harness):
    gone = StrongRef(f"at://{BEN}/app.bsky.feed.post/3kabcdefghijk", "bafygone")
    root, _ = thread(harness)
    ref = harness.say(ANA, "hi", reply={"root": root.to_json(), "parent": gone.to_json()})
    harness.work()

    assert root_of_reply(harness, ref) == root.to_json()


def test_a_parent_that_cannot_be_read_is_waited_for(harness):
    root, _ = thread(harness)
    ref = forged(harness, root)
    read = harness.network.post

    async def post(uri, budget=None):
        if uri == root.uri:
            raise TransientNetworkError("502")
        return await read(uri, budget)

    harness.network.post = post
    harness.work()
    waiting = harness.outcome(ref)
    harness.network.post = read
    harness.clock.forward(minutes=11)
    harness.work()

    assert (waiting[0], harness.brain.prompts != []) == (State.WAITING, True)
    assert root_of_reply(harness, ref) == root.to_json()


@pytest.mark.parametrize("odd", [None, "x", {}, {"root": 7, "parent": 7}])
def test_a_parent_with_an_odd_place_is_the_root_itself(db, tmp_path, odd):
    harness = Harness(db, tmp_path, ScriptedBrain())
    parent = harness.network.write(BEN, plain("a thread") | {"reply": odd})
    ref = forged(harness, parent)
    harness.work()

    assert root_of_reply(harness, ref) == parent.to_json()
