"""Time limit, retries and a circuit breaker for any brain.

Within a turn a failed try is repeated only if the brain has called no tool, so that nothing is done twice.
After too many failures in a row the breaker opens: no turn asks the brain for a while, mentions wait, then
one turn probes. Retries are stamina's, with jitter and a limit. The breaker is ours: existing libraries know
neither a server's retry-after nor a failure that one person's post has caused.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import stamina
import structlog

from bot.errors import BreakerOpen, TransientBrainError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.clock import Clock
    from bot.domain.prompt import Prompt, ToolResult, ToolSpec, Usage
    from bot.ports import Brain, Toolbox

log = structlog.get_logger()

TRIES = 3
FIRST_WAIT, LONGEST_WAIT = (
    0.5,
    4.0,
)  # seconds between tries of one turn; longer ones are the mention's to wait
FAILURES = 5
FIRST_OPEN, LONGEST_OPEN = timedelta(seconds=60), timedelta(minutes=15)
PROBE_WAIT = timedelta(seconds=5)  # how long the others wait while one turn probes


class Breaker:
    """Opens for a minute after five failures in a row. Each failed probe doubles the time.

    A failure that the post itself may have caused (`post_suspected`) counts once for each person, until a
    turn succeeds. So one person cannot open the breaker. If the server said when to come back, it is not
    asked before.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._failures: Counter[str] = Counter()
        self._open_for = FIRST_OPEN
        self._until: datetime | None = None
        self._probing = False

    @property
    def open_until(self) -> datetime | None:
        """When the brain is asked again; None if it may be asked now."""
        return self._until if self._until and self._until > self._clock() else None

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
            self._succeeded()
        finally:
            if probe:
                self._probing = False

    def _admit(self) -> bool:
        """Whether the turn that begins is the probe."""
        if self._until is None:
            return False
        left = max(self._until - self._clock(), PROBE_WAIT if self._probing else timedelta())
        if left:
            raise BreakerOpen(
                f"asked again in {left.total_seconds():.0f} s", retry_after=left.total_seconds()
            )
        self._probing = True
        return True

    def _failed(self, error: TransientBrainError, did: str, *, probe: bool) -> None:
        repeated = error.post_suspected and did in self._failures
        self._failures[did if error.post_suspected else ""] += 1
        failures = self._failures[""] + sum(1 for person in self._failures if person)
        if probe and repeated:
            return  # known already: the turn of somebody else is the next probe
        if probe:
            self._open(min(self._open_for * 2, LONGEST_OPEN), error)
        elif self._until is not None:
            pass  # it began before the breaker opened
        elif failures >= FAILURES:
            self._open(FIRST_OPEN, error)
        elif error.retry_after:
            self._open(timedelta(0), error)

    def _open(self, least: timedelta, error: TransientBrainError) -> None:
        self._open_for = max(least, FIRST_OPEN)
        span = max(least, timedelta(seconds=error.retry_after or 0))
        self._until = self._clock() + span
        log.error(
            "brain.breaker_opened", brain=self._name, seconds=round(span.total_seconds()), why=str(error)
        )

    def _succeeded(self) -> None:
        self._failures.clear()
        if self._until is not None:
            log.info("brain.breaker_closed", brain=self._name)
            self._until = None


class Guarded:
    """`brain` with at most `timeout` for each try. A try that took half of that is not repeated."""

    def __init__(self, brain: Brain, *, timeout: timedelta, clock: Clock) -> None:
        self.name = brain.name
        self._brain = brain
        self._timeout = timeout
        self._breaker = Breaker(brain.name, clock)

    async def start(self) -> None:
        await self._brain.start()

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        watched = WatchedTools(tools)
        retry_until = _time() + self._timeout.total_seconds() / 2

        def should_retry(error: Exception) -> bool:
            retryable = isinstance(error, TransientBrainError) and (error.retry_after or 0) <= LONGEST_WAIT
            return retryable and not watched.called and _time() < retry_until

        with self._breaker.turn(prompt.mention.did):
            async for attempt in stamina.retry_context(
                on=should_retry,
                attempts=TRIES,
                timeout=None,
                wait_initial=FIRST_WAIT,
                wait_max=LONGEST_WAIT,
            ):
                with attempt:
                    await self._try(prompt, watched)

    async def _try(self, prompt: Prompt, tools: Toolbox) -> None:
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                await self._brain.think(prompt, tools)
        except TimeoutError as error:
            raise TransientBrainError("it took too long") from error

    async def forget(self) -> None:
        await self._brain.forget()

    async def health(self) -> str | None:
        if until := self._breaker.open_until:
            return f"it failed too often, and is asked again at {until:%H:%M:%S} UTC"
        return await self._brain.health()

    async def close(self) -> None:
        await self._brain.close()


def _time() -> float:
    return asyncio.get_running_loop().time()


class WatchedTools:
    """The turn's tools, and whether one was called."""

    def __init__(self, tools: Toolbox) -> None:
        self.specs: tuple[ToolSpec, ...] = tools.specs
        self.called = False
        self._tools = tools

    async def call(self, name: str, arguments: object) -> ToolResult:
        self.called = True
        return await self._tools.call(name, arguments)

    def add_usage(self, usage: Usage) -> None:
        self._tools.add_usage(usage)
