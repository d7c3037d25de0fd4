"""From a draft to posts on the network, on both databases."""

from __future__ import annotations

import asyncio
import json
from unittest.mock import Mock

import pytest
from support.events import rows
from support.factory import ANA, ME
from support.harness import Harness, ScriptedBrain

from bot.domain.limits import POINTS_PER_POST
from bot.domain.mention import State
from bot.domain.reply import reserved_key
from bot.domain.uris import POST, record_key
from bot.errors import (
    KeyTaken,
    PermanentNetworkError,
    TransientNetworkError,
)
from bot.storage import consent, outcomes, steering
from bot.storage.ledger_entries import EntryKind
from memory.errors import DatabaseUnavailable

REPLY = ("reply", {"text": "Noted."})


def test_a_mention_is_answered_once_under_its_reserved_key(harness):
    ref = harness.say(ANA, "hi")
    harness.work()

    (reply,) = harness.replies(ref)
    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert reply.ref.uri == f"at://{ME}/app.bsky.feed.post/{reserved_key(ME, ref.uri, 0)}"
    assert reply.record["reply"] == {"root": ref.to_json(), "parent": ref.to_json()}


def test_a_long_reply_becomes_a_thread(db, tmp_path):
    long = " ".join(["word"] * 150)
    harness = Harness(db, tmp_path, ScriptedBrain(("reply", {"text": long})))
    ref = harness.say(ANA, "tell me everything")
    harness.work()

    first, *_ = harness.replies(ref)
    (second,) = harness.replies(first.ref)
    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert second.record["reply"]["root"] == ref.to_json()
    assert len(harness.network.posts(ME)) == len(harness.entry(ref).parts) > 1


@pytest.mark.parametrize("after", [False, True])
def test_a_thread_resumes_where_it_stopped(db, tmp_path, after):
    harness = Harness(db, tmp_path, ScriptedBrain(("reply", {"text": " ".join(["word"] * 150)})))
    ref = harness.say(ANA, "tell me everything")
    harness.draft()
    harness.network.fail("put", TransientNetworkError("timeout"), after=after)
    harness.draft()
    harness.clock.forward(seconds=5)
    harness.network.fail("put", TransientNetworkError("timeout"), after=after)
    harness.work()
    harness.clock.forward(minutes=5)
    harness.work()

    assert harness.network.fired["put"] == 2
    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert len(harness.replies(ref)) == 1
    assert len(harness.network.posts(ME)) == len(harness.entry(ref).parts)


def test_a_pds_that_stores_and_then_times_out_gets_the_same_bytes_again(harness):
    harness.network.fail("put", TransientNetworkError("timeout"), after=True)
    ref = harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(minutes=1)
    harness.work()

    puts = [arguments for method, arguments in harness.network.calls if method == "put"]
    assert (len(puts), len(set(puts))) == (2, 1)
    assert (harness.outcome(ref), len(harness.replies(ref))) == ((State.ANSWERED, None), 1)


def test_a_put_that_is_repeated_takes_write_points_again(harness):
    harness.network.fail("put", TransientNetworkError("timeout"), after=True)
    harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(minutes=1)
    harness.work()

    assert sum(row["points"] for row in rows(harness, "spend")) == 2 * POINTS_PER_POST


def test_the_bots_repo_is_read_before_the_brain_is_asked_and_again_only_if_the_key_is_taken(harness):
    first = harness.say(ANA, "hi")
    harness.work()
    usual = [method for method, _ in harness.network.calls if method in ("own", "put")]
    harness.network.calls.clear()
    harness.network.fail("put", KeyTaken("there"))
    ref = harness.say(ANA, "hello")
    harness.work()

    taken = [method for method, _ in harness.network.calls if method in ("own", "put")]
    assert (usual, taken) == (["own", "put"], ["own", "put", "own", "put"])
    assert [len(harness.replies(each)) for each in (first, ref)] == [1, 1]
    assert harness.network.fired["put"] == 1


def test_an_answer_of_ours_that_another_machine_put_under_the_key_meanwhile_is_taken_over(
    harness, monkeypatch
):
    put = harness.network.put

    async def second(rkey, record):
        monkeypatch.setattr(harness.network, "put", put)
        await put(rkey, json.dumps(json.loads(record) | {"text": "What the other one thought."}))
        return await put(rkey, record)

    monkeypatch.setattr(harness.network, "put", second)
    ref = harness.say(ANA, "hi")
    harness.work()

    (reply,) = harness.replies(ref)
    assert (harness.outcome(ref), reply.text) == ((State.ANSWERED, None), "What the other one thought.")
    assert len(harness.network.posts(ME)) == 1


def test_a_draft_of_a_mention_that_the_ledger_knows_as_answered_is_not_posted(harness):
    """A database was restored from between draft and post; the post was deleted by hand since."""
    ref = harness.say(ANA, "hi")
    harness.draft()
    harness.services.ledger.add(EntryKind.ANSWERED, ref.uri)
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME)) == ((State.ANSWERED, "in the ledger"), [])


def test_a_mention_that_is_ended_while_its_record_key_is_looked_for_is_not_posted(harness, monkeypatch):
    ref, own = harness.say(ANA, "hi"), harness.network.own
    harness.draft()
    harness.network.fail("put", KeyTaken("there"))

    async def skipped_meanwhile(rkey):
        with harness.services.db.write() as tx:
            steering.skip(tx, ref.uri, harness.clock(), "by hand")
        return await own(rkey)

    monkeypatch.setattr(harness.network, "own", skipped_meanwhile)
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME)) == ((State.DECLINED, "by hand"), [])


@pytest.mark.parametrize("stands", [True, False])
def test_who_dies_between_the_ledger_and_the_database_has_answered_once(harness, monkeypatch, stands):
    ref = harness.say(ANA, "hi")
    harness.draft()
    with monkeypatch.context() as patched:
        patched.setattr(outcomes, "finish", Mock(side_effect=DatabaseUnavailable("gone")))
        harness.draft()
    (post,) = harness.network.posts(ME)
    if not stands:  # its author, the operator, has deleted it by hand since
        asyncio.run(harness.network.delete(record_key(post.ref.uri)))
    harness.clock.forward(minutes=5)
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, "in the ledger")
    assert len(harness.network.posts(ME)) == stands
    assert [part.ref for part in harness.entry(ref).parts] == [post.ref if stands else None]


@pytest.mark.parametrize("how", ["posted", "adopted"])
def test_the_ledger_knows_an_answer_before_the_database_does(harness, monkeypatch, how):
    ref = harness.say(ANA, "hi")
    if how == "adopted":
        record = {"$type": POST, "text": "hi", "reply": {"root": ref.to_json(), "parent": ref.to_json()}}
        harness.network.write(ME, record, rkey=reserved_key(ME, ref.uri, 0))
    finish, known = outcomes.finish, []

    def late(*values):
        known.append(harness.services.ledger.has(EntryKind.ANSWERED, ref.uri))
        return finish(*values)

    monkeypatch.setattr(outcomes, "finish", late)
    harness.work()

    assert (known, harness.outcome(ref)[0]) == ([True], State.ANSWERED)


def test_a_pds_that_refuses_the_post_fails_the_mention(harness):
    harness.network.fail("put", PermanentNetworkError("grapheme too big"))
    ref = harness.say(ANA, "hi")
    harness.work()

    assert harness.entry(ref).state == State.FAILED
    assert "grapheme too big" in harness.entry(ref).why


def _stop(harness):
    with harness.services.db.write() as tx:
        consent.stop(tx, ANA, harness.clock())


def test_a_stop_before_the_record_is_fixed_prevents_the_post(harness, monkeypatch):
    ref = harness.say(ANA, "hi")
    harness.draft()
    relation = harness.network.relation

    async def stop_now(did):  # it is the last that is read of the network
        found = await relation(did)
        await asyncio.to_thread(_stop, harness)
        return found

    monkeypatch.setattr(harness.network, "relation", stop_now)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, "stop")
    assert "put" not in {method for method, _ in harness.network.calls}


@pytest.mark.parametrize("moment", ["thinking", "drafted"])
def test_a_stop_recorded_before_the_last_check_prevents_the_post(db, tmp_path, moment):
    harness = Harness(db, tmp_path)

    async def stop_now():
        await asyncio.to_thread(_stop, harness)

    if moment == "thinking":
        harness.brain.script = [REPLY, stop_now]
    ref = harness.say(ANA, "hi")
    harness.draft()
    if moment == "drafted":
        _stop(harness)
    harness.work()

    assert (harness.entry(ref).state, harness.network.posts(ME)) == (State.DECLINED, [])
