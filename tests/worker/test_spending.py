"""What is reserved before it is spent, and counts whatever came of it, on both databases."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select
from support.factory import ANA, BEN, LIMITS, ME, mention
from support.harness import Harness, ScriptedBrain
from support.races import at_once, meet_after

from bot.brains.guard import Guarded
from bot.domain import policy
from bot.domain.limits import POINTS_PER_DELETION, Price
from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.domain.prompt import Usage
from bot.errors import BreakerOpen, LimitReached, TransientBrainError
from bot.storage import facts, jobs, mentions, spending
from bot.storage.jobs import JobKind
from bot.storage.tables import MentionRow, SpendRow
from bot.worker import draft, reserving
from bot.worker.worker import Worker

SILENCE = ("stay_silent", {"reason": "noise"})
REPLY = ("reply", {"text": "Noted."})


def fresh(number):
    return f"did:plc:fresh{number}"


def spent(harness, name):
    with harness.services.db.read() as tx:
        return sum(tx.execute(select(getattr(SpendRow, name))).scalars())


def test_silent_answers_to_fresh_people_stop_at_the_limit_of_calls(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(SILENCE), limits=replace(LIMITS, hour_calls=4))
    refs = [harness.say(fresh(number), "hi") for number in range(8)]
    harness.work(30)

    assert len(harness.brain.prompts) == 3  # three quarters are for newcomers
    assert [harness.entry(ref).state for ref in refs].count(State.WAITING) == 5
    harness.clock.forward(hours=1, seconds=1)
    harness.work(30)
    assert len(harness.brain.prompts) == 6


def test_each_try_counts_as_a_call_though_it_fails(db, tmp_path):
    harness = Harness(
        db, tmp_path, ScriptedBrain(TransientBrainError("503")), limits=replace(LIMITS, person_hour_calls=2)
    )
    ref = harness.say(ANA, "hi")
    for _ in range(9):
        harness.work(1)
        harness.clock.forward(minutes=5)

    assert (len(harness.brain.prompts), harness.outcome(ref)) == (
        2,
        (State.WAITING, PolicyReason.PERSON_CALLS),
    )
    assert spent(harness, "replies") == 0


def test_a_turn_that_the_breaker_did_not_let_begin_is_no_call(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(BreakerOpen("asked again", retry_after=60)))
    harness.say(ANA, "hi")
    harness.work(1)

    assert (spent(harness, "calls"), spent(harness, "tokens_in")) == (0, 0)


@pytest.mark.slow
def test_a_retry_within_a_turn_is_reserved_and_refused_at_the_limit(db, tmp_path):
    brain = ScriptedBrain(TransientBrainError("503"))
    harness = Harness(db, tmp_path, brain, limits=replace(LIMITS, person_hour_calls=2))
    harness.with_brain(Guarded(brain, timeout=timedelta(seconds=5), clock=harness.clock))
    harness.say(ANA, "hi")
    harness.work(1)

    assert (len(brain.prompts), spent(harness, "calls"), spent(harness, "tokens_in")) == (2, 2, 200)


def test_a_turn_under_way_is_not_asked_on_when_the_money_is_spent(db, tmp_path):
    price = Price(1, 1)
    limits = replace(LIMITS, day_money=250, turn_tokens=120, turn_money=120, price=price)
    harness = Harness(db, tmp_path, limits=limits)

    async def ask_on():
        await tools.reserve()
        tools.add_usage(Usage("m", 100, 20, None))

    class Asking(ScriptedBrain):
        async def think(self, prompt, given):
            nonlocal tools
            tools = given
            await super().think(prompt, given)

    tools = None
    brain = Asking(ask_on, ask_on, REPLY)
    brain.costs = Usage("m", 100, 20, None)
    ref = harness.with_brain(brain).say(ANA, "hi")
    harness.work(3)

    assert (harness.outcome(ref), spent(harness, "money")) == ((State.WAITING, PolicyReason.MONEY), 240)


@pytest.mark.slow
def test_when_the_money_runs_out_an_answer_is_short_and_nothing_is_recalled(db, tmp_path):
    limits = replace(
        LIMITS, hour=99, person_hour=99, person_hour_calls=99, day_money=15 * 120, price=Price(1, 1)
    )
    brain = ScriptedBrain(REPLY)
    brain.costs = Usage("m", 100, 20, None)
    harness = Harness(db, tmp_path, brain, limits=limits)
    for number in range(13):  # the thirteenth is the first beyond four fifths
        harness.say(ANA, f"my jay number {number} eats acorns in the morning")
        harness.work()

    before, last = (prompt.recollection for prompt in brain.prompts[-2:])
    assert before.recalled.items
    assert (last.recalled.items, last.archived.items) == ((), ())
    assert last.exchanges.items


def test_forget_me_is_obeyed_always_and_answered_within_the_limits(db, tmp_path):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, person_hour=2, partner_posts=9))
    refs = [harness.say(ANA, "forget me") for _ in range(6)]
    harness.work()
    refs.append(harness.say(ANA, "I live in Lisbon"))
    harness.work()
    refs.append(harness.say(ANA, "forget me"))
    harness.work()

    assert [len(harness.replies(ref)) for ref in refs] == [0, 1, 0, 0, 0, 0, 0, 0]  # the first was overtaken
    with db.read() as tx:
        assert tx.execute(select(MentionRow.uri).where(MentionRow.did == ANA)).all() == []
        assert {row.person for row in tx.execute(select(SpendRow.person))} == {
            harness.services.journal.pseudonym(ANA)
        }


def test_forgetting_resets_no_limit(db, tmp_path):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, person_hour=3))
    for _ in range(4):
        harness.say(ANA, "hi")
        harness.work()
        harness.say(ANA, "forget me")
        harness.work()

    assert len(harness.network.posts(ME)) == 3


def test_fresh_people_who_ask_to_be_forgotten_get_no_more_answers_than_newcomers_may(db, tmp_path):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, hour=4))
    refs = [harness.say(fresh(number), "forget me") for number in range(8)]
    harness.work(30)

    assert sum(len(harness.replies(ref)) for ref in refs) == 3
    assert spent(harness, "calls") == 0


def test_a_labelled_bot_is_forgotten_and_not_told_so(harness):
    harness.network.set_labels(ANA, "bot")
    ref = harness.say(ANA, "forget me")
    harness.work()

    assert harness.replies(ref) == []
    with harness.services.db.read() as tx:
        assert tx.execute(select(MentionRow.uri).where(MentionRow.did == ANA)).all() == []
    assert spent(harness, "replies") == 0


def test_two_workers_at_one_limit_do_not_both_pass_and_neither_waits_for_the_others_thinking(db, tmp_path):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, hour_calls=2, hour=2, day=2))
    harness.say(ANA, "hi")
    harness.work()
    harness.say(ANA, "hi again")
    harness.say(BEN, "hi")
    thinking, go_on = asyncio.Event(), asyncio.Event()

    async def think():
        thinking.set()
        await go_on.wait()

    async def race():
        first = asyncio.create_task(harness.worker.work())
        await thinking.wait()
        await Worker("v", harness.services, harness.scheduler, lambda: 0.0).work()
        go_on.set()
        await first

    harness.brain.script = [think, REPLY]
    asyncio.run(asyncio.wait_for(race(), 30))

    assert len(harness.brain.prompts) == 2


def test_only_one_of_several_admissions_at_once_takes_the_last_place(db, tmp_path):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, hour_calls=1))
    start, taken = threading.Barrier(4), []

    def admit(number):
        this = mention(number, fresh(number))
        who = spending.attempt(harness.services.journal, this, 1)
        start.wait()
        with db.write() as tx:
            found = facts.gather(tx, this, who, harness.limits, harness.clock())
            if found.everyone.hour_calls.count < 1:
                spending.reserve(tx, who, found, harness.limits, harness.clock(), spending.SpendKind.TURN)
                taken.append(number)

    threads = [threading.Thread(target=admit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(taken), spent(harness, "calls")) == (1, 1)


@pytest.fixture
def meet(monkeypatch):
    """Let two transactions that ask policy wait for each other, if both can be there at once."""

    def meet(*steps):
        meet_after(monkeypatch, policy, "decide")
        return at_once(*steps)

    return meet


@pytest.mark.slow
def test_two_workers_at_once_cannot_both_take_the_last_call(db, tmp_path, meet):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, hour_calls=1))
    for number in range(2):
        harness.say(fresh(number), "hi")
        harness.work()
        harness.clock.forward(hours=2)
    for number in range(2):
        harness.say(fresh(number), "hi again")  # newcomers no more: those share a row of the queue
    harness.clock.forward(minutes=1)
    workers = [Worker(name, harness.services, harness.scheduler, lambda: 0.0) for name in "ab"]
    meet(*(lambda worker=worker: asyncio.run(worker.work()) for worker in workers))

    assert (len(harness.brain.prompts), spent(harness, "calls")) == (3, 3)


@pytest.mark.slow
def test_two_turns_at_once_cannot_both_take_the_last_further_call(db, tmp_path, meet):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, hour_calls=4))  # of which newcomers get three
    claims = []
    for number, name in enumerate("ab"):
        harness.say(fresh(number), "hi")
        harness.clock.forward(minutes=1)
        claims.append(mentions.claim(db, name, now=harness.clock(), lease=timedelta(hours=1)))
        with db.write() as tx:
            assert isinstance(draft._admit(harness.services, tx, claims[-1]), policy.Go)

    def ask_again(claim):
        try:
            asyncio.run(reserving.reserve_more(harness.services, claim, Usage(), 2))
        except LimitReached:
            return False
        return True

    assert sorted(meet(*(partial(ask_again, claim) for claim in claims))) == [False, True]


@pytest.mark.slow
def test_two_wishes_heard_at_once_cannot_both_take_the_last_answer(db, tmp_path, meet):
    harness = Harness(db, tmp_path, limits=replace(LIMITS, hour=2))  # of which newcomers get one
    refs = [harness.say(fresh(number), "forget me", heard=False) for number in range(2)]
    meet(*(partial(harness.handle, ref) for ref in refs))

    assert spent(harness, "posts") == 1


def test_a_deletion_takes_a_write_point(harness):
    with harness.services.db.write() as tx:
        jobs.add(tx, JobKind.WITHDRAW, "3kabcdefghijk", harness.clock())
    harness.clock.forward(minutes=1)
    harness.run_jobs(1)

    assert spent(harness, "points") == POINTS_PER_DELETION


@pytest.mark.parametrize("costs", [Usage("m", 50, 10, 7), Usage("m", 50, 10, None)])
def test_what_a_turn_cost_replaces_what_was_reserved(db, tmp_path, costs):
    limits = replace(LIMITS, turn_tokens=12_000, turn_money=500, price=Price(2, 3), reply_points=9)
    brain = ScriptedBrain(REPLY)
    brain.costs = costs
    harness = Harness(db, tmp_path, brain, limits=limits)
    harness.say(ANA, "hi")
    harness.work(1)

    found = [spent(harness, name) for name in ("tokens_in", "tokens_out", "money", "points", "posts")]
    assert found == [50, 10, costs.cost or 130, 3, 1]
