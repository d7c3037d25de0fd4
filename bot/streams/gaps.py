"""The gaps of a stream. A gap is noted when the stream is disturbed, and reported when that is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot.domain.events import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.clock import Clock

GAP_SECONDS = 60.0  # gaps with the same reason are reported as one in this time

log = structlog.get_logger()


class GapTracker:
    """Gaps that were not reported yet. `unrecoverable`: something in them cannot come again."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float]) -> None:
        self.unrecoverable = False
        self._clock = clock
        self._monotonic = monotonic
        self._noted: dict[str, Gap] = {}
        self._reported_at: dict[str, float] = {}

    def note(self, host: str, cursor: int | None, why: str, *, unrecoverable: bool) -> None:
        """The stream was disturbed after `cursor`, for the reason `why`."""
        self.unrecoverable |= unrecoverable
        if why not in self._noted:
            log.warning("stream.gap", host=host, why=why, cursor=cursor)
            self._noted[why] = Gap(cursor or 0, host, cursor, None, why, self._clock())

    def due(self, cursor: int | None, host: str | None = None, seq: int = 0) -> Iterator[Gap]:
        """The gaps to report now, with `cursor`. They end where `host` goes on, at `seq`, if known."""
        now = self._monotonic()
        for why, gap in tuple(self._noted.items()):
            if now - self._reported_at.get(why, float("-inf")) >= GAP_SECONDS:
                self._reported_at[why] = now
                del self._noted[why]
                until = max(seq, gap.since or 0) if host == gap.host else None
                yield replace(gap, cursor=cursor or 0, until=until, replayed=not self.unrecoverable)
        self.unrecoverable &= bool(self._noted)
