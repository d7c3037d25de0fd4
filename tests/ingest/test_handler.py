"""What every event of the network comes to, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, ME
from support.harness import Harness, ScriptedBrain

from bot.domain.commands import ERASED_REPLY
from bot.domain.events import (
    AccountChanged,
    Blocked,
    Gap,
    GateChanged,
    IdentityChanged,
    PostCreated,
    PostDeleted,
    RecordDeleted,
    RepoSync,
)
from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.domain.threadgate import GATE, gate_uri
from bot.errors import TransientNetworkError
from bot.storage import cursors, gaps
from memory.errors import UnknownPerson

REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})
BLOCK = f"at://{ANA}/app.bsky.graph.block/3kabcdefghijk"
NOBODY = {"$type": GATE, "allow": []}
FOLLOWED = {"$type": GATE, "allow": [{"$type": f"{GATE}#followingRule"}]}
MENTIONED = {"$type": GATE, "allow": [{"$type": f"{GATE}#mentionRule"}]}


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))


@pytest.fixture
def told(harness):
    """A mention of Ana's that was answered and remembered, ten minutes ago."""
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()
    harness.clock.forward(minutes=10)
    return ref


def rows(harness, table):
    with harness.services.db.read() as tx:
        return [dict(row._mapping) for row in tx.execute(text(f"SELECT * FROM {table}"))]


def jobs(harness):
    return sorted((row["kind"], row["subject"]) for row in rows(harness, "errand"))


def block(harness, uri=BLOCK):
    harness.take(Blocked, uri, uri.split("/")[2], harness.clock())


def account(harness, status=None, did=ANA):
    harness.take(AccountChanged, did, status is None, status, harness.clock())


def gate(harness, post, record):
    """A gate that stands on the network, and is heard of."""
    did, rkey = post.uri.split("/")[2], post.uri.rpartition("/")[2]
    harness.network.write(did, record | {"post": post.uri}, rkey=rkey, collection=GATE)
    harness.take(GateChanged, gate_uri(post.uri), did, post.uri, record, harness.clock())


def status_of(harness, did=ANA):
    with harness.services.db.read() as tx:
        return harness.services.memory.people.status(tx, did)


# --- edits ---------------------------------------------------------------------------------------


def test_a_waiting_mention_that_is_edited_is_thought_about_with_its_new_words(harness):
    ref = harness.say(ANA, "I live in Lisbn")
    new = harness.edit(ref, "I live in Lisbon")
    harness.handle(new, edited=True)
    harness.work()

    assert [prompt.mention.text for prompt in harness.brain.prompts] == ["I live in Lisbon"]
    assert (harness.outcome(ref), harness.entry(ref).mention.ref.cid) == ((State.ANSWERED, None), new.cid)
    assert harness.replies(ref)[0].record["reply"]["parent"]["cid"] == new.cid


def test_a_thought_under_way_is_lost_to_an_edit_and_thought_again(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "first")
    edits = [lambda: harness.handle(harness.edit(ref, "second"), edited=True)]

    async def edit_once():
        while edits:
            edits.pop()()

    harness.brain.script.insert(0, edit_once)
    harness.work()

    assert [prompt.mention.text for prompt in harness.brain.prompts] == ["first", "second"]
    assert (harness.outcome(ref), harness.notes(ANA)) == ((State.ANSWERED, None), ["lives in Lisbon"])
    assert len(harness.replies(ref)) == 1


def test_a_draft_of_the_old_words_is_thrown_away_with_its_notes(harness):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work(1)
    drafted = harness.entry(ref).state, harness.notes(ANA)
    harness.brain.script[:] = [("reply", {"text": "So you moved."})]
    harness.handle(harness.edit(ref, "I live in Porto"), edited=True)
    waiting = harness.entry(ref).state, harness.notes(ANA)
    harness.work()

    assert (drafted, waiting) == ((State.DRAFTED, ["lives in Lisbon"]), (State.WAITING, []))
    (reply,) = harness.replies(ref)
    assert reply.text.startswith("So you moved.")


def test_what_the_new_words_say_is_remembered_though_the_old_ones_said_it_too(harness):
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work(1)
    harness.handle(harness.edit(ref, "I live in Lisbon!"), edited=True)
    harness.work()

    assert (harness.notes(ANA), len(harness.brain.prompts)) == (["lives in Lisbon"], 2)


@pytest.mark.parametrize("steps", [0, 1])
def test_an_edit_that_the_stream_did_not_bring_is_seen_before_thinking_and_before_posting(harness, steps):
    ref = harness.say(ANA, "I live in Lisbn")
    harness.work(steps)
    new = harness.edit(ref, "I live in Lisbon")
    harness.work()

    assert harness.brain.prompts[-1].mention.text == "I live in Lisbon"
    assert harness.replies(ref)[0].record["reply"]["parent"]["cid"] == new.cid


def test_an_answered_post_that_is_edited_loses_its_notes_and_is_not_answered_again(harness, told):
    harness.handle(harness.edit(told, "I live in Porto"), edited=True)
    harness.work()

    assert (harness.notes(ANA), len(harness.replies(told)), len(harness.brain.prompts)) == ([], 1, 1)
    assert (harness.outcome(told), harness.entry(told).mention.text) == (
        (State.ANSWERED, None),
        "I live in Porto",
    )


def test_an_edit_told_twice_does_not_take_what_was_read_from_it(harness):
    ref = harness.say(ANA, "hm")
    new = harness.edit(ref, "I live in Lisbon")
    harness.handle(new, edited=True)
    harness.work()
    harness.handle(new, edited=True)

    assert (harness.notes(ANA), harness.outcome(ref)) == (["lives in Lisbon"], (State.ANSWERED, None))


def edited(harness, ref, *words):
    """Let the post be edited so often; returns what tells of each edit, to be called again and again."""

    def telling(number, text):
        new, at, rev = harness.edit(ref, text), harness.clock(), f"3mptbyplx2i2{number}"
        (post,) = (post for post in harness.network.posts(ANA) if post.ref == new)
        return lambda: harness.take(PostCreated, new, ANA, post.record, at, edited=True, rev=rev)

    return [telling(number, text) for number, text in enumerate(words, 2)]


def standing(harness, ref):
    entry = harness.entry(ref)
    return (
        entry.state,
        entry.mention.text,
        entry.mention.ref.cid,
        harness.notes(ANA),
        len(harness.replies(ref)),
    )


def test_edits_that_are_told_again_by_a_rewind_change_nothing(harness):
    ref = harness.say(ANA, "hm")
    second, third = edited(harness, ref, "I live in Porto", "I live in Lisbon")
    second()
    third()
    harness.work()
    once = standing(harness, ref)
    for tell in (second, third, second):
        tell()
        harness.work()

    assert once == (State.ANSWERED, "I live in Lisbon", once[2], ["lives in Lisbon"], 1)
    assert standing(harness, ref) == once


def test_an_edit_that_comes_after_a_later_one_changes_nothing(harness):
    ref = harness.say(ANA, "hm")
    second, third = edited(harness, ref, "forget me", "I live in Lisbon")
    third()
    harness.work()
    once = standing(harness, ref)
    second()
    harness.work()

    assert standing(harness, ref) == once


def test_of_a_post_that_is_first_heard_as_an_edit_earlier_ones_are_not_heard_after_it(harness):
    ref = harness.say(ANA, "hm", heard=False)
    second, third = edited(harness, ref, "stop", "I live in Lisbon")
    third()
    harness.work()
    second()

    assert standing(harness, ref)[0:4:3] == (State.ANSWERED, ["lives in Lisbon"])
    assert rows(harness, "stop") == []


def test_an_edit_without_a_revision_is_believed(harness, told):
    new = harness.edit(told, "I live in Porto")
    harness.handle(new, edited=True)

    assert harness.notes(ANA) == []


def test_a_post_edited_to_speak_to_the_bot_no_more_is_declined_and_its_words_go(harness):
    ref = harness.say(ANA, "secret")
    harness.handle(
        harness.network.write(ANA, plain("never mind"), rkey=ref.uri.rpartition("/")[2]), edited=True
    )
    harness.work()

    assert (harness.outcome(ref), harness.brain.prompts) == ((State.DECLINED, "edited"), [])
    assert harness.entry(ref).mention.text == ""


def test_a_post_edited_to_speak_to_the_bot_is_answered_once(harness):
    ref = harness.network.write(ANA, plain("to all"))
    new = harness.network.write(ANA, addressed("to you"), rkey=ref.uri.rpartition("/")[2])
    for _ in range(2):
        harness.handle(new, edited=True)
        harness.work()

    assert (harness.outcome(new), len(harness.replies(new))) == ((State.ANSWERED, None), 1)


def test_words_edited_into_a_stop_stop_and_into_a_forget_erase(harness, told):
    harness.handle(harness.edit(told, "stop"), edited=True)
    stopped = harness.say(ANA, "hello?")
    harness.work()
    outcome = harness.outcome(stopped)
    harness.handle(harness.edit(told, "forget me"), edited=True)

    assert outcome == (State.DECLINED, PolicyReason.STOPPED)
    with pytest.raises(UnknownPerson):
        harness.notes(ANA)
    assert not [row for row in rows(harness, "mention") if ANA in str(row)]


def test_an_edit_brings_nothing_back_of_what_was_forgotten(harness, told):
    waiting = harness.say(ANA, "hm")
    harness.say(ANA, "forget me")
    harness.work()
    answered = len(harness.network.posts(ME))
    for ref in (told, waiting):
        harness.handle(harness.edit(ref, "I live in Porto"), edited=True)
        harness.work()

    assert not [row for row in rows(harness, "mention") if ANA in str(row)]
    assert len(harness.network.posts(ME)) == answered


def test_a_waiting_mention_edited_into_a_forget_is_confirmed_once(harness):
    ref = harness.say(ANA, "hello")
    harness.handle(harness.edit(ref, "forget me"), edited=True)
    harness.work()

    (reply,) = harness.replies(ref)
    assert (reply.text, harness.brain.prompts) == (ERASED_REPLY, [])


# --- deletions -----------------------------------------------------------------------------------


def test_of_an_answered_post_that_is_deleted_neither_notes_nor_words_are_kept(harness, told):
    harness.take(PostDeleted, told.uri, ANA, harness.clock())

    assert (harness.notes(ANA), harness.entry(told).mention.text) == ([], "")
    assert harness.outcome(told) == (State.ANSWERED, None)


def test_a_reply_that_is_deleted_by_hand_is_known_to_be_gone(harness, told):
    (reply,) = harness.replies(told)
    harness.network.remove(reply.ref.uri)
    harness.take(PostDeleted, reply.ref.uri, ME, harness.clock())
    harness.work()

    assert [row["withdrawn_at"] is not None for row in rows(harness, "outbox")] == [True]
    assert harness.replies(told) == []


# --- consent -------------------------------------------------------------------------------------


def test_a_block_declines_what_waits_and_what_comes_until_it_is_removed(harness):
    waiting, other = harness.say(ANA, "hi"), harness.say(BEN, "hi")
    block(harness)
    later = harness.say(ANA, "hello?")
    harness.work()
    harness.take(RecordDeleted, BLOCK, ANA, harness.clock())
    after = harness.say(ANA, "sorry")
    harness.work()

    assert [harness.outcome(ref) for ref in (waiting, later)] == [(State.DECLINED, PolicyReason.BLOCKED)] * 2
    assert [harness.outcome(ref) for ref in (other, after)] == [(State.ANSWERED, None)] * 2


def test_a_block_and_its_end_told_again_take_nothing_that_was_said_since(harness):
    first = harness.clock()
    block(harness)
    harness.take(RecordDeleted, BLOCK, ANA, harness.clock())
    harness.clock.forward(seconds=1)
    ref = harness.say(ANA, "hi")
    harness.take(Blocked, BLOCK, ANA, first)
    harness.take(RecordDeleted, BLOCK, ANA, first)
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


def test_the_first_author_ends_their_thread_for_everybody_and_opens_it_again(harness):
    root = harness.say(ANA, "hello all")
    harness.work()
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    harness.say(ANA, "stop", **in_thread)
    ben, elsewhere = harness.say(BEN, "and me?", **in_thread), harness.say(BEN, "elsewhere")
    harness.work()
    fates = [harness.outcome(ref) for ref in (ben, elsewhere)]
    harness.say(ANA, "start")
    again = harness.say(BEN, "now?", **in_thread)
    harness.work()

    assert fates == [(State.DECLINED, PolicyReason.THREAD_STOPPED), (State.ANSWERED, None)]
    assert harness.outcome(again) == (State.ANSWERED, None)


def test_somebody_elses_stop_ends_no_thread(harness):
    root = harness.say(ANA, "hello all")
    harness.work()
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    harness.say(BEN, "stop", **in_thread)
    ref = harness.say(ANA, "go on", **in_thread)
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)


def test_a_stop_that_is_heard_late_does_not_undo_a_later_start(harness):
    said_at = harness.clock()
    ref = harness.network.write(ANA, addressed("stop"))
    harness.clock.forward(minutes=1)
    harness.say(ANA, "start")
    harness.take(PostCreated, ref, ANA, addressed("stop"), said_at)
    after = harness.say(ANA, "so?")
    harness.work()

    assert harness.outcome(after) == (State.ANSWERED, None)


def plain(words):
    return {"$type": "app.bsky.feed.post", "text": words, "createdAt": "2026-11-22T12:00:00Z"}


def addressed(words):
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": ME}
    return plain(f"@jay.test {words}") | {
        "facets": [{"index": {"byteStart": 0, "byteEnd": 9}, "features": [feature]}]
    }


# --- gates ---------------------------------------------------------------------------------------


def thread(harness, words="a thread"):
    """A thread of Ben's, and the fields of a reply in it."""
    root = harness.network.write(BEN, plain(words))
    return root, {"reply": {"root": root.to_json(), "parent": root.to_json()}}


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
    harness.take(RecordDeleted, gate_uri(root.uri), BEN, harness.clock())
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
    gate(harness, root, FOLLOWED)
    harness.network.has_appview = appview
    harness.network.reply_disabled |= {root.uri} if shut else set()
    ref = harness.say(ANA, "hi", **in_thread)
    harness.work()

    assert harness.entry(ref).state == state


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


def test_a_gate_of_somebody_else_is_no_gate(harness):
    root, in_thread = thread(harness)
    ref = harness.say(ANA, "hi", **in_thread)
    theirs = gate_uri(root.uri).replace(BEN, "did:plc:mallory")
    harness.take(GateChanged, theirs, "did:plc:mallory", root.uri, NOBODY, harness.clock())
    harness.work()

    assert (harness.outcome(ref), rows(harness, "gate")) == ((State.ANSWERED, None), [])


def test_a_server_that_does_not_tell_its_gate_is_judged_by_what_was_heard(harness):
    _, in_thread = thread(harness)
    ref = harness.say(ANA, "hi", **in_thread)
    harness.network.fail("record", TransientNetworkError("down"), times=2)
    harness.work()

    assert (harness.outcome(ref), harness.network.fired["record"]) == ((State.ANSWERED, None), 2)


# --- identities and accounts ---------------------------------------------------------------------


def test_a_handle_is_taken_from_the_directory_and_never_from_the_event(harness, told):
    harness.network.set_handle(ANA, "ana.example")
    harness.take(IdentityChanged, ANA, "president.gov", harness.clock())
    harness.run_jobs()

    with harness.services.db.read() as tx:
        assert harness.services.memory.people.get(tx, ANA).handle == "ana.example"
        assert [handle for _, handle in harness.services.memory.people.handles(tx, ANA)] == ["ana.example"]


def test_a_handle_taken_over_by_another_did_brings_nothing_of_its_former_owner(harness, told):
    harness.network.set_handle(ANA, "ana.test")
    harness.take(IdentityChanged, ANA, None, harness.clock())
    harness.run_jobs()
    harness.clock.forward(minutes=1)
    harness.network.set_handle(ANA, None)
    harness.network.set_handle(BEN, "ana.test")
    harness.brain.script[:] = [REPLY]
    harness.say(BEN, "what do you know of me?")
    harness.work()
    harness.take(IdentityChanged, BEN, "ana.test", harness.clock())
    harness.run_jobs()

    with harness.services.db.read() as tx:
        assert harness.services.memory.people.get(tx, "ana.test").did == BEN
        assert harness.services.memory.people.get(tx, ANA).handle is None
    assert (harness.notes(BEN), harness.notes(ANA)) == ([], ["lives in Lisbon"])
    assert harness.brain.prompts[-1].recollection.notes == ()


@pytest.mark.parametrize("status", ["deactivated", "takendown", "suspended", "deleted"])
def test_an_account_that_is_not_active_is_hidden_and_shown_again_when_it_is(harness, told, status):
    account(harness, status)
    ref = harness.say(ANA, "hello?")
    harness.work()
    with harness.services.db.read() as tx:
        found = harness.services.memory.search(tx, "Lisbon")
    hidden = harness.notes(ANA), found, harness.outcome(ref)
    account(harness)

    assert hidden == ([], (), (State.DECLINED, PolicyReason.HIDDEN))
    assert (harness.notes(ANA), jobs(harness)) == (["lives in Lisbon"], [])


@pytest.mark.parametrize("status", ["desynchronized", "throttled", "tomorrow's word", None])
def test_a_servers_trouble_with_an_account_hides_nobody(harness, told, status):
    harness.take(AccountChanged, ANA, status is None, status, harness.clock())

    assert harness.notes(ANA) == ["lives in Lisbon"]


def test_older_news_of_an_account_changes_nothing(harness, told):
    earlier = harness.clock()
    harness.clock.forward(seconds=1)
    account(harness)
    harness.take(AccountChanged, ANA, False, "deleted", earlier)

    assert (harness.notes(ANA), jobs(harness)) == (["lives in Lisbon"], [])


def test_the_memory_of_a_deleted_account_is_purged_after_the_grace(harness, told):
    account(harness, "deleted")
    harness.network.set_status(ANA, "deleted")
    harness.clock.forward(hours=23)
    harness.run_jobs()
    before = len(rows(harness, "note"))
    harness.clock.forward(hours=2)
    harness.run_jobs()

    assert (before, rows(harness, "note"), rows(harness, "person")) == (1, [], [])
    assert harness.brain.forgotten == 1
    assert not [row for row in rows(harness, "mention") if ANA in str(row)]
    harness.handle(told)  # a replay of the stream brings nothing back
    assert harness.handler.counts["ignored.in the ledger"] == 1


def test_a_purge_is_cancelled_by_an_account_that_turns_out_to_be_there(harness, told):
    account(harness, "deleted")
    harness.clock.forward(hours=25)
    harness.run_jobs()

    assert (harness.notes(ANA), jobs(harness)) == (["lives in Lisbon"], [])


def test_no_purge_happens_while_the_network_does_not_say_so(harness, told):
    account(harness, "deleted")
    harness.network.set_status(ANA, "deleted")
    harness.clock.forward(hours=25)
    harness.network.fail("status", TransientNetworkError("down"))
    harness.run_jobs()
    kept = len(rows(harness, "note"))
    harness.clock.forward(hours=1)
    harness.run_jobs()

    assert (kept, rows(harness, "note")) == (1, [])


# --- a second look -------------------------------------------------------------------------------


def test_after_a_sync_what_no_longer_stands_goes_and_what_was_edited_is_read_again(harness, told):
    waiting = harness.say(ANA, "old words")
    harness.network.remove(told.uri)
    harness.edit(waiting, "new words")
    harness.take(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert (harness.notes(ANA), harness.entry(told).mention.text) == ([], "")
    assert (harness.entry(waiting).mention.text, harness.entry(waiting).state) == ("new words", State.WAITING)


def test_a_second_look_goes_to_the_posts_of_notes_first(harness, told, monkeypatch):
    monkeypatch.setattr("bot.ingest.recheck.MOST_POSTS", 1)
    harness.brain.script[:] = [REPLY]
    later = harness.say(ANA, "hello again")
    harness.work()
    harness.network.remove(told.uri)
    harness.network.remove(later.uri)
    harness.take(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert (harness.notes(ANA), harness.entry(later).mention.text) == ([], "hello again")


def test_a_second_look_at_a_hidden_account_takes_nothing(harness, told):
    harness.network.set_status(ANA, "deactivated")
    harness.take(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()
    hidden = harness.notes(ANA)
    harness.network.set_status(ANA, "active")
    harness.clock.forward(minutes=1)
    harness.take(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert (hidden, harness.notes(ANA)) == ([], ["lives in Lisbon"])


def test_a_relays_takedown_is_not_undone_by_the_persons_own_server(harness, told):
    account(harness, "takendown")
    harness.take(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()

    assert status_of(harness) == "takendown"


def test_a_gap_is_recorded_once_and_everybody_is_looked_at_again(harness, told):
    harness.network.write(ANA, {"subject": ME}, collection="app.bsky.graph.block", rkey="3kabcdefghijk")
    for _ in range(2):
        harness.take(Gap, "test", 5, 9, "OutdatedCursor", harness.clock())
    harness.run_jobs()

    (gap,) = rows(harness, "gap")
    assert (gap["host"], gap["since"], gap["until"], gap["reason"]) == ("test", 5, 9, "OutdatedCursor")
    assert [row["uri"] for row in rows(harness, "block")] == [BLOCK]
    harness.network.remove(BLOCK)
    harness.take(RepoSync, ANA, "#sync", harness.clock())
    harness.run_jobs()
    assert rows(harness, "block") == []


def test_a_gap_that_was_replayed_is_recorded_as_closed_and_nobody_is_looked_at_again(harness, told):
    with harness.services.db.write() as tx:
        tx.execute(text("DELETE FROM errand"))
    harness.take(Gap, "test", 5, 9, "closed 1001", harness.clock(), replayed=True)
    harness.take(Gap, "test", 9, 12, "undecodable", harness.clock())
    with harness.services.db.read() as tx:
        known = gaps.latest(tx, limit=9)
        still_open = gaps.latest(tx, limit=9, still_open=True)

    assert [(gap.why, gap.closed_by) for gap in known] == [("undecodable", None), ("closed 1001", "replay")]
    assert still_open == known[:1]
    assert jobs(harness) == [("recheck", ANA)]


def test_a_gap_does_not_move_the_cursor(harness, told):
    with harness.services.db.read() as tx:
        before = cursors.get(tx, "test")
    harness.take(Gap, "test", 5, 9, "stall", harness.clock())

    with harness.services.db.read() as tx:
        assert cursors.get(tx, "test") == before


def test_whom_and_what_is_followed_is_found_again_after_a_restart(harness, told, tmp_path):
    root, in_thread = thread(harness)
    harness.say(ANA, "hi", **in_thread)
    harness.say(BEN, "hi")
    block(harness)
    again = Harness(harness.services.db, tmp_path, network=harness.network)
    with harness.services.db.read() as tx:
        again.handler.load(tx)

    for tracked in (harness.handler.tracked, again.handler.tracked):
        assert all(tracked.has_person(did) for did in (ANA, BEN, ME))
        assert all(tracked.has_post(uri) for uri in (root.uri, BLOCK))
        assert not tracked.has_person("did:plc:stranger")
