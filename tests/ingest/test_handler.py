"""What every event of the network comes to, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, ME
from support.harness import Crew, ScriptedBrain

from bot.domain.commands import FORGOTTEN
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
from bot.domain.policy import Why
from bot.domain.threadgate import GATE, gate_uri
from bot.errors import NetworkTrouble
from bot.storage import cursors, gaps
from memory.errors import UnknownPerson

REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})
BLOCK = f"at://{ANA}/app.bsky.graph.block/3kabcdefghijk"
NOBODY = {"$type": GATE, "allow": []}
FOLLOWED = {"$type": GATE, "allow": [{"$type": f"{GATE}#followingRule"}]}
MENTIONED = {"$type": GATE, "allow": [{"$type": f"{GATE}#mentionRule"}]}


@pytest.fixture
def crew(db, tmp_path):
    return Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))


@pytest.fixture
def told(crew):
    """A mention of Ana's that was answered and remembered, ten minutes ago."""
    ref = crew.say(ANA, "I live in Lisbon")
    crew.work()
    crew.clock.forward(minutes=10)
    return ref


def rows(crew, table):
    with crew.bench.db.read() as tx:
        return [dict(row._mapping) for row in tx.execute(text(f"SELECT * FROM {table}"))]


def errands(crew):
    return sorted((row["kind"], row["subject"]) for row in rows(crew, "errand"))


def block(crew, uri=BLOCK):
    crew.take(Blocked, uri, uri.split("/")[2], crew.clock())


def account(crew, status=None, did=ANA):
    crew.take(AccountChanged, did, status is None, status, crew.clock())


def gate(crew, post, record):
    """A gate that stands on the network, and is heard of."""
    did, rkey = post.uri.split("/")[2], post.uri.rpartition("/")[2]
    crew.network.write(did, record | {"post": post.uri}, rkey=rkey, collection=GATE)
    crew.take(GateChanged, gate_uri(post.uri), did, post.uri, record, crew.clock())


def status_of(crew, did=ANA):
    with crew.bench.db.read() as tx:
        return crew.bench.memory.status(tx, did)


# --- edits ---------------------------------------------------------------------------------------


def test_a_waiting_mention_that_is_edited_is_thought_about_with_its_new_words(crew):
    ref = crew.say(ANA, "I live in Lisbn")
    new = crew.edit(ref, "I live in Lisbon")
    crew.hear(new, edited=True)
    crew.work()

    assert [prompt.mention.text for prompt in crew.brain.prompts] == ["I live in Lisbon"]
    assert (crew.fate(ref), crew.entry(ref).mention.ref.cid) == ((State.ANSWERED, None), new.cid)
    assert crew.replies(ref)[0].record["reply"]["parent"]["cid"] == new.cid


def test_a_thought_under_way_is_lost_to_an_edit_and_thought_again(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = crew.say(ANA, "first")
    edits = [lambda: crew.hear(crew.edit(ref, "second"), edited=True)]

    async def edit_once():
        while edits:
            edits.pop()()

    crew.brain.script.insert(0, edit_once)
    crew.work()

    assert [prompt.mention.text for prompt in crew.brain.prompts] == ["first", "second"]
    assert (crew.fate(ref), crew.notes(ANA)) == ((State.ANSWERED, None), ["lives in Lisbon"])
    assert len(crew.replies(ref)) == 1


def test_a_draft_of_the_old_words_is_thrown_away_with_its_notes(crew):
    ref = crew.say(ANA, "I live in Lisbon")
    crew.work(1)
    drafted = crew.entry(ref).state, crew.notes(ANA)
    crew.brain.script[:] = [("reply", {"text": "So you moved."})]
    crew.hear(crew.edit(ref, "I live in Porto"), edited=True)
    waiting = crew.entry(ref).state, crew.notes(ANA)
    crew.work()

    assert (drafted, waiting) == ((State.DRAFTED, ["lives in Lisbon"]), (State.WAITING, []))
    (reply,) = crew.replies(ref)
    assert reply.text.startswith("So you moved.")


def test_what_the_new_words_say_is_remembered_though_the_old_ones_said_it_too(crew):
    ref = crew.say(ANA, "I live in Lisbon")
    crew.work(1)
    crew.hear(crew.edit(ref, "I live in Lisbon!"), edited=True)
    crew.work()

    assert (crew.notes(ANA), len(crew.brain.prompts)) == (["lives in Lisbon"], 2)


@pytest.mark.parametrize("steps", [0, 1])
def test_an_edit_that_the_stream_did_not_bring_is_seen_before_thinking_and_before_posting(crew, steps):
    ref = crew.say(ANA, "I live in Lisbn")
    crew.work(steps)
    new = crew.edit(ref, "I live in Lisbon")
    crew.work()

    assert crew.brain.prompts[-1].mention.text == "I live in Lisbon"
    assert crew.replies(ref)[0].record["reply"]["parent"]["cid"] == new.cid


def test_an_answered_post_that_is_edited_loses_its_notes_and_is_not_answered_again(crew, told):
    crew.hear(crew.edit(told, "I live in Porto"), edited=True)
    crew.work()

    assert (crew.notes(ANA), len(crew.replies(told)), len(crew.brain.prompts)) == ([], 1, 1)
    assert (crew.fate(told), crew.entry(told).mention.text) == ((State.ANSWERED, None), "I live in Porto")


def test_an_edit_told_twice_does_not_take_what_was_read_from_it(crew):
    ref = crew.say(ANA, "hm")
    new = crew.edit(ref, "I live in Lisbon")
    crew.hear(new, edited=True)
    crew.work()
    crew.hear(new, edited=True)

    assert (crew.notes(ANA), crew.fate(ref)) == (["lives in Lisbon"], (State.ANSWERED, None))


def edited(crew, ref, *words):
    """Let the post be edited so often; returns what tells of each edit, to be called again and again."""

    def telling(number, text):
        new, at, rev = crew.edit(ref, text), crew.clock(), f"3mptbyplx2i2{number}"
        (post,) = (post for post in crew.network.posts(ANA) if post.ref == new)
        return lambda: crew.take(PostCreated, new, ANA, post.record, at, edited=True, rev=rev)

    return [telling(number, text) for number, text in enumerate(words, 2)]


def standing(crew, ref):
    entry = crew.entry(ref)
    return entry.state, entry.mention.text, entry.mention.ref.cid, crew.notes(ANA), len(crew.replies(ref))


def test_edits_that_are_told_again_by_a_rewind_change_nothing(crew):
    ref = crew.say(ANA, "hm")
    second, third = edited(crew, ref, "I live in Porto", "I live in Lisbon")
    second()
    third()
    crew.work()
    once = standing(crew, ref)
    for tell in (second, third, second):
        tell()
        crew.work()

    assert once == (State.ANSWERED, "I live in Lisbon", once[2], ["lives in Lisbon"], 1)
    assert standing(crew, ref) == once


def test_an_edit_that_comes_after_a_later_one_changes_nothing(crew):
    ref = crew.say(ANA, "hm")
    second, third = edited(crew, ref, "forget me", "I live in Lisbon")
    third()
    crew.work()
    once = standing(crew, ref)
    second()
    crew.work()

    assert standing(crew, ref) == once


def test_of_a_post_that_is_first_heard_as_an_edit_earlier_ones_are_not_heard_after_it(crew):
    ref = crew.say(ANA, "hm", heard=False)
    second, third = edited(crew, ref, "stop", "I live in Lisbon")
    third()
    crew.work()
    second()

    assert standing(crew, ref)[0:4:3] == (State.ANSWERED, ["lives in Lisbon"])
    assert rows(crew, "stop") == []


def test_an_edit_without_a_revision_is_believed(crew, told):
    new = crew.edit(told, "I live in Porto")
    crew.hear(new, edited=True)

    assert crew.notes(ANA) == []


def test_a_post_edited_to_speak_to_the_bot_no_more_is_declined_and_its_words_go(crew):
    ref = crew.say(ANA, "secret")
    crew.hear(crew.network.write(ANA, plain("never mind"), rkey=ref.uri.rpartition("/")[2]), edited=True)
    crew.work()

    assert (crew.fate(ref), crew.brain.prompts) == ((State.DECLINED, "edited"), [])
    assert crew.entry(ref).mention.text == ""


def test_a_post_edited_to_speak_to_the_bot_is_answered_once(crew):
    ref = crew.network.write(ANA, plain("to all"))
    new = crew.network.write(ANA, addressed("to you"), rkey=ref.uri.rpartition("/")[2])
    for _ in range(2):
        crew.hear(new, edited=True)
        crew.work()

    assert (crew.fate(new), len(crew.replies(new))) == ((State.ANSWERED, None), 1)


def test_words_edited_into_a_stop_stop_and_into_a_forget_erase(crew, told):
    crew.hear(crew.edit(told, "stop"), edited=True)
    stopped = crew.say(ANA, "hello?")
    crew.work()
    fate = crew.fate(stopped)
    crew.hear(crew.edit(told, "forget me"), edited=True)

    assert fate == (State.DECLINED, Why.STOPPED)
    with pytest.raises(UnknownPerson):
        crew.notes(ANA)
    assert not [row for row in rows(crew, "mention") if ANA in str(row)]


def test_an_edit_brings_nothing_back_of_what_was_forgotten(crew, told):
    waiting = crew.say(ANA, "hm")
    crew.say(ANA, "forget me")
    crew.work()
    answered = len(crew.network.posts(ME))
    for ref in (told, waiting):
        crew.hear(crew.edit(ref, "I live in Porto"), edited=True)
        crew.work()

    assert not [row for row in rows(crew, "mention") if ANA in str(row)]
    assert len(crew.network.posts(ME)) == answered


def test_a_waiting_mention_edited_into_a_forget_is_confirmed_once(crew):
    ref = crew.say(ANA, "hello")
    crew.hear(crew.edit(ref, "forget me"), edited=True)
    crew.work()

    (reply,) = crew.replies(ref)
    assert (reply.text, crew.brain.prompts) == (FORGOTTEN, [])


# --- deletions -----------------------------------------------------------------------------------


def test_of_an_answered_post_that_is_deleted_neither_notes_nor_words_are_kept(crew, told):
    crew.take(PostDeleted, told.uri, ANA, crew.clock())

    assert (crew.notes(ANA), crew.entry(told).mention.text) == ([], "")
    assert crew.fate(told) == (State.ANSWERED, None)


def test_a_reply_that_is_deleted_by_hand_is_known_to_be_gone(crew, told):
    (reply,) = crew.replies(told)
    crew.network.remove(reply.ref.uri)
    crew.take(PostDeleted, reply.ref.uri, ME, crew.clock())
    crew.work()

    assert [row["withdrawn_at"] is not None for row in rows(crew, "outbox")] == [True]
    assert crew.replies(told) == []


# --- consent -------------------------------------------------------------------------------------


def test_a_block_declines_what_waits_and_what_comes_until_it_is_removed(crew):
    waiting, other = crew.say(ANA, "hi"), crew.say(BEN, "hi")
    block(crew)
    later = crew.say(ANA, "hello?")
    crew.work()
    crew.take(RecordDeleted, BLOCK, ANA, crew.clock())
    after = crew.say(ANA, "sorry")
    crew.work()

    assert [crew.fate(ref) for ref in (waiting, later)] == [(State.DECLINED, Why.BLOCKED)] * 2
    assert [crew.fate(ref) for ref in (other, after)] == [(State.ANSWERED, None)] * 2


def test_a_block_and_its_end_told_again_take_nothing_that_was_said_since(crew):
    first = crew.clock()
    block(crew)
    crew.take(RecordDeleted, BLOCK, ANA, crew.clock())
    crew.clock.forward(seconds=1)
    ref = crew.say(ANA, "hi")
    crew.take(Blocked, BLOCK, ANA, first)
    crew.take(RecordDeleted, BLOCK, ANA, first)
    crew.work()

    assert crew.fate(ref) == (State.ANSWERED, None)


@pytest.mark.parametrize(("seconds", "stands"), [(30, False), (61, True)])
@pytest.mark.parametrize("how", ["stop", "block"])
def test_what_was_said_in_the_last_minute_is_withdrawn_by_a_stop_or_a_block(crew, seconds, stands, how):
    ref = crew.say(ANA, "hi")
    crew.work()
    crew.clock.forward(seconds=seconds)
    block(crew) if how == "block" else crew.say(ANA, "stop")
    crew.run_errands()
    crew.run_errands()

    assert (len(crew.replies(ref)) == 1) is stands
    assert ([row["withdrawn_at"] for row in rows(crew, "outbox")] == [None]) is stands
    assert errands(crew) == []


@pytest.mark.parametrize("error", [NetworkTrouble("down"), RuntimeError("a mistake of our own")])
def test_a_withdrawal_is_tried_until_the_network_takes_it(crew, error):
    ref = crew.say(ANA, "hi")
    crew.work()
    crew.network.fail("delete", error, times=2)
    crew.say(ANA, "stop")
    for _ in range(3):
        crew.run_errands()
        crew.clock.forward(seconds=10)

    assert (crew.network.fired["delete"], crew.replies(ref), errands(crew)) == (2, [], [])


@pytest.mark.parametrize("how", ["stop", "block", "forget me"])
def test_a_stop_that_comes_while_the_reply_is_being_put_takes_it_back(crew, how, monkeypatch):
    """The process was frozen between the last check and the put."""
    ref = crew.say(ANA, "hi")
    put = crew.network.put

    async def late(rkey, record):
        monkeypatch.setattr(crew.network, "put", put)
        block(crew) if how == "block" else crew.say(ANA, how)
        while await crew.errands.work():  # the withdrawal comes before what it withdraws
            pass
        return await put(rkey, record)

    monkeypatch.setattr(crew.network, "put", late)
    crew.work()
    stood = len(crew.replies(ref))
    crew.run_errands()
    gone = crew.replies(ref)
    crew.clock.forward(seconds=30)
    crew.run_errands()

    assert (stood, gone, errands(crew)) == (1, [], [])


def test_a_put_that_lands_after_its_withdrawal_and_a_crash_is_withdrawn_within_the_minute(crew):
    ref = crew.say(ANA, "hi")
    crew.network.fail("put", NetworkTrouble("timeout"))
    crew.work()
    crew.say(ANA, "stop")
    crew.run_errands()
    ((_, (rkey, record)),) = [call for call in crew.network.calls if call[0] == "put"]
    asyncio.run(crew.network.put(rkey, record))
    stood = len(crew.replies(ref))
    crew.clock.forward(seconds=30)
    crew.run_errands()

    assert (stood, crew.replies(ref), errands(crew)) == (1, [], [])


def test_what_a_crash_left_half_put_is_taken_back_after_a_stop(crew):
    ref = crew.say(ANA, "hi")
    crew.network.fail("put", NetworkTrouble("timeout"), after=True)
    crew.work()
    stood = len(crew.replies(ref))
    crew.say(ANA, "stop")
    crew.clock.forward(minutes=5)
    crew.work()
    crew.run_errands()

    assert (stood, crew.replies(ref), crew.entry(ref).state) == (1, [], State.DECLINED)


def test_the_first_author_ends_their_thread_for_everybody_and_opens_it_again(crew):
    root = crew.say(ANA, "hello all")
    crew.work()
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    crew.say(ANA, "stop", **in_thread)
    ben, elsewhere = crew.say(BEN, "and me?", **in_thread), crew.say(BEN, "elsewhere")
    crew.work()
    fates = [crew.fate(ref) for ref in (ben, elsewhere)]
    crew.say(ANA, "start")
    again = crew.say(BEN, "now?", **in_thread)
    crew.work()

    assert fates == [(State.DECLINED, Why.THREAD_STOPPED), (State.ANSWERED, None)]
    assert crew.fate(again) == (State.ANSWERED, None)


def test_somebody_elses_stop_ends_no_thread(crew):
    root = crew.say(ANA, "hello all")
    crew.work()
    in_thread = {"reply": {"root": root.to_json(), "parent": root.to_json()}}
    crew.say(BEN, "stop", **in_thread)
    ref = crew.say(ANA, "go on", **in_thread)
    crew.work()

    assert crew.fate(ref) == (State.ANSWERED, None)


def test_a_stop_that_is_heard_late_does_not_undo_a_later_start(crew):
    said_at = crew.clock()
    ref = crew.network.write(ANA, addressed("stop"))
    crew.clock.forward(minutes=1)
    crew.say(ANA, "start")
    crew.take(PostCreated, ref, ANA, addressed("stop"), said_at)
    after = crew.say(ANA, "so?")
    crew.work()

    assert crew.fate(after) == (State.ANSWERED, None)


def plain(words):
    return {"$type": "app.bsky.feed.post", "text": words, "createdAt": "2026-11-22T12:00:00Z"}


def addressed(words):
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": ME}
    return plain(f"@jay.test {words}") | {
        "facets": [{"index": {"byteStart": 0, "byteEnd": 9}, "features": [feature]}]
    }


# --- gates ---------------------------------------------------------------------------------------


def thread(crew, words="a thread"):
    """A thread of Ben's, and the fields of a reply in it."""
    root = crew.network.write(BEN, plain(words))
    return root, {"reply": {"root": root.to_json(), "parent": root.to_json()}}


def test_a_gate_that_lets_nobody_in_declines_what_waits_and_what_comes(crew):
    root, in_thread = thread(crew)
    waiting = crew.say(ANA, "hi", **in_thread)
    gate(crew, root, NOBODY)
    at_once = crew.fate(waiting)
    later = crew.say(ANA, "hello?", **in_thread)
    crew.work()

    assert [at_once, crew.fate(later)] == [(State.DECLINED, Why.GATED)] * 2
    assert crew.network.posts(ME) == []


def test_a_gate_that_was_there_before_the_bot_is_seen_before_thinking(crew):
    root, in_thread = thread(crew)
    crew.network.write(BEN, NOBODY, rkey=root.uri.rpartition("/")[2], collection=GATE)
    ref = crew.say(ANA, "hi", **in_thread)
    crew.work()

    assert (crew.fate(ref), crew.brain.prompts) == ((State.DECLINED, Why.GATED), [])


def test_a_gate_that_is_removed_lets_the_bot_in_again(crew):
    root, in_thread = thread(crew)
    gate(crew, root, NOBODY)
    crew.network.remove(gate_uri(root.uri))
    crew.take(RecordDeleted, gate_uri(root.uri), BEN, crew.clock())
    ref = crew.say(ANA, "hi", **in_thread)
    crew.work()

    assert crew.fate(ref) == (State.ANSWERED, None)


@pytest.mark.parametrize(
    ("shut", "appview", "state"),
    [(False, True, State.ANSWERED), (True, True, State.DECLINED), (False, False, State.DECLINED)],
)
def test_whom_a_gate_follows_or_lists_the_appview_knows_and_without_one_it_is_a_no(
    crew, shut, appview, state
):
    root, in_thread = thread(crew)
    gate(crew, root, FOLLOWED)
    crew.network.has_appview = appview
    crew.network.shut |= {root.uri} if shut else set()
    ref = crew.say(ANA, "hi", **in_thread)
    crew.work()

    assert crew.entry(ref).state == state


def test_whom_the_first_post_mentions_may_reply_behind_a_gate_for_the_mentioned(crew):
    mine, other = crew.say(BEN, "look here"), thread(crew)[0]
    refs = []
    for root in (mine, other):
        gate(crew, root, MENTIONED)
        refs.append(crew.say(ANA, "hi", reply={"root": root.to_json(), "parent": root.to_json()}))
    crew.work()

    assert [crew.entry(ref).state for ref in refs] == [State.ANSWERED, State.DECLINED]


def test_a_hidden_reply_of_the_bot_ends_the_thread(crew):
    root, in_thread = thread(crew)
    first = crew.say(ANA, "hi", **in_thread)
    crew.work()
    (reply,) = crew.replies(first)
    second = crew.say(ANA, "more", **in_thread)
    gate(crew, root, {"$type": GATE, "hiddenReplies": [reply.ref.uri]})

    assert crew.fate(second) == (State.DECLINED, Why.GATED)


def test_a_gate_of_somebody_else_is_no_gate(crew):
    root, in_thread = thread(crew)
    ref = crew.say(ANA, "hi", **in_thread)
    theirs = gate_uri(root.uri).replace(BEN, "did:plc:mallory")
    crew.take(GateChanged, theirs, "did:plc:mallory", root.uri, NOBODY, crew.clock())
    crew.work()

    assert (crew.fate(ref), rows(crew, "gate")) == ((State.ANSWERED, None), [])


def test_a_server_that_does_not_tell_its_gate_is_judged_by_what_was_heard(crew):
    _, in_thread = thread(crew)
    ref = crew.say(ANA, "hi", **in_thread)
    crew.network.fail("record", NetworkTrouble("down"), times=2)
    crew.work()

    assert (crew.fate(ref), crew.network.fired["record"]) == ((State.ANSWERED, None), 2)


# --- identities and accounts ---------------------------------------------------------------------


def test_a_handle_is_taken_from_the_directory_and_never_from_the_event(crew, told):
    crew.network.name(ANA, "ana.example")
    crew.take(IdentityChanged, ANA, "president.gov", crew.clock())
    crew.run_errands()

    with crew.bench.db.read() as tx:
        assert crew.bench.memory.person(tx, ANA).handle == "ana.example"
        assert [handle for _, handle in crew.bench.memory.handles(tx, ANA)] == ["ana.example"]


def test_a_handle_taken_over_by_another_did_brings_nothing_of_its_former_owner(crew, told):
    crew.network.name(ANA, "ana.test")
    crew.take(IdentityChanged, ANA, None, crew.clock())
    crew.run_errands()
    crew.clock.forward(minutes=1)
    crew.network.name(ANA, None)
    crew.network.name(BEN, "ana.test")
    crew.brain.script[:] = [REPLY]
    crew.say(BEN, "what do you know of me?")
    crew.work()
    crew.take(IdentityChanged, BEN, "ana.test", crew.clock())
    crew.run_errands()

    with crew.bench.db.read() as tx:
        assert crew.bench.memory.person(tx, "ana.test").did == BEN
        assert crew.bench.memory.person(tx, ANA).handle is None
    assert (crew.notes(BEN), crew.notes(ANA)) == ([], ["lives in Lisbon"])
    assert crew.brain.prompts[-1].recollection.notes == ()


@pytest.mark.parametrize("status", ["deactivated", "takendown", "suspended", "deleted"])
def test_an_account_that_is_not_active_is_hidden_and_shown_again_when_it_is(crew, told, status):
    account(crew, status)
    ref = crew.say(ANA, "hello?")
    crew.work()
    with crew.bench.db.read() as tx:
        found = crew.bench.memory.search(tx, "Lisbon")
    hidden = crew.notes(ANA), found, crew.fate(ref)
    account(crew)

    assert hidden == ([], (), (State.DECLINED, Why.HIDDEN))
    assert (crew.notes(ANA), errands(crew)) == (["lives in Lisbon"], [])


@pytest.mark.parametrize("status", ["desynchronized", "throttled", "tomorrow's word", None])
def test_a_servers_trouble_with_an_account_hides_nobody(crew, told, status):
    crew.take(AccountChanged, ANA, status is None, status, crew.clock())

    assert crew.notes(ANA) == ["lives in Lisbon"]


def test_older_news_of_an_account_changes_nothing(crew, told):
    earlier = crew.clock()
    crew.clock.forward(seconds=1)
    account(crew)
    crew.take(AccountChanged, ANA, False, "deleted", earlier)

    assert (crew.notes(ANA), errands(crew)) == (["lives in Lisbon"], [])


def test_the_memory_of_a_deleted_account_is_purged_after_the_grace(crew, told):
    account(crew, "deleted")
    crew.network.stand(ANA, "deleted")
    crew.clock.forward(hours=23)
    crew.run_errands()
    before = len(rows(crew, "note"))
    crew.clock.forward(hours=2)
    crew.run_errands()

    assert (before, rows(crew, "note"), rows(crew, "person")) == (1, [], [])
    assert crew.brain.forgotten == 1
    assert not [row for row in rows(crew, "mention") if ANA in str(row)]
    crew.hear(told)  # a replay of the stream brings nothing back
    assert crew.hearing.counts["ignored.in the ledger"] == 1


def test_a_purge_is_cancelled_by_an_account_that_turns_out_to_be_there(crew, told):
    account(crew, "deleted")
    crew.clock.forward(hours=25)
    crew.run_errands()

    assert (crew.notes(ANA), errands(crew)) == (["lives in Lisbon"], [])


def test_no_purge_happens_while_the_network_does_not_say_so(crew, told):
    account(crew, "deleted")
    crew.network.stand(ANA, "deleted")
    crew.clock.forward(hours=25)
    crew.network.fail("status", NetworkTrouble("down"))
    crew.run_errands()
    kept = len(rows(crew, "note"))
    crew.clock.forward(hours=1)
    crew.run_errands()

    assert (kept, rows(crew, "note")) == (1, [])


# --- a second look -------------------------------------------------------------------------------


def test_after_a_sync_what_no_longer_stands_goes_and_what_was_edited_is_read_again(crew, told):
    waiting = crew.say(ANA, "old words")
    crew.network.remove(told.uri)
    crew.edit(waiting, "new words")
    crew.take(RepoSync, ANA, "#sync", crew.clock())
    crew.run_errands()

    assert (crew.notes(ANA), crew.entry(told).mention.text) == ([], "")
    assert (crew.entry(waiting).mention.text, crew.entry(waiting).state) == ("new words", State.WAITING)


def test_a_second_look_goes_to_the_posts_of_notes_first(crew, told, monkeypatch):
    monkeypatch.setattr("bot.ingest.recheck.MOST_POSTS", 1)
    crew.brain.script[:] = [REPLY]
    later = crew.say(ANA, "hello again")
    crew.work()
    crew.network.remove(told.uri)
    crew.network.remove(later.uri)
    crew.take(RepoSync, ANA, "#sync", crew.clock())
    crew.run_errands()

    assert (crew.notes(ANA), crew.entry(later).mention.text) == ([], "hello again")


def test_a_second_look_at_a_hidden_account_takes_nothing(crew, told):
    crew.network.stand(ANA, "deactivated")
    crew.take(RepoSync, ANA, "#sync", crew.clock())
    crew.run_errands()
    hidden = crew.notes(ANA)
    crew.network.stand(ANA, "active")
    crew.clock.forward(minutes=1)
    crew.take(RepoSync, ANA, "#sync", crew.clock())
    crew.run_errands()

    assert (hidden, crew.notes(ANA)) == ([], ["lives in Lisbon"])


def test_a_relays_takedown_is_not_undone_by_the_persons_own_server(crew, told):
    account(crew, "takendown")
    crew.take(RepoSync, ANA, "#sync", crew.clock())
    crew.run_errands()

    assert status_of(crew) == "takendown"


def test_a_gap_is_recorded_once_and_everybody_is_looked_at_again(crew, told):
    crew.network.write(ANA, {"subject": ME}, collection="app.bsky.graph.block", rkey="3kabcdefghijk")
    for _ in range(2):
        crew.take(Gap, "test", 5, 9, "OutdatedCursor", crew.clock())
    crew.run_errands()

    (gap,) = rows(crew, "gap")
    assert (gap["host"], gap["since"], gap["until"], gap["reason"]) == ("test", 5, 9, "OutdatedCursor")
    assert [row["uri"] for row in rows(crew, "block")] == [BLOCK]
    crew.network.remove(BLOCK)
    crew.take(RepoSync, ANA, "#sync", crew.clock())
    crew.run_errands()
    assert rows(crew, "block") == []


def test_a_gap_that_was_replayed_is_recorded_as_closed_and_nobody_is_looked_at_again(crew, told):
    with crew.bench.db.write() as tx:
        tx.execute(text("DELETE FROM errand"))
    crew.take(Gap, "test", 5, 9, "closed 1001", crew.clock(), replayed=True)
    crew.take(Gap, "test", 9, 12, "undecodable", crew.clock())
    with crew.bench.db.read() as tx:
        known = gaps.latest(tx, limit=9)
        still_open = gaps.latest(tx, limit=9, still_open=True)

    assert [(gap.why, gap.closed_by) for gap in known] == [("undecodable", None), ("closed 1001", "replay")]
    assert still_open == known[:1]
    assert errands(crew) == [("recheck", ANA)]


def test_a_gap_does_not_move_the_cursor(crew, told):
    with crew.bench.db.read() as tx:
        before = cursors.get(tx, "test")
    crew.take(Gap, "test", 5, 9, "stall", crew.clock())

    with crew.bench.db.read() as tx:
        assert cursors.get(tx, "test") == before


def test_whom_and_what_is_followed_is_found_again_after_a_restart(crew, told, tmp_path):
    root, in_thread = thread(crew)
    crew.say(ANA, "hi", **in_thread)
    crew.say(BEN, "hi")
    block(crew)
    again = Crew(crew.bench.db, tmp_path, network=crew.network)
    with crew.bench.db.read() as tx:
        again.hearing.load(tx)

    for tracked in (crew.hearing.tracked, again.hearing.tracked):
        assert all(tracked.person(did) for did in (ANA, BEN, ME))
        assert all(tracked.post(uri) for uri in (root.uri, BLOCK))
        assert not tracked.person("did:plc:stranger")
