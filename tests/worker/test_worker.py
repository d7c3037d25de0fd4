"""The way of one mention, with everything that can go wrong on it, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from support.factory import ANA, BEN, LIMITS, ME
from support.harness import Harness, ScriptedBrain

from bot.domain.commands import ERASED_REPLY, NOTICE
from bot.domain.events import PostDeleted
from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.domain.reply import reserved_key
from bot.errors import (
    KeyTaken,
    PermanentBrainError,
    PermanentNetworkError,
    TransientBrainError,
    TransientNetworkError,
)
from bot.storage import consent, outbox, steering, views
from memory.errors import UnknownPerson

REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path)


def test_a_mention_is_answered_once_under_its_reserved_key(harness):
    ref = harness.say(ANA, "hi")
    harness.work()

    (reply,) = harness.replies(ref)
    assert harness.outcome(ref) == (State.ANSWERED, None)
    assert reply.ref.uri == f"at://{ME}/app.bsky.feed.post/{reserved_key(ME, ref.uri, 0)}"
    assert reply.record["reply"] == {"root": ref.to_json(), "parent": ref.to_json()}


def test_the_first_reply_says_what_it_is_and_how_to_stop_it_and_the_second_does_not(harness):
    first, second = harness.say(ANA, "hi"), harness.say(ANA, "hi again")
    harness.work()

    texts = [harness.replies(ref)[0].text for ref in (first, second)]
    assert texts == [f"hello\n\n{NOTICE}", "hello"]


def test_memory_and_reply_commit_together_or_not_at_all(db, tmp_path, monkeypatch):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "I live in Lisbon")
    with monkeypatch.context() as broken:
        broken.setattr(outbox, "draft", lambda *_: 1 / 0)
        harness.work(1)
    failed = harness.entry(ref).state, harness.notes(ANA)
    harness.clock.forward(minutes=1)
    harness.work()

    assert failed == (State.WAITING, [])
    assert (harness.outcome(ref), harness.notes(ANA)) == ((State.ANSWERED, None), ["lives in Lisbon"])


def test_a_silent_thought_may_still_remember(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, ("stay_silent", {"reason": "noise"})))
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()

    assert (harness.outcome(ref), harness.notes(ANA)) == ((State.SILENT, "noise"), ["lives in Lisbon"])


def test_a_note_names_the_post_it_came_from(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()

    with db.read() as tx:
        (note,) = harness.services.memory.recall(tx, ANA).notes
    assert (note.receipt.uri, note.receipt.cid, note.receipt.said_by) == (ref.uri, ref.cid, ANA)


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
    harness.work(1)
    harness.network.fail("put", TransientNetworkError("timeout"), after=after)
    harness.work(1)
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


def test_an_answer_that_stands_already_is_adopted_and_not_thought_again(harness, tmp_path):
    ref = harness.say(ANA, "hi")
    harness.work()
    with harness.services.db.write() as tx:
        tx.execute(text("DELETE FROM mention"))
    (tmp_path / "ledger").unlink()
    lost = Harness(harness.services.db, tmp_path / "elsewhere", network=harness.network)
    lost.handle(ref)
    lost.work()

    assert (lost.outcome(ref), lost.brain.prompts) == ((State.ANSWERED, "adopted"), [])
    assert len(harness.replies(ref)) == 1


def test_an_answered_mention_heard_again_after_the_database_was_lost_is_left_alone(harness):
    ref = harness.say(ANA, "hi")
    harness.work()
    (reply,) = harness.replies(ref)
    harness.network.remove(reply.ref.uri)
    with harness.services.db.write() as tx:
        tx.execute(text("DELETE FROM mention"))

    harness.handle(ref)
    harness.work()

    assert harness.replies(ref) == []
    assert harness.handler.counts["ignored.in the ledger"] == 1


def test_a_key_that_something_else_occupies_is_passed_over(harness):
    taken = reserved_key(ME, f"at://{ANA}/app.bsky.feed.post/3lbbbbbbbbbbb", 0)
    harness.network.write(ME, {"$type": "app.bsky.feed.post", "text": "of another kind"}, rkey=taken)
    ref = harness.say(ANA, "hi", rkey="3lbbbbbbbbbbb")
    harness.work()

    (reply,) = harness.replies(ref)
    assert reply.ref.uri.endswith(reserved_key(ME, ref.uri, 0, salt=1))


def test_a_key_taken_between_look_and_put_is_passed_over_too(harness):
    harness.network.fail("put", KeyTaken("there"))
    ref = harness.say(ANA, "hi")
    harness.work()

    assert (harness.outcome(ref), len(harness.replies(ref))) == ((State.ANSWERED, None), 1)
    assert harness.network.fired["put"] == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TransientBrainError("503"), State.WAITING),
        (TransientBrainError("429", retry_after=3600), State.WAITING),
        (PermanentBrainError("no such model"), State.FAILED),
        (RuntimeError("a bug"), State.WAITING),
    ],
)
def test_a_brain_that_fails_leaves_no_reply_and_a_recorded_reason(db, tmp_path, error, state):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, error))
    ref = harness.say(ANA, "hi")
    harness.work()

    assert (harness.entry(ref).state, harness.network.posts(ME), harness.notes(ANA)) == (state, [], [])
    assert harness.entry(ref).why


def test_trouble_is_waited_out_until_the_mention_is_too_old_and_never_answered_late(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(TransientBrainError("down")))
    ref = harness.say(ANA, "hi")
    for _ in range(200):
        harness.work()
        harness.clock.forward(minutes=10)

    assert harness.outcome(ref) == (State.EXPIRED, PolicyReason.TOO_OLD)
    assert harness.network.posts(ME) == []


def test_a_mention_over_which_this_program_has_a_bug_fails_after_five_tries(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(RuntimeError("a bug")))
    ref = harness.say(ANA, "hi")
    for _ in range(10):
        harness.work()
        harness.clock.forward(minutes=10)

    assert (harness.outcome(ref), len(harness.brain.prompts)) == ((State.FAILED, "bug: RuntimeError"), 5)


def test_an_old_mention_that_the_operator_retries_is_answered_and_keeps_its_date(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(PermanentBrainError("no such model")))
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()
    harness.clock.forward(hours=30)
    harness.brain.script = [REMEMBER, REPLY]
    with db.write() as tx:
        steering.retry(tx, ref.uri, harness.clock())
    said_at = harness.entry(ref).mention.said_at
    harness.work()

    assert harness.outcome(ref) == (State.ANSWERED, None)
    with db.read() as tx:
        (note,) = harness.services.memory.recall(tx, ANA).notes
    assert note.receipt.said_at == said_at == harness.clock() - timedelta(hours=30)


def test_a_pds_that_refuses_the_post_fails_the_mention(harness):
    harness.network.fail("put", PermanentNetworkError("grapheme too big"))
    ref = harness.say(ANA, "hi")
    harness.work()

    assert harness.entry(ref).state == State.FAILED
    assert "grapheme too big" in harness.entry(ref).why


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


def test_a_deletion_that_is_heard_declines_what_waits_and_takes_the_notes_along(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work(1)
    harness.listener.handle(PostDeleted(9, ref.uri, ANA, harness.clock()))
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME), harness.notes(ANA)) == (
        (State.DECLINED, "deleted"),
        [],
        [],
    )


def test_a_labelled_bot_is_declined_unthought(harness):
    harness.network.set_labels(ANA, "bot")
    ref = harness.say(ANA, "beep")
    harness.work()

    assert (harness.outcome(ref), harness.brain.prompts) == ((State.DECLINED, PolicyReason.BOT), [])


def test_a_stop_ends_what_waits_and_what_comes(harness):
    before, stop, after = (harness.say(ANA, words) for words in ("hi", "stop", "hello?"))
    other = harness.say(BEN, "hi")
    harness.work()

    fates = [harness.outcome(ref) for ref in (before, stop, after, other)]
    assert fates == [
        (State.DECLINED, "stop"),
        (State.DECLINED, "stop"),
        (State.DECLINED, PolicyReason.STOPPED),
        (State.ANSWERED, None),
    ]
    assert len(harness.network.posts(ME)) == 1


@pytest.mark.parametrize("moment", ["thinking", "drafted"])
def test_a_stop_recorded_before_the_last_check_prevents_the_post(db, tmp_path, moment):
    harness = Harness(db, tmp_path)

    async def stop_now():
        await asyncio.to_thread(_stop, harness)

    if moment == "thinking":
        harness.brain.script = [REPLY, stop_now]
    ref = harness.say(ANA, "hi")
    harness.work(1)
    if moment == "drafted":
        _stop(harness)
    harness.work()

    assert (harness.entry(ref).state, harness.network.posts(ME)) == (State.DECLINED, [])


def _stop(harness):
    with harness.services.db.write() as tx:
        consent.stop(tx, ANA, harness.clock())


def test_forget_me_erases_at_once_is_confirmed_and_leaves_no_name(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    ref = harness.say(ANA, "forget me")
    with pytest.raises(UnknownPerson):
        harness.notes(ANA)
    harness.work()

    assert [post.text for post in harness.replies(ref)] == [ERASED_REPLY]
    with db.read() as tx:
        tables = ("person", "handle", "note", "revision", "mention", "outbox", "errand")
        rows = [str(row) for table in tables for row in tx.execute(text(f"SELECT * FROM {table}"))]
        states = [entry.state for entry in views.entries(tx)]
    assert not [row for row in rows if ANA in row or "Lisbon" in row]
    assert states == [State.ANSWERED, State.ANSWERED]


def test_what_was_forgotten_is_not_brought_back_by_a_replay(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    told = harness.say(ANA, "I live in Lisbon")
    harness.work()
    harness.say(ANA, "forget me")
    harness.work()
    harness.handle(told)
    harness.work()

    with pytest.raises(UnknownPerson):
        harness.notes(ANA)


def test_forgetting_beats_a_thought_under_way(db, tmp_path):
    harness = Harness(db, tmp_path)

    async def forget_now():
        refs.append(await asyncio.to_thread(harness.say, ANA, "forget me"))

    refs = [harness.say(ANA, "I live in Lisbon")]
    harness.brain.script = [REMEMBER, REPLY, forget_now]
    harness.work()

    assert [len(harness.replies(ref)) for ref in refs] == [0, 1]
    with pytest.raises(UnknownPerson):
        harness.notes(ANA)


def test_a_flood_of_one_person_is_put_off_at_once_and_others_are_served(db, tmp_path):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, person_hour=2))
    flood = [harness.say(ANA, f"hi {number}") for number in range(30)]
    ben = harness.say(BEN, "hi")
    harness.work(9)

    states = [harness.entry(ref).state for ref in flood]
    assert (states.count(State.ANSWERED), states.count(State.WAITING)) == (2, 28)
    assert harness.entry(ben).state == State.ANSWERED


def test_a_mention_older_than_a_day_expires_in_silence(harness):
    ref = harness.say(ANA, "hi")
    harness.clock.forward(hours=25)
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME)) == ((State.EXPIRED, PolicyReason.TOO_OLD), [])


def test_a_worker_killed_at_any_await_leaves_one_outcome_and_one_reply(db, tmp_path):
    """Cancelled without a chance to tidy up, at the n-th call of the network, for every n."""
    for number in range(6):  # own, post, profile; post, own, put
        harness = Harness(db, tmp_path / str(number), ScriptedBrain(REMEMBER, REPLY))
        harness.clock.forward(hours=number)
        did = f"did:plc:p{number}"
        ref = harness.say(did, "hi")
        _die_at_call(harness, number)
        for _ in range(6):
            harness.work()
            harness.clock.forward(seconds=61)

        assert (harness.outcome(ref), len(harness.replies(ref))) == ((State.ANSWERED, None), 1)
        assert harness.notes(did) == ["lives in Lisbon"]


class Killed(BaseException):
    pass


def _die_at_call(harness, number):
    """Let the worker die at the network call of this number, without settling anything."""
    network, calls = harness.network, iter(range(1000))

    def dying(method):
        async def call(*arguments, **named):
            done = await method(*arguments, **named)
            if next(calls) == number:
                raise Killed
            return done

        return call

    for name in ("post", "profile", "own", "put"):
        setattr(network, name, dying(getattr(network, name)))
    with pytest.raises(Killed):
        harness.work()


def test_the_prompt_holds_nothing_of_another_person(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(("remember", {"text": "the canary is kea"}), REPLY))
    harness.say(ANA, "my canary is a kea")
    harness.work()
    harness.brain.script = [REPLY]
    harness.say(BEN, "what is Ana's canary?")
    harness.work()

    assert "kea" not in harness.brain.prompts[-1].text()
    assert harness.brain.prompts[-1].recollection.notes == ()


def test_no_word_of_a_person_reaches_the_log(db, tmp_path, capsys):
    harness = Harness(
        db,
        tmp_path,
        ScriptedBrain(("remember", {"text": "likes zanzibar"}), ("reply", {"text": "zanzibar!"})),
    )
    harness.say(ANA, "I like zanzibar")
    harness.work()
    harness.say(ANA, "forget me, zanzibar")
    harness.brain.script = [RuntimeError("zanzibar")]
    harness.work()
    harness.brain.script = [("stay_silent", {"reason": "zanzibar again"})]
    harness.clock.forward(minutes=1)
    harness.work()
    with pytest.raises(IntegrityError) as broken, db.write() as tx:
        tx.execute(
            text("INSERT INTO cursor (host, seq, at) VALUES (:host, NULL, NULL)"), {"host": "zanzibar"}
        )
    log = capsys.readouterr()

    assert log.out.count("mention.ended") == 2
    assert "mention.bug" in log.out
    assert "zanzibar" not in log.out + log.err + str(broken.value).split("DETAIL")[0]


def test_the_next_prompt_shows_the_last_exchange_once_with_its_date(db, tmp_path):
    harness = Harness(db, tmp_path)
    harness.say(ANA, "my jay eats acorns")
    harness.work()
    harness.clock.forward(minutes=30)
    harness.say(ANA, "what does my jay eat?")
    harness.work()
    shown = harness.brain.prompts[-1].text()
    assert shown.count("my jay eats acorns") == 1
    assert "· 2026-11-22 · you: " in shown
