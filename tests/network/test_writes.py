from __future__ import annotations

import asyncio

import pytest

from bot.counts import WRITES
from bot.errors import AccountTrouble, KeyTaken, PermanentNetworkError, ProtocolFact, TransientNetworkError
from bot.network.writes import OPERATIONS, RESULTS, counted


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (None, "ok"),
        (KeyTaken(), "taken"),
        (AccountTrouble("x", "y"), "not let in"),
        (TransientNetworkError("503"), "trouble"),
        (PermanentNetworkError("400"), "refused"),
        (ProtocolFact("RecordNotFound"), "refused"),
        (asyncio.CancelledError(), "broken off"),
        (KeyError("a bug"), "broken off"),
    ],
)
def test_each_write_is_counted_by_its_result(error, result):
    before = dict(WRITES.items())

    def write():
        with counted("put"):
            if error is not None:
                raise error

    if error is None:
        write()
    else:
        with pytest.raises(type(error)):
            write()
    assert {key: count - before.get(key, 0) for key, count in WRITES.items() if count != before.get(key)} == {
        ("put", result): 1
    }
    assert "put" in OPERATIONS
    assert result in RESULTS
