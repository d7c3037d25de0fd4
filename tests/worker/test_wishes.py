"""Blocks, mutes, bios and declarations hold before the next post, also if no stream told of them."""

from __future__ import annotations

import asyncio

import pytest
from support.events import rows, thread
from support.factory import ANA, BEN, ME
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain
from support.wishes import block, block_by_list, declare, make_list, with_options

from bot.domain.declarations import Level
from bot.domain.mention import Command, State
from bot.domain.policy import PolicyReason
from bot.errors import PermanentNetworkError, TransientNetworkError
from bot.ingest import wishes
from bot.storage import stances
from memory.model import Denied

TROUBLE = TransientNetworkError("502")


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))


def mute(harness, did):
    harness.network.muted.add(did)


def bio(harness, did):
    with_options(harness, no_bots_words=frozenset({"#nobot"}))
    harness.network.set_bio(did, "Birds. #NoBot")


WAYS = {
    "block": (block, PolicyReason.BLOCKED),
    "list block": (block_by_list, PolicyReason.BLOCKED),
    "mute": (mute, PolicyReason.MUTED),
    "bio": (bio, PolicyReason.NO_BOTS),
}
each_way = pytest.mark.parametrize(("wish", "reason"), WAYS.values(), ids=WAYS)


def in_thread_of_ben(harness):
    _, reply = thread(harness)
    return harness.say(ANA, "I live in Lisbon", **reply)


# --- before thinking, and before posting ---------------------------------------------------------


@each_way
@pytest.mark.parametrize("whose", [ANA, BEN], ids=["asker", "root author"])
@pytest.mark.parametrize("drafted", [False, True], ids=["waiting", "drafted"])
def test_a_wish_that_only_the_network_knows_prevents_the_post(harness, wish, reason, whose, drafted):
    if drafted and wish is bio:
        bio(harness, "did:plc:somebody")
    ref = in_thread_of_ben(harness)
    if drafted:
        harness.draft()
    wish(harness, whose)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, reason)
    assert len(harness.brain.prompts) == drafted
    assert harness.network.posts(ME) == []


@pytest.mark.parametrize("wish", [block, block_by_list])
def test_without_an_appview_blocks_are_found_in_the_repo(harness, wish):
    harness.network.has_appview = False
    ref = in_thread_of_ben(harness)
    harness.draft()
    wish(harness, BEN)
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME)) == ((State.DECLINED, PolicyReason.BLOCKED), [])


def test_a_block_that_only_the_repo_knows_counts_though_the_appview_denies_it(harness, monkeypatch):
    block(harness, ANA)
    monkeypatch.setattr(harness.network, "_blocks", list)
    monkeypatch.setattr(harness.network, "blocked_by", found_in_repo)
    ref = harness.say(ANA, "hi")
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.BLOCKED)


async def found_in_repo(did, budget=None):
    return f"at://{did}/app.bsky.graph.block/3kabcdefghijk" if did == ANA else None


def test_a_block_found_in_the_repo_is_followed_until_its_end_is_heard(harness):
    found = block(harness, ANA)
    harness.say(ANA, "hi")
    harness.work()

    assert [row["uri"] for row in rows(harness, "block")] == [found.uri]
    assert harness.services.tracked.has_post(found.uri)


@pytest.mark.parametrize("how", ["did", "handle", "list"])
def test_whom_the_operators_settings_mute_is_not_answered(harness, how):
    harness.network.set_handle(ANA, "ana.test")
    names = {"did": ANA, "handle": "ana.test", "list": make_list(harness, ANA)}
    with_options(harness, muted=frozenset({names[how]}))
    refs = [harness.say(ANA, "hi"), harness.say(BEN, "hi")]
    harness.work()

    assert [harness.outcome(ref) for ref in refs] == [
        (State.DECLINED, PolicyReason.MUTED),
        (State.ANSWERED, None),
    ]


def test_words_in_a_bio_matter_only_if_the_operator_names_them(harness):
    harness.network.set_bio(ANA, "#nobot")
    ref = harness.say(ANA, "hi")
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)


# --- what cannot be read -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [TROUBLE, PermanentNetworkError("400 InvalidRequest")])
@pytest.mark.parametrize("method", ["blocked_by", "relation", "declarations"])
def test_an_unreadable_wish_is_waited_for_if_none_is_known(harness, method, error):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.network.fail(method, error)
    harness.work()
    waiting = harness.outcome(ref)[0]
    harness.clock.forward(minutes=11)
    harness.work()

    assert (waiting, harness.outcome(ref)[0]) == (State.WAITING, State.ANSWERED)
    assert harness.network.fired == {method: 1}


@pytest.mark.parametrize("method", ["blocked_by", "relation", "declarations"])
def test_what_was_read_last_holds_while_it_cannot_be_read(harness, method):
    harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(hours=1)
    ref = harness.say(ANA, "hi again")
    harness.network.fail(method, TROUBLE, times=9)
    harness.work()

    assert harness.outcome(ref)[0] is State.ANSWERED
    assert harness.network.fired[method] > 0


def test_a_block_that_was_found_is_kept_though_the_rest_cannot_be_read(harness):
    harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(hours=1)
    block(harness, ANA)
    ref = harness.say(ANA, "hi again")
    harness.network.fail("relation", TROUBLE, times=9)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.BLOCKED)


@pytest.mark.parametrize("method", ["blocked_by", "relation", "declarations"])
def test_a_read_that_never_ends_is_one_that_cannot_be_read(harness, monkeypatch, method):
    harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(hours=1)
    refs = [harness.say(ANA, "hi again"), harness.say(BEN, "hi")]
    monkeypatch.setattr(wishes, "SECONDS", 0.05)
    monkeypatch.setattr(harness.network, method, forever)
    harness.work()

    assert [harness.outcome(ref)[0] for ref in refs] == [State.ANSWERED, State.WAITING]


async def forever(*_values):
    await asyncio.Event().wait()


def test_a_denial_that_was_read_last_holds_while_it_cannot_be_read(harness):
    declare(harness, ANA, inference=False)
    harness.say(ANA, "hi")
    harness.work()
    harness.clock.forward(hours=1)
    ref = harness.say(ANA, "hi again")
    harness.network.fail("declarations", TROUBLE, times=9)
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.DENIED)


def test_what_was_read_some_minutes_ago_is_not_read_again_to_think(harness):
    harness.say(ANA, "hi")
    harness.work()
    harness.network.calls.clear()
    harness.say(ANA, "hi again")
    harness.draft()
    wishes = {"blocked_by", "relation", "declarations"}

    assert [name for name, _ in harness.network.calls if name in wishes] == []


# --- declarations of the asker -------------------------------------------------------------------


def test_who_denies_inference_is_not_thought_about_and_nothing_is_kept(harness):
    declare(harness, ANA, inference=False)
    ref = harness.say(ANA, "I keep ZEBRAFISH")
    harness.work()

    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.DENIED)
    assert (harness.brain.prompts, harness.entry(ref).mention.text) == ([], "")
    assert [rows(harness, table) for table in ("person", "note", "passage", "turn")] == [[]] * 4


def test_who_denies_it_to_others_only_or_allows_it_to_the_bot_is_answered(harness):
    nsid = "community.lexicon.preference.ai"
    other = {"$type": f"{nsid}#entityScope", "entity": "did:plc:other"}
    me = {"$type": f"{nsid}#entityScope", "entity": ME}
    declare(harness, ANA, scope=other, inference=False)
    declare(harness, BEN, inference=False)
    declare(harness, BEN, "bot", scope=me, inference=True)
    refs = [harness.say(did, "hi") for did in (ANA, BEN)]
    harness.work()

    assert [harness.outcome(ref)[0] for ref in refs] == [State.ANSWERED] * 2


def test_the_commands_of_who_denies_inference_are_obeyed_and_answered(harness):
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    declare(harness, ANA, inference=False)
    harness.clock.forward(hours=1)
    wish = harness.say(ANA, "forget me")
    harness.work()

    assert len(harness.replies(wish)) == 1
    assert [rows(harness, table) for table in ("note", "stance", "denial")] == [[], [], []]


def test_a_command_of_who_denies_is_answered_without_a_model(harness):
    harness.say(ANA, "stop")
    declare(harness, ANA, inference=False)
    harness.clock.forward(hours=1)
    ref = harness.say(ANA, "start")
    harness.work()

    assert (rows(harness, "stop"), harness.entry(ref).mention.command) == ([], Command.START)
    assert (harness.outcome(ref), harness.brain.prompts) == ((State.ANSWERED, None), [])


def test_a_denial_that_comes_while_the_reply_is_due_prevents_it_and_its_words_go(harness):
    ref = harness.say(ANA, "I keep ZEBRAFISH")
    harness.draft()
    declare(harness, ANA, inference=False)
    harness.clock.forward(minutes=11)
    harness.work()

    entry = harness.entry(ref)
    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.DENIED)
    assert (entry.mention.text, [part.text for part in entry.parts]) == ("", [""])


def test_a_denial_that_is_taken_back_holds_no_more(harness):
    said = declare(harness, ANA, inference=False)
    harness.say(ANA, "hi")
    harness.work()
    harness.network.remove(said.uri)
    harness.clock.forward(hours=1)
    ref = harness.say(ANA, "hi again")
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)


def test_of_a_declaration_only_what_it_says_of_the_bot_is_kept(harness):
    declare(harness, ANA, inference=False, training=False, secret="ZEBRAFISH")
    harness.say(ANA, "hi")
    harness.work()
    (row,) = rows(harness, "stance")

    assert "ZEBRAFISH" not in row["statements"]
    with harness.services.db.read() as tx:
        assert stances._from_json(row["statements"]).popitem()[1].level is Level.GLOBAL
        assert harness.services.memory.denials.get(tx, ANA) == Denied(inference=True)
