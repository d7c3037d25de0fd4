"""Planned faults of the doubles in memory."""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class _Fault:
    error: Exception
    after: bool


class Faults:
    """`calls` lists (method, arguments); `fired` counts raised faults."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.fired: Counter[str] = Counter()
        self._faults: dict[str, deque[_Fault]] = {}

    def fail(self, method: str, error: Exception, *, times: int = 1, after: bool = False) -> None:
        """Let the next `times` calls raise. `after`: only after their work (stored, then timed out)."""
        self._faults.setdefault(method, deque()).extend([_Fault(error, after)] * times)

    @contextmanager
    def _fault(self, method: str, *arguments: str) -> Iterator[None]:
        self.calls.append((method, arguments))
        planned = self._faults.get(method)
        fault = planned.popleft() if planned else None
        if fault is not None:
            self.fired[method] += 1
            if not fault.after:
                raise fault.error
        yield
        if fault is not None:
            raise fault.error
