"""Stops, blocks and threadgates, from the event to the reply, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update
from support.events import BLOCK, FOLLOWED, MENTIONED, NOBODY, addressed, block, gate, jobs, rows, thread
from support.factory import ANA, BEN, ME
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain

from bot.domain.events import Blocked, GateChanged, PostCreated, PostDeleted, RecordDeleted
from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.domain.threadgate import GATE, Gate, gate_uri
from bot.errors import TransientNetworkError
from bot.storage import steering
from bot.storage.tables import GateRow


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))


def test_a_block_declines_what_waits_and_what_comes_until_it_is_removed(harness):
    waiting, other = harness.say(ANA, "hi"), harness.say(BEN, "hi")
    block(harness)
    later = harness.say(ANA, "hello?")
    harness.work()
    harness.send(RecordDeleted, BLOCK, ANA, harness.clock())
    after = harness.say(ANA, "sorry")
    harness.work()

    assert [harness.outcome(ref) for ref in (waiting, later)] == [(State.DECLINED, PolicyReason.BLOCKED)] * 2
    assert [harness.outcome(ref) for ref in (other, after)] == [(State.ANSWERED, None)] * 2


def test_a_block_and_its_end_told_again_take_nothing_that_was_said_since(harness):
    first = harness.clock()
    block(harness)
    harness.send(RecordDeleted, BLOCK, ANA, harness.clock())
    harness.clock.forward(seconds=1)
    ref = harness.say(ANA, "hi")
    harness.send(Blocked, BLOCK, ANA, first)
    harness.send(RecordDeleted, BLOCK, ANA, first)
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)


@pytest.mark.parametrize(("seconds", "stands"), [(30, False), (61, True)])
@pytest.mark.parametrize("how", ["stop", "block"])
def test_what_was_said_in_the_last_minute_is_withdrawn_by_a_stop_or_a_block(harness, seconds, stands, how):
    ref = harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(seconds=seconds)
    block(harness) if how == "block" else harness.say(ANA, "stop")
    harness.run_jobs()
    harness.run_jobs()

    assert (len(harness.replies(ref)) == 1) is stands
    assert ([row["withdrawn_at"] for row in rows(harness, "outbox")] == [None]) is stands
    assert jobs(harness) == []


def test_what_was_said_in_the_last_minute_is_withdrawn_though_the_stop_also_forgets_it(harness):
    ref = harness.say(ANA, "hi")
    harness.work()
    stood = len(harness.replies(ref))
    harness.say(ANA, "stop and forget me")
    harness.run_jobs()
    harness.clock.forward(seconds=30)
    harness.run_jobs()

    assert (stood, harness.replies(ref), jobs(harness)) == (1, [], [])


@pytest.mark.parametrize("error", [TransientNetworkError("down"), RuntimeError("a mistake of our own")])
def test_a_withdrawal_is_tried_until_the_network_takes_it(harness, error):
    ref = harness.say(ANA, "hi")
    harness.work()
    harness.network.fail("delete", error, times=2)
    harness.say(ANA, "stop")
    for _ in range(3):
        harness.run_jobs()
        harness.clock.forward(seconds=10)

    assert (harness.network.fired["delete"], harness.replies(ref), jobs(harness)) == (2, [], [])


@pytest.mark.parametrize("how", ["stop", "block", "forget me"])
def test_a_stop_that_comes_while_the_reply_is_being_put_takes_it_back(harness, how, monkeypatch):
    """The process was frozen between the last check and the put."""
    ref = harness.say(ANA, "hi")
    put = harness.network.put

    async def late(rkey, record):
        monkeypatch.setattr(harness.network, "put", put)
        block(harness) if how == "block" else harness.say(ANA, how)
        while await harness.jobs.work():  # the withdrawal comes before what it withdraws
            pass
        return await put(rkey, record)

    monkeypatch.setattr(harness.network, "put", late)
    harness.work()
    stood = len(harness.replies(ref))
    harness.run_jobs()
    gone = harness.replies(ref)
    harness.clock.forward(seconds=30)
    harness.run_jobs()

    assert (stood, gone, jobs(harness)) == (1, [], [])


def test_a_put_that_lands_after_its_withdrawal_and_a_crash_is_withdrawn_within_the_minute(harness):
    ref = harness.say(ANA, "hi")
    harness.network.fail("put", TransientNetworkError("timeout"))
    harness.work()
    harness.say(ANA, "stop")
    harness.run_jobs()
    ((_, (rkey, record)),) = [call for call in harness.network.calls if call[0] == "put"]
    asyncio.run(harness.network.put(rkey, record))
    stood = len(harness.replies(ref))
    harness.clock.forward(seconds=30)
    harness.run_jobs()

    assert (stood, harness.replies(ref), jobs(harness)) == (1, [], [])


def test_what_a_crash_left_half_put_is_taken_back_after_a_stop(harness):
    ref = harness.say(ANA, "hi")
    harness.network.fail("put", TransientNetworkError("timeout"), after=True)
    harness.work()
    stood = len(harness.replies(ref))
    harness.say(ANA, "stop")
    harness.clock.forward(minutes=5)
    harness.work()
    harness.run_jobs()

    assert (stood, harness.replies(ref), harness.entry(ref).state) == (1, [], State.DECLINED)


@pytest.mark.parametrize("gone", ["deleted", "hidden"])
def test_what_a_timeout_left_half_put_is_taken_back_when_its_mention_is_gone(harness, gone):
    ref = harness.say(ANA, "hi")
    harness.network.fail("put", TransientNetworkError("timeout"), after=True)
    harness.work()
    stood = len(harness.replies(ref))
    harness.network.remove(ref.uri) if gone == "deleted" else harness.network.set_status(ANA, "deactivated")
    harness.clock.forward(minutes=5)
    harness.work()
    harness.run_jobs()

    assert (stood, harness.outcome(ref)) == (1, (State.DECLINED, PolicyReason.GONE))
    assert harness.network.posts(ME) == []


def delete(harness, ref):
    harness.network.remove(ref.uri)
    harness.send(PostDeleted, ref.uri, ANA, harness.clock())


def edit_away(harness, ref):
    harness.handle(harness.edit(ref, "never mind", away=True), edited=True)


def forget_me(harness, _ref):
    harness.say(ANA, "forget me")


def skip(harness, ref):
    with harness.services.db.write() as tx:
        steering.skip(tx, ref.uri, harness.clock(), "by hand")


@pytest.mark.parametrize("end", [delete, edit_away, forget_me, skip], ids=lambda end: end.__name__)
def test_what_a_timeout_left_half_put_is_taken_back_whatever_ends_its_mention(harness, end):
    ref = harness.say(ANA, "hi")
    harness.network.fail("put", TransientNetworkError("timeout"), after=True)
    harness.work()
    stood = len(harness.replies(ref))
    end(harness, ref)
    harness.run_jobs()

    assert (stood, harness.replies(ref)) == (1, [])


@pytest.mark.slow
def test_the_first_author_ends_their_thread_for_everybody_and_opens_it_again(harness):
    root = harness.say(ANA, "hello all")
    harness.work()
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    harness.say(ANA, "stop", **in_thread)
    ben, elsewhere = harness.say(BEN, "and me?", **in_thread), harness.say(BEN, "elsewhere")
    harness.work()
    outcomes = [harness.outcome(ref) for ref in (ben, elsewhere)]
    harness.say(ANA, "start")
    again = harness.say(BEN, "now?", **in_thread)
    harness.work()

    assert outcomes == [(State.DECLINED, PolicyReason.THREAD_STOPPED), (State.ANSWERED, None)]
    assert harness.outcome(again) == (State.ANSWERED, None)


def test_whoever_blocks_the_bot_is_answered_nowhere_and_nobody_is_in_their_thread(harness):
    _, in_thread = thread(harness)
    block(harness, f"at://{BEN}/app.bsky.graph.block/3kabcdefghijk")
    refs = [harness.say(ANA, "hi", **in_thread), harness.say(BEN, "hi"), harness.say(ANA, "elsewhere")]
    harness.work()

    blocked = (State.DECLINED, PolicyReason.BLOCKED)
    assert [harness.outcome(ref) for ref in refs] == [blocked, blocked, (State.ANSWERED, None)]


def test_somebody_elses_stop_ends_no_thread(harness):
    root = harness.say(ANA, "hello all")
    harness.work()
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    harness.say(BEN, "stop", **in_thread)
    ref = harness.say(ANA, "go on", **in_thread)
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)


def test_somebody_elses_start_does_not_open_a_thread_that_its_author_stopped(harness):
    root = harness.say(ANA, "hello all")
    harness.work()
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    harness.say(ANA, "stop", **in_thread)
    harness.say(BEN, "start", **in_thread)
    ref = harness.say(BEN, "and now?", **in_thread)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.THREAD_STOPPED)


@pytest.mark.slow
def test_a_stop_that_is_heard_late_does_not_undo_a_later_start(harness):
    said_at = harness.clock()
    ref = harness.network.write(ANA, addressed("stop"))
    harness.clock.forward(minutes=1)
    harness.say(ANA, "start")
    harness.send(PostCreated, ref, ANA, addressed("stop"), said_at)
    after = harness.say(ANA, "so?")
    harness.work()

    assert harness.outcome(after) == (State.ANSWERED, None)


def test_a_gate_that_lets_nobody_in_declines_what_waits_and_what_comes(harness):
    root, in_thread = thread(harness)
    waiting = harness.say(ANA, "hi", **in_thread)
    gate(harness, root, NOBODY)
    at_once = harness.outcome(waiting)
    later = harness.say(ANA, "hello?", **in_thread)
    harness.work()

    assert [at_once, harness.outcome(later)] == [(State.DECLINED, PolicyReason.GATED)] * 2
    assert harness.network.posts(ME) == []


def test_a_gate_that_was_there_before_the_bot_is_seen_before_thinking(harness):
    root, in_thread = thread(harness)
    harness.network.write(BEN, NOBODY, rkey=root.uri.rpartition("/")[2], collection=GATE)
    ref = harness.say(ANA, "hi", **in_thread)
    harness.work()

    assert (harness.outcome(ref), harness.brain.prompts) == ((State.DECLINED, PolicyReason.GATED), [])


def test_a_gate_that_is_removed_lets_the_bot_in_again(harness):
    root, in_thread = thread(harness)
    gate(harness, root, NOBODY)
    harness.network.remove(gate_uri(root.uri))
    harness.send(RecordDeleted, gate_uri(root.uri), BEN, harness.clock())
    ref = harness.say(ANA, "hi", **in_thread)
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)


@pytest.mark.parametrize(
    ("shut", "appview", "state"),
    [(False, True, State.ANSWERED), (True, True, State.DECLINED), (False, False, State.DECLINED)],
)
def test_whom_a_gate_follows_or_lists_the_appview_knows_and_without_one_it_is_a_no(
    harness, shut, appview, state
):
    root, in_thread = thread(harness)
    harness.network.has_appview = appview
    harness.network.reply_disabled |= {root.uri} if shut else set()
    before = harness.say(ANA, "hi", **in_thread)
    gate(harness, root, FOLLOWED)
    harness.clock.forward(minutes=5)
    after = harness.say(ANA, "hi again", **in_thread)
    harness.work()

    assert [harness.entry(ref).state for ref in (before, after)] == [state] * 2


def test_whom_the_first_post_mentions_may_reply_behind_a_gate_for_the_mentioned(harness):
    mine, other = harness.say(BEN, "look here"), thread(harness)[0]
    refs = []
    for root in (mine, other):
        gate(harness, root, MENTIONED)
        refs.append(harness.say(ANA, "hi", reply={"root": root.to_json(), "parent": root.to_json()}))
    harness.work()

    assert [harness.entry(ref).state for ref in refs] == [State.ANSWERED, State.DECLINED]


def test_a_hidden_reply_of_the_bot_ends_the_thread(harness):
    root, in_thread = thread(harness)
    first = harness.say(ANA, "hi", **in_thread)
    harness.work()
    (reply,) = harness.replies(first)
    second = harness.say(ANA, "more", **in_thread)
    gate(harness, root, {"$type": GATE, "hiddenReplies": [reply.ref.uri]})

    assert harness.outcome(second) == (State.DECLINED, PolicyReason.GATED)


def test_whom_a_gate_hides_besides_the_bot_is_named_nowhere(harness):
    root, in_thread = thread(harness)
    ref = harness.say(ANA, "hi", **in_thread)
    gate(harness, root, {"$type": GATE, "hiddenReplies": [ref.uri]})

    assert ANA not in str(rows(harness, "gate"))


def test_a_gate_of_an_earlier_version_names_no_hidden_person_who_was_forgotten(harness):
    root, in_thread = thread(harness)
    ref = harness.say(ANA, "hi", **in_thread)
    other = ref.uri.replace(ANA, f"{ANA}2")
    gate(harness, root, NOBODY)
    with harness.services.db.write() as tx:
        old = Gate(frozenset(), frozenset({ref.uri, other}))
        tx.execute(update(GateRow).values(record=old.to_json()))
    harness.erase(ANA)

    assert [row["record"] for row in rows(harness, "gate")] == [Gate(old.allow, frozenset({other})).to_json()]


def test_a_hidden_mention_is_not_answered(harness):
    root, in_thread = thread(harness)
    refs = [harness.say(did, "hi", **in_thread) for did in (ANA, "did:plc:cid")]
    gate(harness, root, {"$type": GATE, "hiddenReplies": [refs[0].uri]})
    harness.work()

    assert [harness.outcome(ref) for ref in refs] == [
        (State.DECLINED, PolicyReason.GATED),
        (State.ANSWERED, None),
    ]


def test_a_gate_of_somebody_else_is_no_gate(harness):
    root, in_thread = thread(harness)
    ref = harness.say(ANA, "hi", **in_thread)
    theirs = gate_uri(root.uri).replace(BEN, "did:plc:mallory")
    harness.send(GateChanged, theirs, "did:plc:mallory", root.uri, NOBODY, harness.clock())
    harness.work()

    assert (harness.outcome(ref), rows(harness, "gate")) == ((State.ANSWERED, None), [])


def test_a_gate_that_cannot_be_read_and_was_never_heard_of_is_waited_for(harness):
    _, in_thread = thread(harness)
    ref = harness.say(ANA, "hi", **in_thread)
    harness.network.fail("record", TransientNetworkError("down"), times=1)
    harness.work()
    assert harness.entry(ref).state is State.WAITING
    harness.clock.forward(minutes=1)
    harness.work()

    assert (harness.outcome(ref), harness.network.fired["record"]) == ((State.ANSWERED, None), 1)
