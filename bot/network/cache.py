"""A small cache: values by key, for some minutes."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")

TTL_SECONDS = 600.0
MAX_CACHED = 10_000


class TtlCache(Generic[Value]):
    """Values by key, none older than so many seconds, at most MAX_CACHED of them."""

    def __init__(self, seconds: float = TTL_SECONDS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._values: OrderedDict[str, tuple[float, Value]] = OrderedDict()

    def get(self, key: str) -> Value | None:
        at, value = self._values.get(key, (None, None))
        return value if at is not None and self._monotonic() - at < self._seconds else None

    def put(self, key: str, value: Value) -> None:
        self._values.pop(key, None)
        self._values[key] = (self._monotonic(), value)
        if len(self._values) > MAX_CACHED:
            self._values.popitem(last=False)
