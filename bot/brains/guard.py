"""Time limit, retries and a circuit breaker for any brain.

Within a turn a failed try is repeated only if the brain has called no tool, so that nothing is done twice.
While the breaker is open mentions wait. A health check tells an outage from a post that no brain can answer:
a post is suspected of a failure only if the brain is healthy right after it.

Retries are stamina's, with jitter and a limit. The breaker is ours: existing libraries know neither a
server's retry-after nor a failure that one person's post has caused.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import stamina

from bot.brains.breaker import Breaker
from bot.errors import BrainError, BrainTimeout, TransientBrainError

if TYPE_CHECKING:
    from datetime import timedelta

    from bot.clock import Clock
    from bot.domain.prompt import Prompt, ToolResult, ToolSpec, Usage
    from bot.ports import Brain, Toolbox

TRIES = 3
FIRST_WAIT, LONGEST_WAIT = 0.5, 4.0  # seconds between tries of one turn; a mention waits longer
HEALTH_TIMEOUT = 30.0  # seconds


class Guarded:
    """`brain` with at most `timeout` for each try. A try that took half of that is not repeated."""

    def __init__(self, brain: Brain, *, timeout: timedelta, clock: Clock) -> None:
        self.name = brain.name
        self._brain = brain
        self._timeout = timeout
        self._breaker = Breaker(brain.name, clock)

    @property
    def is_left_alone(self) -> bool:
        """Whether the breaker is open."""
        return self._breaker.open_until is not None

    async def start(self) -> None:
        await self._brain.start()

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        await self._check_recovery()
        try:
            with self._breaker.turn(prompt.mention.did):
                await self._think(prompt, tools)
        except TransientBrainError as error:
            if self._breaker.is_in_doubt:
                self._breaker.settle_doubt(error, healthy=await self._is_healthy())
            raise

    async def _think(self, prompt: Prompt, tools: Toolbox) -> None:
        """One turn with its retries. Whether the post is suspected of a failure is settled here."""
        try:
            await self._retry(prompt, WatchedTools(tools))
        except TransientBrainError as error:
            error.post_suspected = error.post_suspected and await self._is_healthy()
            raise

    async def _retry(self, prompt: Prompt, tools: WatchedTools) -> None:
        retry_until = _time() + self._timeout.total_seconds() / 2

        def should_retry(error: Exception) -> bool:
            retryable = isinstance(error, TransientBrainError) and (error.retry_after or 0) <= LONGEST_WAIT
            return retryable and not tools.called and _time() < retry_until

        async for attempt in stamina.retry_context(
            on=should_retry,
            attempts=TRIES,
            timeout=None,
            wait_initial=FIRST_WAIT,
            wait_max=LONGEST_WAIT,
        ):
            with attempt:
                if attempt.num > 1:
                    await tools.reserve(again=True)
                await self._try(prompt, tools)

    async def _try(self, prompt: Prompt, tools: Toolbox) -> None:
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                await self._brain.think(prompt, tools)
        except (TimeoutError, BrainTimeout) as error:
            raise BrainTimeout("it took too long", post_suspected=True) from error

    async def _check_recovery(self) -> None:
        if self._breaker.may_check:
            with self._breaker.checking():
                healthy = await self._is_healthy()
            if healthy:
                self._breaker.close()

    async def _is_healthy(self) -> bool:
        try:
            async with asyncio.timeout(min(HEALTH_TIMEOUT, self._timeout.total_seconds())):
                return await self._brain.health() is None
        except (TimeoutError, BrainError):
            return False

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

    async def reserve(self, *, again: bool = False) -> None:
        await self._tools.reserve(again=again)

    def add_usage(self, usage: Usage) -> None:
        self._tools.add_usage(usage)
