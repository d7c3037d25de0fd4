"""Whatever is put and taken in whatever order: only progress is left out, where later progress follows."""

import asyncio
import itertools

from hypothesis import given
from hypothesis import strategies as st
from support.factory import NOW

from bot.domain.events import PostDeleted, Progress
from bot.streams.buffer import EventBuffer

SIZE = 6
puts = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([Progress, PostDeleted]))


def event(kind, number):
    return Progress(number, NOW) if kind is Progress else PostDeleted(number, f"at://{number}", "", NOW)


async def exchanged(steps):
    """What was put, what was taken, and how much was in there at most."""
    box, put, taken, most = EventBuffer(SIZE), [], [], 0
    for number, step in enumerate(steps):
        if step is not None:
            put.append((step[0], event(step[1], number)))
            box.put(*put[-1])
        elif len(box._events):
            taken.append(await box.take())
        most = max(most, len(box._events))
    while len(box._events):
        taken.append(await box.take())
    return put, taken, most


@given(st.lists(st.none() | puts, max_size=60))
def test_only_progress_that_is_followed_by_progress_of_the_same_host_is_left_out(steps):
    put, taken, most = asyncio.run(exchanged(steps))
    kept = iter(put)
    assert all(one in kept for one in taken)  # in their order
    for (host, one), (next_host, following) in itertools.pairwise([*put, (None, None)]):
        if (host, one) not in taken:
            assert (type(one), type(following), next_host) == (Progress, Progress, host)
    if most <= SIZE // 2:
        assert taken == put


@given(st.integers(1, 50))
def test_progress_alone_never_fills_it(count):
    put, taken, most = asyncio.run(exchanged([("a", Progress)] * count))
    assert taken[-1] == put[-1]
    assert most <= SIZE // 2 + 1
