"""The guard: retries within a turn, and the circuit breaker, which no person can open alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs
from support.factory import ANA, BEN, Clock
from support.harness import ScriptedBrain

from bot.brains.breaker import FAILURES
from bot.brains.guard import TRIES, Guarded
from bot.domain.prompt import ToolResult, Usage
from bot.errors import BrainTimeout, BreakerOpen, PermanentBrainError, TransientBrainError

FAILURE = TransientBrainError("HTTP 503")
PEOPLE = [f"did:plc:person{number}" for number in range(20)]


class Tools:
    specs = ()

    def __init__(self):
        self.spent = Usage()

    def add_usage(self, usage):
        self.spent += usage

    async def reserve(self, *, again=False):
        self.again = again

    async def call(self, name, arguments):
        return ToolResult("done")


class GuardedBrain:
    """A guarded brain that fails when the test says so."""

    def __init__(self):
        self.clock = Clock()
        self.tools = Tools()
        self.brain = ScriptedBrain()
        self.guarded = Guarded(self.brain, timeout=timedelta(seconds=5), clock=self.clock)

    async def turn(self, did=ANA):
        self.tools = Tools()
        await self.guarded.think(SimpleNamespace(mention=SimpleNamespace(did=did)), self.tools)

    async def fail(self, error=FAILURE, turns=FAILURES, people=PEOPLE):
        self.brain.script = [error]
        self.brain.illness = None if error.post_suspected else "it fails"
        for did in people[:turns]:
            with pytest.raises(TransientBrainError):
                await self.turn(did)

    def recover(self):
        self.brain.script = [("reply", {"text": "hello"})]
        self.brain.illness = None
        self.brain.prompts.clear()


@pytest.fixture
def guarded_brain():
    return GuardedBrain()


async def seconds_to_wait(guarded_brain):
    """Seconds until a turn probes; 0 if the brain is asked."""
    try:
        await guarded_brain.turn(BEN)
    except BreakerOpen as refused:
        until = guarded_brain.guarded._breaker.open_until
        return (until - guarded_brain.clock()).total_seconds() if until else refused.retry_after
    except TransientBrainError:
        pass
    return 0


async def test_a_turn_is_tried_three_times_and_no_more(guarded_brain):
    await guarded_brain.fail(turns=1)
    assert len(guarded_brain.brain.prompts) == TRIES


async def test_a_turn_in_which_a_tool_was_called_is_tried_once(guarded_brain):
    guarded_brain.brain.script = [("recall", {"query": "tea"}), FAILURE]
    with pytest.raises(TransientBrainError):
        await guarded_brain.turn()
    assert len(guarded_brain.brain.prompts) == 1


async def test_a_refusal_is_final_and_no_illness(guarded_brain):
    for did in PEOPLE:
        guarded_brain.brain.script = [PermanentBrainError("no")]
        with pytest.raises(PermanentBrainError):
            await guarded_brain.turn(did)
    assert len(guarded_brain.brain.prompts) == len(PEOPLE)


async def test_what_failed_tries_cost_is_counted(guarded_brain):
    guarded_brain.brain.costs = Usage("m", 10, 2, 7)
    await guarded_brain.fail(turns=1)
    assert guarded_brain.tools.spent == Usage("m", 10 * TRIES, 2 * TRIES, 7 * TRIES)


async def test_what_a_turn_had_cost_when_it_was_cut_off_is_counted(guarded_brain):
    guarded_brain.brain.costs = Usage("m", 10, 2, 7)
    guarded_brain.guarded = Guarded(
        guarded_brain.brain, timeout=timedelta(seconds=0.05), clock=guarded_brain.clock
    )
    guarded_brain.brain.script = [lambda: asyncio.sleep(30)]
    with pytest.raises(TransientBrainError, match="too long"):
        await guarded_brain.turn()
    assert guarded_brain.tools.spent == Usage("m", 10, 2, 7)


async def test_after_five_failures_nobody_asks_for_a_minute(guarded_brain):
    await guarded_brain.fail()
    asked = len(guarded_brain.brain.prompts)
    assert (await seconds_to_wait(guarded_brain), len(guarded_brain.brain.prompts)) == (60, asked)


async def test_four_failures_and_a_success_do_not_open_the_breaker(guarded_brain):
    for _ in range(3):
        await guarded_brain.fail(turns=FAILURES - 1)
        guarded_brain.recover()
        await guarded_brain.turn()


async def test_a_probe_that_succeeds_closes_the_breaker(guarded_brain):
    await guarded_brain.fail()
    guarded_brain.recover()
    guarded_brain.clock.forward(seconds=60)
    await guarded_brain.turn()
    await guarded_brain.turn()
    assert (len(guarded_brain.brain.prompts), await guarded_brain.guarded.health()) == (2, None)


async def test_each_probe_that_fails_doubles_the_wait_up_to_a_quarter_of_an_hour(guarded_brain):
    await guarded_brain.fail()
    waits = []
    for _ in range(6):
        waits.append(await seconds_to_wait(guarded_brain))
        guarded_brain.clock.forward(seconds=waits[-1])
        await guarded_brain.fail(turns=1)
    assert waits == [60, 120, 240, 480, 900, 900]


async def test_a_second_outage_begins_with_a_minute_again(guarded_brain):
    await guarded_brain.fail()
    guarded_brain.clock.forward(seconds=60)
    await guarded_brain.fail(turns=1)
    guarded_brain.clock.forward(seconds=120)
    guarded_brain.recover()
    await guarded_brain.turn()
    await guarded_brain.fail()
    assert await seconds_to_wait(guarded_brain) == 60


async def test_one_turn_probes_and_the_others_wait(guarded_brain):
    await guarded_brain.fail()
    guarded_brain.clock.forward(seconds=60)
    waits = []

    async def ask_meanwhile():
        waits.append(await seconds_to_wait(guarded_brain))

    guarded_brain.brain.script = [ask_meanwhile]
    await guarded_brain.turn()
    assert waits == [5]


async def test_a_probe_that_is_cancelled_leaves_room_for_another(guarded_brain):
    await guarded_brain.fail()
    guarded_brain.clock.forward(seconds=60)
    guarded_brain.brain.script = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await guarded_brain.turn()
    guarded_brain.recover()
    await guarded_brain.turn()
    assert len(guarded_brain.brain.prompts) == 1


async def test_one_person_alone_cannot_silence_the_bot(guarded_brain):
    for _ in range(4):
        await guarded_brain.fail(
            TransientBrainError("cut off", post_suspected=True), turns=FAILURES, people=[ANA] * FAILURES
        )
    guarded_brain.recover()
    await guarded_brain.turn(BEN)
    assert len(guarded_brain.brain.prompts) == 1


async def test_turns_that_fail_for_five_people_open_the_breaker(guarded_brain):
    assert not guarded_brain.guarded.is_left_alone
    await guarded_brain.fail(TransientBrainError("cut off", post_suspected=True))
    assert await seconds_to_wait(guarded_brain) == 60
    assert guarded_brain.guarded.is_left_alone


async def test_a_post_that_no_brain_can_answer_does_not_keep_the_breaker_open(guarded_brain):
    cut = TransientBrainError("cut off", post_suspected=True)
    await guarded_brain.fail(cut, turns=1, people=[ANA])
    await guarded_brain.fail()
    guarded_brain.clock.forward(seconds=60)
    await guarded_brain.fail(cut, turns=1, people=[ANA])
    guarded_brain.recover()
    await guarded_brain.turn(BEN)
    assert len(guarded_brain.brain.prompts) == 1


async def test_a_server_that_says_when_to_come_back_is_not_asked_before(guarded_brain):
    await guarded_brain.fail(TransientBrainError("HTTP 429", retry_after=30), turns=1)
    guarded_brain.recover()
    guarded_brain.clock.forward(seconds=29)
    before = await seconds_to_wait(guarded_brain), len(guarded_brain.brain.prompts)
    guarded_brain.clock.forward(seconds=1)
    assert (before, await seconds_to_wait(guarded_brain), len(guarded_brain.brain.prompts)) == ((1, 0), 0, 1)


async def test_the_operator_is_told_once_that_the_breaker_opened_and_once_that_it_closed(guarded_brain):
    with capture_logs() as logs:
        await guarded_brain.fail(turns=FAILURES + 3)
        guarded_brain.clock.forward(seconds=60)
        guarded_brain.recover()
        await guarded_brain.turn()
    told = [entry for entry in logs if entry["event"].startswith("brain.")]
    assert told == [
        {
            "event": "brain.breaker_opened",
            "log_level": "error",
            "brain": "scripted",
            "seconds": 60,
            "why": str(FAILURE),
        },
        {"event": "brain.breaker_closed", "log_level": "info", "brain": "scripted"},
    ]


async def test_health_tells_that_the_breaker_is_open(guarded_brain):
    await guarded_brain.fail()
    assert await guarded_brain.guarded.health() == "it failed too often, and is asked again at 12:01:00 UTC"


async def test_a_brain_that_takes_too_long_is_cut_off_and_not_tried_again(guarded_brain):
    guarded_brain.guarded = Guarded(
        guarded_brain.brain, timeout=timedelta(seconds=0.05), clock=guarded_brain.clock
    )
    guarded_brain.brain.script = [lambda: asyncio.sleep(30)]
    with pytest.raises(TransientBrainError, match="too long"):
        await guarded_brain.turn()
    assert len(guarded_brain.brain.prompts) == 1


async def test_after_an_outage_a_health_check_closes_the_breaker_and_the_turn_goes_on(guarded_brain):
    await guarded_brain.fail()
    guarded_brain.recover()
    with pytest.raises(BreakerOpen) as refused:
        await guarded_brain.turn()
    guarded_brain.clock.forward(seconds=refused.value.retry_after)
    await guarded_brain.turn()
    assert (refused.value.retry_after, len(guarded_brain.brain.prompts)) == (15, 1)


async def test_while_the_outage_lasts_the_health_is_checked_every_15_seconds_and_no_turn_is_asked(
    guarded_brain,
):
    await guarded_brain.fail()
    asked, waits = len(guarded_brain.brain.prompts), []
    for _ in range(3):
        with pytest.raises(BreakerOpen) as refused:
            await guarded_brain.turn()
        waits.append(refused.value.retry_after)
        guarded_brain.clock.forward(seconds=refused.value.retry_after)
    assert (waits, len(guarded_brain.brain.prompts)) == ([15] * 3, asked)


async def test_health_alone_does_not_close_a_breaker_that_answers_opened(guarded_brain):
    await guarded_brain.fail(TransientBrainError("cut off", post_suspected=True))
    guarded_brain.clock.forward(seconds=30)
    asked = len(guarded_brain.brain.prompts)
    assert (await seconds_to_wait(guarded_brain), len(guarded_brain.brain.prompts)) == (30, asked)


async def test_failures_of_one_persons_posts_do_not_open_the_breaker_while_the_brain_is_healthy(
    guarded_brain,
):
    guarded_brain.brain.script = [FAILURE]
    for _ in range(4 * FAILURES):
        with pytest.raises(TransientBrainError):
            await guarded_brain.turn(ANA)
    guarded_brain.recover()
    await guarded_brain.turn(BEN)
    assert len(guarded_brain.brain.prompts) == 1


async def test_failures_of_one_persons_posts_open_the_breaker_if_the_brain_is_not_healthy(guarded_brain):
    await guarded_brain.fail(people=[ANA] * FAILURES)
    assert await seconds_to_wait(guarded_brain) == 60


@pytest.mark.parametrize(("illness", "suspected"), [(None, True), ("it is away", False)])
async def test_a_post_is_suspected_of_a_timeout_only_while_the_brain_is_healthy(
    guarded_brain, illness, suspected
):
    guarded_brain.guarded = Guarded(
        guarded_brain.brain, timeout=timedelta(seconds=0.05), clock=guarded_brain.clock
    )
    guarded_brain.brain.script, guarded_brain.brain.illness = [lambda: asyncio.sleep(30)], illness
    with pytest.raises(BrainTimeout) as late:
        await guarded_brain.turn()
    assert late.value.post_suspected is suspected


@pytest.mark.parametrize(("illness", "suspected"), [(None, True), ("it only thinks", False)])
async def test_a_post_is_suspected_of_an_answer_that_cannot_be_posted_only_while_the_brain_is_healthy(
    guarded_brain, illness, suspected
):
    failure = TransientBrainError("nothing that can be posted", post_suspected=True)
    guarded_brain.brain.script, guarded_brain.brain.illness = [failure], illness
    with pytest.raises(TransientBrainError) as failed:
        await guarded_brain.turn()
    assert failed.value.post_suspected is suspected


@pytest.mark.slow
async def test_slow_posts_of_one_person_keep_nobody_else_waiting(guarded_brain):
    guarded_brain.guarded = Guarded(
        guarded_brain.brain, timeout=timedelta(seconds=0.05), clock=guarded_brain.clock
    )
    guarded_brain.brain.script = [lambda: asyncio.sleep(30)]
    for _ in range(2 * FAILURES):
        with pytest.raises(BrainTimeout):
            await guarded_brain.turn(ANA)
    guarded_brain.recover()
    await guarded_brain.turn(BEN)
    assert len(guarded_brain.brain.prompts) == 1
