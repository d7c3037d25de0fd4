"""The clock. It is passed to everything that needs the time, so that a test can set it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Clock: TypeAlias = "Callable[[], datetime]"

STEP = timedelta(seconds=5)  # by less than this a clock is corrected, and the loop held up


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def steady() -> Clock:
    """A clock that shows the time of now, and goes on from there whatever the computer's is set to."""
    begin = now() - timedelta(seconds=monotonic())
    return lambda: begin + timedelta(seconds=monotonic())


class Watch:
    """Tells when a clock was set back. `monotonic` gives seconds that nobody sets."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._ahead = self._difference()

    def went_back(self) -> timedelta | None:
        """By how much it was set back since the last call; None if it was not."""
        before, self._ahead = self._ahead, self._difference()
        back = before - self._ahead
        return back if back > STEP else None

    def _difference(self) -> datetime:
        return self._clock() - timedelta(seconds=self._monotonic())
