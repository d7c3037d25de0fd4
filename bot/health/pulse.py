"""When the steps of the workers, the publisher and the job runner moved last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Pulse:
    """A step moves when it begins and when it ends. One that has not moved for `deadline` seconds hangs.

    A step is asked for every few moments even if nothing is due, so one that waits for work moves, too.
    """

    def __init__(self, deadline: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._deadline = deadline
        self._monotonic = monotonic
        self._moved_at: dict[str, float] = {}

    def watched(self, name: str, step: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
        """The same step, which counts from now on."""
        self._move(name)

        async def run() -> bool:
            self._move(name)
            try:
                return await step()
            finally:
                self._move(name)

        return run

    def stillness(self) -> float:
        """Seconds since the step moved that has moved longest ago; 0 without steps."""
        return max((self._monotonic() - at for at in self._moved_at.values()), default=0.0)

    def fault(self) -> str | None:
        """Which steps hang; None if none does."""
        now = self._monotonic()
        hung = [name for name, at in self._moved_at.items() if now - at > self._deadline]
        return f"no move for {self.stillness():.0f} s: {', '.join(hung)}" if hung else None

    def _move(self, name: str) -> None:
        self._moved_at[name] = self._monotonic()
