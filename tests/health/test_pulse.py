from __future__ import annotations

import pytest

from bot.health.pulse import Pulse


class Watch:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def pulse(watch):
    return Pulse(10, watch)


async def test_a_step_that_begins_and_ends_has_moved(pulse, watch):
    async def step():
        watch.now = 9
        return True

    watched = pulse.watched("worker 0", step)
    assert await watched()
    watch.now = 19
    assert (pulse.stillness(), pulse.fault()) == (10, None)


async def test_a_step_that_neither_begins_nor_ends_for_too_long_hangs(pulse, watch):
    async def step():
        watch.now = 12
        return pulse.fault()

    assert await pulse.watched("worker 0", step)() == "no move for 12 s: worker 0"
    watch.now = 23
    assert pulse.fault() == "no move for 11 s: worker 0"


async def test_a_step_that_raises_has_ended(pulse, watch):
    async def step():
        watch.now = 30
        raise ValueError

    with pytest.raises(ValueError):
        await pulse.watched("jobs", step)()
    assert pulse.fault() is None


async def test_one_that_hangs_is_told_although_others_move(pulse, watch):
    async def step():
        return False

    pulse.watched("publisher", step)
    other = pulse.watched("worker 0", step)
    watch.now = 11
    await other()
    assert pulse.fault() == "no move for 11 s: publisher"


def test_without_steps_nothing_hangs(pulse, watch):
    watch.now = 99
    assert (pulse.stillness(), pulse.fault()) == (0, None)
