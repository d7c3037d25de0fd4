"""Reading from hosts that strangers name."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from support.loopback import Answer, Loopback

from bot.errors import PermanentNetworkError
from bot.network.http import HttpReader

LIMIT = 100_000


async def test_a_small_answer_that_unpacks_to_much_is_refused_before_it_fills_memory():
    packed = gzip.compress(bytes(100_000_000))
    with Loopback(lambda _: Answer(packed, headers={"content-encoding": "gzip"})) as host:
        async with HttpReader(30) as reader:
            tracemalloc.start()
            with pytest.raises(PermanentNetworkError, match=f"more than {LIMIT} bytes"):
                await reader.get_bytes(host.url, limit=LIMIT)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()

    assert len(packed) < LIMIT
    assert most < 20_000_000
