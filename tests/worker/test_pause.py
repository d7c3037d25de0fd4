"""The operator's brake: in a pause nothing is answered, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.factory import ANA, BEN, LIMITS, ME
from support.harness import Harness, ScriptedBrain

from bot.domain.mention import State
from bot.storage import drafts, mentions, pauses


class Hand:
    """What `scrubjay pause`, `resume` and `stop --now` do."""

    def __init__(self, harness):
        self._harness = harness

    def pause(self, *, until=None, ages=False):
        with self._harness.services.db.write() as tx:
            pauses.begin(tx, self._harness.clock(), until, ages=ages)

    def resume(self):
        with self._harness.services.db.write() as tx:
            return pauses.end(tx, self._harness.clock())

    def stop(self):
        self.pause()
        with self._harness.services.db.write() as tx:
            return drafts.withdraw_all(tx, self._harness.clock())


@pytest.fixture
def hand(harness):
    return Hand(harness)


def is_due(harness):
    with harness.services.db.read() as tx:
        return mentions.is_due(tx, harness.clock())


def test_what_is_heard_in_a_pause_is_answered_after_it(harness, hand):
    hand.pause()
    refs = [harness.say(ANA, "hello"), harness.say(BEN, "help")]
    harness.work()
    assert harness.brain.prompts == []
    assert [harness.outcome(ref)[0] for ref in refs] == [State.WAITING, State.DRAFTED]
    assert not is_due(harness)

    hand.resume()
    harness.work()
    assert [harness.outcome(ref)[0] for ref in refs] == [State.ANSWERED] * 2


def test_a_draft_of_before_waits_too(harness, hand):
    ref = harness.say(ANA, "hello")
    harness.draft()
    hand.pause()
    harness.clock.forward(hours=1)
    harness.work()
    assert harness.replies(ref) == []

    hand.resume()
    harness.work()
    assert len(harness.replies(ref)) == 1


def test_stop_and_forget_me_are_obeyed_meanwhile(harness, hand):
    harness.introduce(ANA)
    harness.brain.script = [("remember", {"text": "lives in Odense"}), ("reply", {"text": "Noted."})]
    harness.say(ANA, "I live in Odense")
    harness.work()
    assert harness.notes(ANA)
    hand.pause()
    waiting = harness.say(BEN, "hello")
    harness.say(BEN, "stop")
    wish = harness.say(ANA, "forget me")
    harness.work()
    assert harness.outcome(waiting) == (State.DECLINED, "stop")
    with harness.services.db.read() as tx:
        assert harness.services.memory.notes(tx, ANA) == ()
    assert harness.replies(wish) == []


def test_a_pause_ends_by_itself(harness, hand):
    hand.pause(until=harness.clock() + timedelta(hours=2))
    ref = harness.say(ANA, "hello")
    harness.clock.forward(hours=1, minutes=59)
    harness.work()
    assert harness.replies(ref) == []
    harness.clock.forward(minutes=1)
    harness.work()
    assert len(harness.replies(ref)) == 1
    assert hand.resume() is None


@pytest.mark.parametrize(("ages", "state"), [(False, State.ANSWERED), (True, State.EXPIRED)])
def test_a_mention_does_not_grow_too_old_in_a_pause_unless_told_to(harness, hand, ages, state):
    hand.pause(ages=ages)
    ref = harness.say(ANA, "hello")
    harness.clock.forward(seconds=LIMITS.max_age.total_seconds() + 3600)
    hand.resume()
    harness.work()
    assert harness.outcome(ref)[0] is state


def test_a_new_pause_takes_the_place_of_the_one_that_is_on(harness, hand):
    ref = harness.say(ANA, "hello")
    hand.pause(until=harness.clock() + timedelta(hours=1))
    harness.clock.forward(minutes=30)
    hand.pause()
    harness.clock.forward(seconds=LIMITS.max_age.total_seconds())
    harness.work()
    assert harness.replies(ref) == []
    hand.resume()
    harness.work()
    assert len(harness.replies(ref)) == 1


def test_a_pause_holds_what_is_being_thought_about(harness, hand):
    async def meanwhile():
        hand.pause()

    harness.brain.script = [meanwhile, ("reply", {"text": "hello"})]
    ref = harness.say(ANA, "hello")
    harness.work()
    assert harness.outcome(ref)[0] is State.DRAFTED
    assert harness.replies(ref) == []
    harness.brain.script = []
    hand.resume()
    harness.work()
    assert len(harness.replies(ref)) == 1
    assert len(harness.brain.prompts) == 1


@pytest.mark.parametrize("call", ["post", "profile"])
def test_a_pause_before_the_brain_is_asked_saves_the_call(harness, hand, monkeypatch, call):
    real = getattr(harness.network, call)

    async def meanwhile(*arguments, **options):
        hand.pause()
        return await real(*arguments, **options)

    monkeypatch.setattr(harness.network, call, meanwhile)
    ref = harness.say(ANA, "hello")
    harness.work()
    assert harness.outcome(ref) == (State.WAITING, "paused")
    assert harness.brain.prompts == []
    monkeypatch.undo()
    hand.resume()
    harness.work()
    assert len(harness.replies(ref)) == 1
    assert harness.entry(ref).attempts <= 1


def test_a_pause_just_before_a_post_holds_it(harness, hand, monkeypatch):
    ref = harness.say(ANA, "hello")
    harness.draft()
    real = harness.network.post

    async def meanwhile(*arguments, **options):
        hand.pause()
        return await real(*arguments, **options)

    monkeypatch.setattr(harness.network, "post", meanwhile)
    harness.work()
    assert harness.outcome(ref) == (State.DRAFTED, "paused")
    assert harness.replies(ref) == []
    monkeypatch.undo()
    hand.resume()
    harness.work()
    assert len(harness.replies(ref)) == 1


def test_an_answer_of_which_one_post_stands_is_finished(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(("reply", {"text": "One sentence. " * 40})))
    hand, put = Hand(harness), harness.network.put

    async def meanwhile(*arguments):
        hand.pause()
        return await put(*arguments)

    harness.network.put = meanwhile
    ref = harness.say(ANA, "hello")
    harness.work()
    assert harness.outcome(ref)[0] is State.ANSWERED
    assert all(part.ref for part in harness.entry(ref).parts)


def test_an_emergency_stop_deletes_the_first_post_of_a_long_answer(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(("reply", {"text": "One sentence. " * 40})))
    hand, put = Hand(harness), harness.network.put

    async def meanwhile(*arguments):
        if harness.replies(ref):
            assert hand.stop() == 1
        return await put(*arguments)

    harness.network.put = meanwhile
    ref = harness.say(ANA, "hello")
    harness.work()
    harness.run_jobs()
    harness.clock.forward(minutes=1)
    harness.run_jobs()
    assert harness.outcome(ref) == (State.DECLINED, drafts.WITHDRAWN)
    assert harness.network.posts(ME) == []


def test_an_emergency_stop_withdraws_every_draft_and_pauses(harness, hand):
    drafted, heard = harness.say(ANA, "hello"), harness.say(BEN, "hello")
    harness.draft()
    command = harness.say("did:plc:cleo", "help")
    assert hand.stop() == 1
    later = harness.say("did:plc:dora", "hello")
    harness.work()
    states = [harness.outcome(ref)[0] for ref in (drafted, heard, command, later)]
    assert states == [State.DECLINED, State.WAITING, State.DRAFTED, State.WAITING]
    assert harness.outcome(drafted)[1] == drafts.WITHDRAWN

    hand.resume()
    harness.work()
    states = [harness.outcome(ref)[0] for ref in (drafted, heard, command, later)]
    assert states == [State.DECLINED] + [State.ANSWERED] * 3
    assert harness.replies(drafted) == []


def test_an_emergency_stop_deletes_what_is_being_posted(harness, hand):
    put = harness.network.put

    async def meanwhile(*arguments):
        ref = await put(*arguments)
        assert hand.stop() == 1
        return ref

    harness.network.put = meanwhile
    ref = harness.say(ANA, "hello")
    harness.work()
    harness.run_jobs()
    assert harness.outcome(ref) == (State.DECLINED, drafts.WITHDRAWN)
    assert harness.replies(ref) == []


def test_what_was_said_in_limits_is_unchanged_by_a_pause(harness, hand):
    """A pause reserves nothing: the person has all their replies left."""
    one_an_hour = replace(LIMITS, person_hour=1)
    harness.services = replace(harness.services, limits=one_an_hour)
    harness.with_brain(harness.brain)
    ref = harness.say(ANA, "hello")
    for _ in range(3):
        hand.pause()
        harness.work()
        hand.resume()
    harness.work()
    assert harness.outcome(ref)[0] is State.ANSWERED


def test_pauses_do_not_overlap(harness, hand):
    """Else the time in both would count twice, and make a mention younger than it is."""
    began = harness.clock()
    hand.pause()
    harness.clock.forward(hours=1)
    hand.pause(until=harness.clock() + timedelta(hours=1))
    harness.clock.forward(hours=5)
    hand.pause()
    with harness.services.db.read() as tx:
        found = pauses.since(tx, began - timedelta(hours=1))
    hours = [(each.began_at - began, each.ended_at and each.ended_at - began) for each in found]
    hour = timedelta(hours=1)
    assert sorted(hours, key=lambda span: span[0]) == [(0 * hour, hour), (hour, 2 * hour), (6 * hour, None)]
