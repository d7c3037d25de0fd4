"""A mention on its whole way, and what becomes of it when a step fails, on both databases."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, PendingRollbackError
from support.factory import ANA, BEN, ME
from support.harness import Harness, ScriptedBrain

from bot.domain.events import PostDeleted
from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.errors import (
    PermanentBrainError,
    TransientBrainError,
)
from bot.storage import mentions, steering, views
from bot.wording import answers
from bot.worker.worker import Worker
from memory.errors import UnknownPerson

REMEMBER = ("remember", {"text": "lives in Lisbon"})
REPLY = ("reply", {"text": "Noted."})


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
    harness.introduce(ANA)
    ref = harness.say(ANA, "hi")
    harness.work()

    assert (harness.entry(ref).state, harness.network.posts(ME), harness.notes(ANA)) == (state, [], [])
    assert harness.entry(ref).why


@pytest.mark.slow
def test_trouble_is_waited_out_until_the_mention_is_too_old_and_never_answered_late(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(TransientBrainError("down")))
    ref = harness.say(ANA, "hi")
    for _ in range(200):
        harness.work()
        harness.clock.forward(minutes=10)

    assert harness.outcome(ref) == (State.EXPIRED, PolicyReason.TOO_OLD)
    assert harness.network.posts(ME) == []


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "machine: OSError"),
        (PendingRollbackError("of a connection that was cut"), "no storage: PendingRollbackError"),
    ],
)
def test_trouble_of_the_machine_ends_no_mention(db, tmp_path, trouble, why):
    harness = Harness(db, tmp_path, ScriptedBrain(trouble))
    ref = harness.say(ANA, "hi")
    for _ in range(20):
        harness.work()
        harness.clock.forward(minutes=10)
    waiting = harness.outcome(ref)
    harness.brain.script = [REPLY]
    harness.work()

    assert waiting == (State.WAITING, why)
    assert harness.outcome(ref) == (State.ANSWERED, None)


def test_a_mention_over_which_this_program_has_a_bug_fails_after_five_tries(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(RuntimeError("a bug")))
    ref = harness.say(ANA, "hi")
    for _ in range(10):
        harness.work()
        harness.clock.forward(minutes=10)

    assert (harness.outcome(ref), len(harness.brain.prompts)) == (
        (State.FAILED, "bug: RuntimeError (5 times)"),
        5,
    )


@pytest.mark.slow
def test_a_thought_that_takes_longer_than_its_lease_is_thought_by_one_worker_only(db, tmp_path):
    lease, others = timedelta(seconds=0.9), []

    async def think_long():
        other = Worker("v", harness.services, harness.scheduler, lambda: 0.0)
        for _ in range(6):
            await asyncio.sleep(lease.total_seconds() / 3)
            harness.clock.forward(seconds=lease.total_seconds() / 3)
            others.append(await other.work())

    harness = Harness(db, tmp_path, ScriptedBrain(think_long, ("reply", {"text": "hello"})))
    harness.services = replace(harness.services, options=replace(harness.services.options, lease=lease))
    ref = harness.with_brain(harness.brain).say(ANA, "hi")
    harness.work()

    assert (others, len(harness.brain.prompts), harness.entry(ref).state) == (
        [False] * 6,
        1,
        State.ANSWERED,
    )


def die(harness, minutes, times):
    """Let a worker claim what is due, and die, every so many minutes. Returns how often there was a claim."""
    deaths, lease = 0, timedelta(seconds=30)
    for _ in range(times):
        deaths += mentions.claim(harness.services.db, "dead", now=harness.clock(), lease=lease) is not None
        harness.clock.forward(minutes=minutes)
    return deaths


def test_a_mention_over_which_workers_die_is_tried_ever_more_seldom_and_answered_when_one_lives(harness):
    ref = harness.say(ANA, "hi")
    assert die(harness, minutes=1, times=10) > 5
    assert die(harness, minutes=1, times=60) < 10
    harness.clock.forward(hours=1)
    harness.work()

    assert harness.outcome(ref)[0] is State.ANSWERED


def test_a_mention_over_which_workers_die_waits_while_others_are_answered(harness):
    harness.say(ANA, "hi")
    die(harness, minutes=5, times=20)
    other = harness.say(BEN, "hi")
    harness.work()

    assert harness.outcome(other)[0] is State.ANSWERED


def test_a_draft_over_which_workers_die_is_posted_once(harness):
    ref = harness.say(ANA, "hi")
    harness.draft()
    die(harness, minutes=5, times=20)
    harness.clock.forward(hours=1)
    harness.work()

    assert (harness.outcome(ref)[0], len(harness.replies(ref))) == (State.ANSWERED, 1)


def test_age_ends_a_mention_over_which_workers_die(harness):
    ref = harness.say(ANA, "hi")
    die(harness, minutes=30, times=50)
    for _ in range(2):
        harness.clock.forward(hours=1)
        harness.work()

    assert (harness.outcome(ref)[0], harness.brain.prompts) == (State.EXPIRED, [])


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


def test_a_deletion_that_is_heard_declines_what_waits_and_takes_the_notes_along(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    ref = harness.say(ANA, "I live in Lisbon")
    harness.draft()
    harness.listener.handle(PostDeleted(9, ref.uri, ANA, harness.clock()))
    harness.work()

    assert (harness.outcome(ref), harness.network.posts(ME), harness.notes(ANA)) == (
        (State.DECLINED, "deleted"),
        [],
        [],
    )


def test_a_stop_ends_what_waits_and_what_comes(harness):
    before, stop, after = (harness.say(ANA, words) for words in ("hi", "stop", "hello?"))
    other = harness.say(BEN, "hi")
    harness.work()

    outcomes = [harness.outcome(ref) for ref in (before, stop, after, other)]
    assert outcomes == [
        (State.DECLINED, "stop"),
        (State.DECLINED, "stop"),
        (State.DECLINED, PolicyReason.STOPPED),
        (State.ANSWERED, None),
    ]
    assert len(harness.network.posts(ME)) == 1


def test_forget_me_erases_at_once_is_confirmed_and_leaves_no_name(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    ref = harness.say(ANA, "forget me")
    with pytest.raises(UnknownPerson):
        harness.notes(ANA)
    harness.work()

    assert [post.text for post in harness.replies(ref)] == [answers.text("en", "erased")]
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


@pytest.mark.slow
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
