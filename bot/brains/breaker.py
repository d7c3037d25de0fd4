"""The circuit breaker of a brain: when nobody asks it, and when it is asked again."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from bot.errors import BreakerOpen, TransientBrainError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.clock import Clock

log = structlog.get_logger()

FAILURES = 5
FIRST_OPEN, LONGEST_OPEN = timedelta(seconds=60), timedelta(minutes=15)
CHECK_EVERY = timedelta(seconds=15)  # of the brain's health, while the breaker is open
PROBE_WAIT = timedelta(seconds=5)  # how long the others wait while one turn probes


class Breaker:
    """Opens when turns of five people have failed and none has succeeded since; one person counts once.

    It is open for a minute. Then one turn probes, and each probe that fails doubles the time. If the failures
    were the brain's own, a health check that succeeds closes it before (`may_check`). If the server said when
    to come back, it is not asked before.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._failed_people: set[str] = set()
        self._failures_in_a_row = 0
        self._open_for = FIRST_OPEN
        self._until: datetime | None = None
        self._next_check: datetime | None = None
        self._busy = False

    @property
    def open_until(self) -> datetime | None:
        """When a turn probes; None if the brain may be asked now."""
        return self._until if self._until and self._until > self._clock() else None

    @property
    def is_in_doubt(self) -> bool:
        """Whether too many turns failed in a row, of too few people to open it without a health check."""
        return self._until is None and self._failures_in_a_row >= FAILURES

    @property
    def may_check(self) -> bool:
        """Whether the health of the brain is to be checked now."""
        due = self._next_check is not None and self._next_check <= self._clock()
        return due and self.open_until is not None and not self._busy

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Around one health check while it is open."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            self._next_check = self._clock() + CHECK_EVERY

    @contextmanager
    def turn(self, did: str) -> Iterator[None]:
        """Around one turn for this person. Raises BreakerOpen instead of letting it begin."""
        probe = self._admit()
        try:
            yield
        except TransientBrainError as error:
            self._failed(error, did, probe=probe)
            raise
        else:
            self.close()
        finally:
            if probe:
                self._busy = False

    def settle_doubt(self, error: TransientBrainError, *, healthy: bool) -> None:
        """Open it after a health check that failed; after one that succeeded, begin to count anew."""
        self._failures_in_a_row = 0
        if not healthy:
            self._open(FIRST_OPEN, error)

    def close(self) -> None:
        """Let every turn ask the brain again."""
        self._failed_people.clear()
        self._failures_in_a_row = 0
        if self._until is not None:
            log.info("brain.breaker_closed", brain=self._name)
            self._until = self._next_check = None

    def _admit(self) -> bool:
        """Whether the turn that begins is the probe."""
        if self._until is None:
            return False
        now = self._clock()
        left = max(self._until - now, PROBE_WAIT if self._busy else timedelta())
        if left:
            check = max(self._next_check - now, timedelta(seconds=1)) if self._next_check else left
            wait = PROBE_WAIT if self._busy else min(left, check)
            raise BreakerOpen(
                f"asked again in {wait.total_seconds():.0f} s", retry_after=wait.total_seconds()
            )
        self._busy = True
        return True

    def _failed(self, error: TransientBrainError, did: str, *, probe: bool) -> None:
        repeated = error.post_suspected and did in self._failed_people
        self._failed_people.add(did)
        self._failures_in_a_row += not error.post_suspected
        if probe and repeated:
            return  # known already: the turn of somebody else is the next probe
        if probe:
            self._open(min(self._open_for * 2, LONGEST_OPEN), error)
        elif self._until is not None:
            pass  # it began before the breaker opened
        elif len(self._failed_people) >= FAILURES:
            self._open(FIRST_OPEN, error)
        elif error.retry_after:
            self._open(timedelta(0), error)

    def _open(self, least: timedelta, error: TransientBrainError) -> None:
        asked_to_wait = timedelta(seconds=error.retry_after or 0)
        self._open_for = max(least, FIRST_OPEN)
        span = max(least, asked_to_wait)
        now = self._clock()
        self._until = now + span
        self._next_check = None if error.post_suspected else now + max(CHECK_EVERY, asked_to_wait)
        log.error(
            "brain.breaker_opened", brain=self._name, seconds=round(span.total_seconds()), why=str(error)
        )
