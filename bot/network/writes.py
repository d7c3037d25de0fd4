"""Counts what became of writes to the PDS."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.counts import WRITES
from bot.errors import AccountTrouble, KeyTaken, PermanentNetworkError, TransientNetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator

OK, BROKEN_OFF = "ok", "broken off"
ERRORS = (
    (KeyTaken, "taken"),
    (AccountTrouble, "not let in"),
    (TransientNetworkError, "trouble"),
    (PermanentNetworkError, "refused"),
)
OPERATIONS = PUT, DELETE = "put", "delete"
RESULTS = (OK, *(name for _, name in ERRORS), BROKEN_OFF)


@contextmanager
def counted(operation: str) -> Iterator[None]:
    """Around one write: count its result."""
    try:
        yield
    except BaseException as error:
        WRITES.add(operation, next((name for kind, name in ERRORS if isinstance(error, kind)), BROKEN_OFF))
        raise
    WRITES.add(operation, OK)
