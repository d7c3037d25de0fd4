"""The way of one mention, with everything that can go wrong on it, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from support.factory import ANA, BEN, LIMITS, ME
from support.harness import Crew, ScriptedBrain

from bot.domain.commands import FORGOTTEN, NOTICE
from bot.domain.events import PostDeleted
from bot.domain.mention import State
from bot.domain.policy import Why
from bot.domain.reply import reserved_key
from bot.errors import BrainRefused, BrainTrouble, KeyTaken, NetworkRefused, NetworkTrouble
from bot.storage import consent, outbox, steering, views
from memory.errors import UnknownPerson

REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})


@pytest.fixture
def crew(db, tmp_path):
    return Crew(db, tmp_path)


def test_a_mention_is_answered_once_under_its_reserved_key(crew):
    ref = crew.say(ANA, "hi")
    crew.work()

    (reply,) = crew.replies(ref)
    assert crew.fate(ref) == (State.ANSWERED, None)
    assert reply.ref.uri == f"at://{ME}/app.bsky.feed.post/{reserved_key(ME, ref.uri, 0)}"
    assert reply.record["reply"] == {"root": ref.to_json(), "parent": ref.to_json()}


def test_the_first_reply_says_what_it_is_and_how_to_stop_it_and_the_second_does_not(crew):
    first, second = crew.say(ANA, "hi"), crew.say(ANA, "hi again")
    crew.work()

    texts = [crew.replies(ref)[0].text for ref in (first, second)]
    assert texts == [f"hello\n\n{NOTICE}", "hello"]


def test_memory_and_reply_commit_together_or_not_at_all(db, tmp_path, monkeypatch):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = crew.say(ANA, "I live in Lisbon")
    with monkeypatch.context() as broken:
        broken.setattr(outbox, "draft", lambda *_: 1 / 0)
        crew.work(1)
    stumbled = crew.entry(ref).state, crew.notes(ANA)
    crew.clock.forward(minutes=1)
    crew.work()

    assert stumbled == (State.WAITING, [])
    assert (crew.fate(ref), crew.notes(ANA)) == ((State.ANSWERED, None), ["lives in Lisbon"])


def test_a_silent_thought_may_still_remember(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, ("stay_silent", {"reason": "noise"})))
    ref = crew.say(ANA, "I live in Lisbon")
    crew.work()

    assert (crew.fate(ref), crew.notes(ANA)) == ((State.SILENT, "noise"), ["lives in Lisbon"])


def test_a_note_names_the_post_it_came_from(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = crew.say(ANA, "I live in Lisbon")
    crew.work()

    with db.read() as tx:
        (note,) = crew.bench.memory.recall(tx, ANA).notes
    assert (note.receipt.uri, note.receipt.cid, note.receipt.said_by) == (ref.uri, ref.cid, ANA)


def test_a_long_reply_becomes_a_thread(db, tmp_path):
    long = " ".join(["word"] * 150)
    crew = Crew(db, tmp_path, ScriptedBrain(("reply", {"text": long})))
    ref = crew.say(ANA, "tell me everything")
    crew.work()

    first, *_ = crew.replies(ref)
    (second,) = crew.replies(first.ref)
    assert crew.fate(ref) == (State.ANSWERED, None)
    assert second.record["reply"]["root"] == ref.to_json()
    assert len(crew.network.posts(ME)) == len(crew.entry(ref).parts) > 1


@pytest.mark.parametrize("after", [False, True])
def test_a_thread_resumes_where_it_stopped(db, tmp_path, after):
    crew = Crew(db, tmp_path, ScriptedBrain(("reply", {"text": " ".join(["word"] * 150)})))
    ref = crew.say(ANA, "tell me everything")
    crew.work(1)
    crew.network.fail("put", NetworkTrouble("timeout"), after=after)
    crew.work(1)
    crew.clock.forward(seconds=5)
    crew.network.fail("put", NetworkTrouble("timeout"), after=after)
    crew.work()
    crew.clock.forward(minutes=5)
    crew.work()

    assert crew.network.fired["put"] == 2
    assert crew.fate(ref) == (State.ANSWERED, None)
    assert len(crew.replies(ref)) == 1
    assert len(crew.network.posts(ME)) == len(crew.entry(ref).parts)


def test_a_pds_that_stores_and_then_times_out_gets_the_same_bytes_again(crew):
    crew.network.fail("put", NetworkTrouble("timeout"), after=True)
    ref = crew.say(ANA, "hi")
    crew.work()
    crew.clock.forward(minutes=1)
    crew.work()

    puts = [arguments for method, arguments in crew.network.calls if method == "put"]
    assert (len(puts), len(set(puts))) == (2, 1)
    assert (crew.fate(ref), len(crew.replies(ref))) == ((State.ANSWERED, None), 1)


def test_an_answer_that_stands_already_is_adopted_and_not_thought_again(crew, tmp_path):
    ref = crew.say(ANA, "hi")
    crew.work()
    with crew.bench.db.write() as tx:
        tx.execute(text("DELETE FROM mention"))
    (tmp_path / "ledger").unlink()
    lost = Crew(crew.bench.db, tmp_path / "elsewhere", network=crew.network)
    lost.hear(ref)
    lost.work()

    assert (lost.fate(ref), lost.brain.prompts) == ((State.ANSWERED, "adopted"), [])
    assert len(crew.replies(ref)) == 1


def test_an_answered_mention_heard_again_after_the_database_was_lost_is_left_alone(crew):
    ref = crew.say(ANA, "hi")
    crew.work()
    (reply,) = crew.replies(ref)
    crew.network.remove(reply.ref.uri)
    with crew.bench.db.write() as tx:
        tx.execute(text("DELETE FROM mention"))

    crew.hear(ref)
    crew.work()

    assert crew.replies(ref) == []
    assert crew.hearing.counts["ignored.in the ledger"] == 1


def test_a_key_that_something_else_occupies_is_passed_over(crew):
    taken = reserved_key(ME, f"at://{ANA}/app.bsky.feed.post/3lbbbbbbbbbbb", 0)
    crew.network.write(ME, {"$type": "app.bsky.feed.post", "text": "of another kind"}, rkey=taken)
    ref = crew.say(ANA, "hi", rkey="3lbbbbbbbbbbb")
    crew.work()

    (reply,) = crew.replies(ref)
    assert reply.ref.uri.endswith(reserved_key(ME, ref.uri, 0, salt=1))


def test_a_key_taken_between_look_and_put_is_passed_over_too(crew):
    crew.network.fail("put", KeyTaken("there"))
    ref = crew.say(ANA, "hi")
    crew.work()

    assert (crew.fate(ref), len(crew.replies(ref))) == ((State.ANSWERED, None), 1)
    assert crew.network.fired["put"] == 1


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (BrainTrouble("503"), State.WAITING),
        (BrainTrouble("429", retry_after=3600), State.WAITING),
        (BrainRefused("no such model"), State.FAILED),
        (RuntimeError("a bug"), State.WAITING),
    ],
)
def test_a_brain_that_fails_leaves_no_reply_and_a_recorded_reason(db, tmp_path, error, state):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, error))
    ref = crew.say(ANA, "hi")
    crew.work()

    assert (crew.entry(ref).state, crew.network.posts(ME), crew.notes(ANA)) == (state, [], [])
    assert crew.entry(ref).why


def test_trouble_is_waited_out_until_the_mention_is_too_old_and_never_answered_late(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(BrainTrouble("down")))
    ref = crew.say(ANA, "hi")
    for _ in range(200):
        crew.work()
        crew.clock.forward(minutes=10)

    assert crew.fate(ref) == (State.EXPIRED, Why.TOO_OLD)
    assert crew.network.posts(ME) == []


def test_a_mention_over_which_the_program_stumbles_fails_after_five_tries(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(RuntimeError("a bug")))
    ref = crew.say(ANA, "hi")
    for _ in range(10):
        crew.work()
        crew.clock.forward(minutes=10)

    assert (crew.fate(ref), len(crew.brain.prompts)) == ((State.FAILED, "stumbled: RuntimeError"), 5)


def test_an_old_mention_that_the_operator_retries_is_answered_and_keeps_its_date(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(BrainRefused("no such model")))
    ref = crew.say(ANA, "I live in Lisbon")
    crew.work()
    crew.clock.forward(hours=30)
    crew.brain.script = [REMEMBER, REPLY]
    with db.write() as tx:
        steering.retry(tx, ref.uri, crew.clock())
    said_at = crew.entry(ref).mention.said_at
    crew.work()

    assert crew.fate(ref) == (State.ANSWERED, None)
    with db.read() as tx:
        (note,) = crew.bench.memory.recall(tx, ANA).notes
    assert note.receipt.said_at == said_at == crew.clock() - timedelta(hours=30)


def test_a_pds_that_refuses_the_post_fails_the_mention(crew):
    crew.network.fail("put", NetworkRefused("grapheme too big"))
    ref = crew.say(ANA, "hi")
    crew.work()

    assert crew.entry(ref).state == State.FAILED
    assert "grapheme too big" in crew.entry(ref).why


def test_a_mention_deleted_before_thinking_is_declined_unthought(crew):
    ref = crew.say(ANA, "hi")
    crew.network.remove(ref.uri)
    crew.work()

    assert (crew.fate(ref), crew.brain.prompts) == ((State.DECLINED, Why.GONE), [])


def test_a_mention_deleted_before_posting_is_declined_and_its_notes_go(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = crew.say(ANA, "I live in Lisbon")
    crew.work(1)
    assert crew.notes(ANA) == ["lives in Lisbon"]
    crew.network.remove(ref.uri)
    crew.work()

    assert (crew.fate(ref), crew.network.posts(ME), crew.notes(ANA)) == ((State.DECLINED, Why.GONE), [], [])


def test_a_deletion_that_is_heard_declines_what_waits_and_takes_the_notes_along(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = crew.say(ANA, "I live in Lisbon")
    crew.work(1)
    crew.listener.take(PostDeleted(9, ref.uri, ANA, crew.clock()))
    crew.work()

    assert (crew.fate(ref), crew.network.posts(ME), crew.notes(ANA)) == ((State.DECLINED, "deleted"), [], [])


def test_a_labelled_bot_is_declined_unthought(crew):
    crew.network.label(ANA, "bot")
    ref = crew.say(ANA, "beep")
    crew.work()

    assert (crew.fate(ref), crew.brain.prompts) == ((State.DECLINED, Why.BOT), [])


def test_a_stop_ends_what_waits_and_what_comes(crew):
    before, stop, after = (crew.say(ANA, words) for words in ("hi", "stop", "hello?"))
    other = crew.say(BEN, "hi")
    crew.work()

    fates = [crew.fate(ref) for ref in (before, stop, after, other)]
    assert fates == [
        (State.DECLINED, "stop"),
        (State.DECLINED, "stop"),
        (State.DECLINED, Why.STOPPED),
        (State.ANSWERED, None),
    ]
    assert len(crew.network.posts(ME)) == 1


@pytest.mark.parametrize("moment", ["thinking", "drafted"])
def test_a_stop_recorded_before_the_last_check_prevents_the_post(db, tmp_path, moment):
    crew = Crew(db, tmp_path)

    async def stop_now():
        await asyncio.to_thread(_stop, crew)

    if moment == "thinking":
        crew.brain.script = [REPLY, stop_now]
    ref = crew.say(ANA, "hi")
    crew.work(1)
    if moment == "drafted":
        _stop(crew)
    crew.work()

    assert (crew.entry(ref).state, crew.network.posts(ME)) == (State.DECLINED, [])


def _stop(crew):
    with crew.bench.db.write() as tx:
        consent.stop(tx, ANA, crew.clock())


def test_forget_me_erases_at_once_is_confirmed_and_leaves_no_name(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    crew.say(ANA, "I live in Lisbon")
    crew.work()
    ref = crew.say(ANA, "forget me")
    with pytest.raises(UnknownPerson):
        crew.notes(ANA)
    crew.work()

    assert [post.text for post in crew.replies(ref)] == [FORGOTTEN]
    with db.read() as tx:
        tables = ("person", "handle", "note", "revision", "mention", "outbox", "errand")
        rows = [str(row) for table in tables for row in tx.execute(text(f"SELECT * FROM {table}"))]
        states = [entry.state for entry in views.entries(tx)]
    assert not [row for row in rows if ANA in row or "Lisbon" in row]
    assert states == [State.ANSWERED, State.ANSWERED]


def test_what_was_forgotten_is_not_brought_back_by_a_replay(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    told = crew.say(ANA, "I live in Lisbon")
    crew.work()
    crew.say(ANA, "forget me")
    crew.work()
    crew.hear(told)
    crew.work()

    with pytest.raises(UnknownPerson):
        crew.notes(ANA)


def test_forgetting_beats_a_thought_under_way(db, tmp_path):
    crew = Crew(db, tmp_path)

    async def forget_now():
        refs.append(await asyncio.to_thread(crew.say, ANA, "forget me"))

    refs = [crew.say(ANA, "I live in Lisbon")]
    crew.brain.script = [REMEMBER, REPLY, forget_now]
    crew.work()

    assert [len(crew.replies(ref)) for ref in refs] == [0, 1]
    with pytest.raises(UnknownPerson):
        crew.notes(ANA)


def test_a_flood_of_one_person_is_put_off_at_once_and_others_are_served(db, tmp_path):
    crew = Crew(db, tmp_path, limits=replace(LIMITS, person_hour=2))
    flood = [crew.say(ANA, f"hi {number}") for number in range(30)]
    ben = crew.say(BEN, "hi")
    crew.work(9)

    states = [crew.entry(ref).state for ref in flood]
    assert (states.count(State.ANSWERED), states.count(State.WAITING)) == (2, 28)
    assert crew.entry(ben).state == State.ANSWERED


def test_a_mention_older_than_a_day_expires_in_silence(crew):
    ref = crew.say(ANA, "hi")
    crew.clock.forward(hours=25)
    crew.work()

    assert (crew.fate(ref), crew.network.posts(ME)) == ((State.EXPIRED, Why.TOO_OLD), [])


def test_a_worker_killed_at_any_await_leaves_one_outcome_and_one_reply(db, tmp_path):
    """Cancelled without a chance to tidy up, at the n-th call of the network, for every n."""
    for number in range(6):  # own, post, profile; post, own, put
        crew = Crew(db, tmp_path / str(number), ScriptedBrain(REMEMBER, REPLY))
        crew.clock.forward(hours=number)
        did = f"did:plc:p{number}"
        ref = crew.say(did, "hi")
        _die_at_call(crew, number)
        for _ in range(6):
            crew.work()
            crew.clock.forward(seconds=61)

        assert (crew.fate(ref), len(crew.replies(ref))) == ((State.ANSWERED, None), 1)
        assert crew.notes(did) == ["lives in Lisbon"]


class Killed(BaseException):
    pass


def _die_at_call(crew, number):
    """Let the worker die at the network call of this number, without settling anything."""
    network, calls = crew.network, iter(range(1000))

    def dying(method):
        async def call(*arguments):
            done = await method(*arguments)
            if next(calls) == number:
                raise Killed
            return done

        return call

    for name in ("post", "profile", "own", "put"):
        setattr(network, name, dying(getattr(network, name)))
    with pytest.raises(Killed):
        crew.work()


def test_the_prompt_holds_nothing_of_another_person(db, tmp_path):
    crew = Crew(db, tmp_path, ScriptedBrain(("remember", {"text": "the canary is kea"}), REPLY))
    crew.say(ANA, "my canary is a kea")
    crew.work()
    crew.brain.script = [REPLY]
    crew.say(BEN, "what is Ana's canary?")
    crew.work()

    assert "kea" not in crew.brain.prompts[-1].text()
    assert crew.brain.prompts[-1].recollection.notes == ()


def test_no_word_of_a_person_reaches_the_log(db, tmp_path, capsys):
    crew = Crew(
        db,
        tmp_path,
        ScriptedBrain(("remember", {"text": "likes zanzibar"}), ("reply", {"text": "zanzibar!"})),
    )
    crew.say(ANA, "I like zanzibar")
    crew.work()
    crew.say(ANA, "forget me, zanzibar")
    crew.brain.script = [RuntimeError("zanzibar")]
    crew.work()
    crew.brain.script = [("stay_silent", {"reason": "zanzibar again"})]
    crew.clock.forward(minutes=1)
    crew.work()
    with pytest.raises(IntegrityError) as broken, db.write() as tx:
        tx.execute(
            text("INSERT INTO cursor (host, seq, at) VALUES (:host, NULL, NULL)"), {"host": "zanzibar"}
        )
    log = capsys.readouterr()

    assert log.out.count("mention.ended") == 2
    assert "mention.stumbled" in log.out
    assert "zanzibar" not in log.out + log.err + str(broken.value).split("DETAIL")[0]


def test_the_next_prompt_shows_the_last_exchange_once_with_its_date(db, tmp_path):
    crew = Crew(db, tmp_path)
    crew.say(ANA, "my jay eats acorns")
    crew.work()
    crew.clock.forward(minutes=30)
    crew.say(ANA, "what does my jay eat?")
    crew.work()
    shown = crew.brain.prompts[-1].text()
    assert shown.count("my jay eats acorns") == 1
    assert "· 2026-11-22 · you: " in shown
