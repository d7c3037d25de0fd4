"""A sick brain: tried a little, then left alone, and never at one person's bidding."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs
from support.factory import ANA, BEN, Clock
from support.harness import ScriptedBrain

from bot.brains.guard import FAILURES, TRIES, Guarded
from bot.domain.prompt import ToolResult, Usage
from bot.errors import BreakerOpen, PermanentBrainError, TransientBrainError

TROUBLE = TransientBrainError("HTTP 503")
PEOPLE = [f"did:plc:person{number}" for number in range(20)]


class Tools:
    specs = ()

    def __init__(self):
        self.spent = Usage()

    def add_usage(self, usage):
        self.spent += usage

    async def call(self, name, arguments):
        return ToolResult("done")


class Ward:
    """A guarded brain whose condition is set by hand."""

    def __init__(self):
        self.clock = Clock()
        self.tools = Tools()
        self.brain = ScriptedBrain()
        self.guarded = Guarded(self.brain, timeout=timedelta(seconds=5), clock=self.clock)

    async def turn(self, did=ANA):
        self.tools = Tools()
        await self.guarded.think(SimpleNamespace(mention=SimpleNamespace(did=did)), self.tools)

    async def ill(self, error=TROUBLE, turns=FAILURES, people=PEOPLE):
        self.brain.script = [error]
        for did in people[:turns]:
            with pytest.raises(TransientBrainError):
                await self.turn(did)

    def heal(self):
        self.brain.script = [("reply", {"text": "hello"})]
        self.brain.prompts.clear()


@pytest.fixture
def ward():
    return Ward()


async def rest(ward):
    """Seconds that the next turn is told to wait; 0 if the brain is asked."""
    try:
        await ward.turn(BEN)
    except BreakerOpen as resting:
        return resting.retry_after
    except TransientBrainError:
        pass
    return 0


async def test_a_turn_is_tried_three_times_and_no_more(ward):
    await ward.ill(turns=1)
    assert len(ward.brain.prompts) == TRIES


async def test_a_turn_in_which_a_tool_was_called_is_tried_once(ward):
    ward.brain.script = [("recall", {"query": "tea"}), TROUBLE]
    with pytest.raises(TransientBrainError):
        await ward.turn()
    assert len(ward.brain.prompts) == 1


async def test_a_refusal_is_final_and_no_illness(ward):
    for did in PEOPLE:
        ward.brain.script = [PermanentBrainError("no")]
        with pytest.raises(PermanentBrainError):
            await ward.turn(did)
    assert len(ward.brain.prompts) == len(PEOPLE)


async def test_what_failed_tries_cost_is_counted(ward):
    ward.brain.costs = Usage("m", 10, 2, 7)
    await ward.ill(turns=1)
    assert ward.tools.spent == Usage("m", 10 * TRIES, 2 * TRIES, 7 * TRIES)


async def test_what_a_turn_had_cost_when_it_was_cut_off_is_counted(ward):
    ward.brain.costs = Usage("m", 10, 2, 7)
    ward.guarded = Guarded(ward.brain, timeout=timedelta(seconds=0.05), clock=ward.clock)
    ward.brain.script = [lambda: asyncio.sleep(30)]
    with pytest.raises(TransientBrainError, match="too long"):
        await ward.turn()
    assert ward.tools.spent == Usage("m", 10, 2, 7)


async def test_after_five_failures_nobody_asks_for_a_minute(ward):
    await ward.ill()
    ward.heal()
    assert (await rest(ward), ward.brain.prompts) == (60, [])


async def test_four_failures_and_a_success_are_no_illness(ward):
    for _ in range(3):
        await ward.ill(turns=FAILURES - 1)
        ward.heal()
        await ward.turn()


async def test_a_probe_that_succeeds_closes_the_breaker(ward):
    await ward.ill()
    ward.heal()
    ward.clock.forward(seconds=60)
    await ward.turn()
    await ward.turn()
    assert (len(ward.brain.prompts), await ward.guarded.health()) == (2, None)


async def test_each_probe_that_fails_doubles_the_rest_up_to_a_quarter_of_an_hour(ward):
    await ward.ill()
    rests = []
    for _ in range(6):
        rests.append(await rest(ward))
        ward.clock.forward(seconds=rests[-1])
        await ward.ill(turns=1)
    assert rests == [60, 120, 240, 480, 900, 900]


async def test_a_second_illness_begins_with_a_minute_again(ward):
    await ward.ill()
    ward.clock.forward(seconds=60)
    await ward.ill(turns=1)
    ward.clock.forward(seconds=120)
    ward.heal()
    await ward.turn()
    await ward.ill()
    assert await rest(ward) == 60


async def test_one_turn_probes_and_the_others_wait(ward):
    await ward.ill()
    ward.clock.forward(seconds=60)
    waits = []

    async def ask_meanwhile():
        waits.append(await rest(ward))

    ward.brain.script = [ask_meanwhile]
    await ward.turn()
    assert waits == [5]


async def test_a_probe_that_is_cancelled_leaves_room_for_another(ward):
    await ward.ill()
    ward.clock.forward(seconds=60)
    ward.brain.script = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await ward.turn()
    ward.heal()
    await ward.turn()
    assert len(ward.brain.prompts) == 1


async def test_one_person_alone_cannot_silence_the_bot(ward):
    for _ in range(4):
        await ward.ill(
            TransientBrainError("cut off", post_suspected=True), turns=FAILURES, people=[ANA] * FAILURES
        )
    ward.heal()
    await ward.turn(BEN)
    assert len(ward.brain.prompts) == 1


async def test_turns_that_fail_for_five_people_are_an_illness(ward):
    await ward.ill(TransientBrainError("cut off", post_suspected=True))
    assert await rest(ward) == 60


async def test_a_post_that_no_brain_can_answer_does_not_keep_the_breaker_open(ward):
    cut = TransientBrainError("cut off", post_suspected=True)
    await ward.ill(cut, turns=1, people=[ANA])
    await ward.ill()
    ward.clock.forward(seconds=60)
    await ward.ill(cut, turns=1, people=[ANA])
    ward.heal()
    await ward.turn(BEN)
    assert len(ward.brain.prompts) == 1


async def test_a_server_that_says_when_to_come_back_is_not_asked_before(ward):
    await ward.ill(TransientBrainError("HTTP 429", retry_after=30), turns=1)
    ward.heal()
    ward.clock.forward(seconds=29)
    before = await rest(ward), len(ward.brain.prompts)
    ward.clock.forward(seconds=1)
    assert (before, await rest(ward), len(ward.brain.prompts)) == ((1, 0), 0, 1)


async def test_the_operator_is_told_once_that_the_breaker_opened_and_once_that_it_closed(ward):
    with capture_logs() as logs:
        await ward.ill(turns=FAILURES + 3)
        ward.clock.forward(seconds=60)
        ward.heal()
        await ward.turn()
    told = [entry for entry in logs if entry["event"].startswith("brain.")]
    assert told == [
        {
            "event": "brain.breaker_opened",
            "log_level": "error",
            "brain": "scripted",
            "seconds": 60,
            "why": str(TROUBLE),
        },
        {"event": "brain.breaker_closed", "log_level": "info", "brain": "scripted"},
    ]


async def test_health_tells_that_the_brain_rests(ward):
    await ward.ill()
    assert await ward.guarded.health() == "it failed too often, and is asked again at 12:01:00 UTC"


async def test_a_brain_that_takes_too_long_is_cut_off_and_not_tried_again(ward):
    ward.guarded = Guarded(ward.brain, timeout=timedelta(seconds=0.05), clock=ward.clock)
    ward.brain.script = [lambda: asyncio.sleep(30)]
    with pytest.raises(TransientBrainError, match="too long"):
        await ward.turn()
    assert len(ward.brain.prompts) == 1
