"""When a stream was in contact with its server, and how far behind it was."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.domain.hearing import Hearing

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator


class Contact:
    """What a stream tells while it runs. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.connected = False
        self.lag = 0.0  # seconds since the server's time of the last decoded message
        self._monotonic = monotonic
        self._handed_on_at: float | None = None  # None: no event is being handled
        self._seen_at: float | None = None
        self._message_at: float | None = None

    def opened(self) -> None:
        self.connected = True

    def lost(self) -> None:
        """The connection ended, or could not be made."""
        if self.connected:
            self._seen_at = self._monotonic()
        self.connected = False

    def received(self, lag: float) -> None:
        self.lag = lag
        self._seen_at = self._message_at = self._monotonic()

    @contextmanager
    def handling(self) -> Iterator[None]:
        """Around the time in which whoever listens handles an event."""
        self._handed_on_at = self._monotonic()
        yield
        self._handed_on_at = None

    def hearing(self, counts: Counter[str]) -> Hearing:
        return Hearing(
            connected=self.connected,
            contact=0.0 if self.connected else self._since(self._seen_at),
            silence=self._since(self._message_at),
            lag=self.lag,
            handling=self._since(self._handed_on_at) or 0.0,
            messages=counts["frames"],
            reconnects=counts["reconnects"],
        )

    def _since(self, moment: float | None) -> float | None:
        return None if moment is None else self._monotonic() - moment
