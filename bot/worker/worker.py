"""A worker claims one mention at a time, takes it one step further, and writes what became of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bot.domain import pacing
from bot.domain.mention import OUTCOMES, State
from bot.errors import (
    AccountTrouble,
    BreakerOpen,
    FenceLost,
    LimitReached,
    PermanentBrainError,
    PermanentNetworkError,
    ScrubjayError,
    TransientBrainError,
    TransientNetworkError,
)
from bot.log import log_bug
from bot.storage import mentions, outcomes, queue, spending
from bot.worker.draft import begin, draft
from bot.worker.publish import publish
from bot.worker.step import Step
from memory import crash
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.domain import policy
    from bot.domain.mention import Claim
    from bot.scheduler import Scheduler
    from bot.services import Services
    from memory.db import Tx

log = structlog.get_logger()

MAX_POST_FAILURES = 5  # of turns and by bugs: the post itself may be the cause
RENEWALS_PER_LEASE = 3


class Worker:
    """Takes mentions through their steps. `chance` returns numbers from 0 to 1, to spread retries.

    `states`: claim only mentions in these, such as `mentions.PUBLISHING`. None: in any.
    """

    def __init__(
        self,
        name: str,
        services: Services,
        scheduler: Scheduler,
        chance: Callable[[], float],
        states: frozenset[State] | None = None,
    ) -> None:
        self._name = name
        self._services = services
        self._scheduler = scheduler
        self._chance = chance
        self._states = states
        self._busy = False  # there was a mention the last time, so there may be another

    async def work(self) -> bool:
        """Take one due mention one step further, two if the next is due at once. False if none is due."""
        services, now = self._services, self._services.clock()
        if not self._busy and not await services.read(lambda tx: mentions.is_due(tx, now, self._states)):
            return False
        begun = await asyncio.to_thread(
            mentions.begin,
            services.db,
            self._name,
            partial(begin, services),
            now=now,
            lease=services.options.lease,
            states=self._states,
        )
        self._busy = begun is not None
        if begun is None:
            return False
        crash.reach("claimed")
        claim, first = begun
        step = first if isinstance(first, Step) else await self._lead(claim, first)
        self._report(claim, step)
        if step is not None and step.claim is not None:
            self._report(step.claim, await self._lead(step.claim, None))
        return True

    async def _lead(self, claim: Claim, go: policy.Go | None) -> Step | None:
        """Take the step, and keep the claim meanwhile."""
        renewal = asyncio.create_task(self._renew(claim))
        try:
            return await self._attempt(claim, go)
        finally:
            renewal.cancel()

    async def _attempt(self, claim: Claim, go: policy.Go | None) -> Step | None:
        """Take the step. Each kind of error becomes a new state of the mention."""
        try:
            return await self._step(claim, go)
        except FenceLost:
            log.info("mention.lost", uri=claim.mention.uri)
            return None
        except (BreakerOpen, AccountTrouble, LimitReached) as error:
            return await self._wait(claim, error)
        except (TransientNetworkError, TransientBrainError, *DATABASE_ERRORS) as error:
            suspected = getattr(error, "post_suspected", False)
            return await self._retry(claim, _reason(error), _retry_after(error), suspected=suspected)
        except (PermanentNetworkError, PermanentBrainError) as error:
            return await self._fail(claim, str(error))
        except asyncio.CancelledError:
            await asyncio.shield(self._postpone(claim, None, None))
            raise
        except Exception as error:  # noqa: BLE001 - one mention must not end the worker
            log_bug("mention.bug", error, uri=claim.mention.uri, attempts=claim.attempts)
            machine = isinstance(error, OSError)  # whose disk is full: the post is not to blame
            why = f"{'machine' if machine else 'bug'}: {type(error).__name__}"
            return await self._retry(claim, why, suspected=not machine)

    async def _step(self, claim: Claim, go: policy.Go | None) -> Step | None:
        if claim.state is State.THINKING:
            return await draft(self._services, claim, go)
        return await publish(self._services, claim)

    async def _retry(
        self, claim: Claim, why: str, retry_after: float | None = None, *, suspected: bool = False
    ) -> Step | None:
        """Postpone the mention; end it when its own post may have failed too many times."""
        if suspected and claim.post_failures + 1 >= MAX_POST_FAILURES:
            return await self._fail(claim, f"{why} ({MAX_POST_FAILURES} times)")
        return await self._postpone(claim, why, retry_after, post_suspected=suspected)

    async def _postpone(
        self,
        claim: Claim,
        why: str | None,
        retry_after: float | None,
        *,
        failed: bool = True,
        post_suspected: bool = False,
    ) -> Step | None:
        now = self._services.clock()
        failed = failed and why is not None
        until = pacing.retry_at(now, claim.attempts, retry_after, self._chance()) if failed else now

        def give_back(tx: Tx) -> None:
            self._release(tx, claim)
            mentions.postpone(tx, claim, until, why, failed=failed, post_suspected=post_suspected)

        postponed = await self._settle(give_back)
        return Step(claim.state, why, until) if postponed else None

    async def _wait(self, claim: Claim, error: BreakerOpen | AccountTrouble | LimitReached) -> Step | None:
        """Give the mention back, which failed in nothing."""
        if isinstance(error, LimitReached):  # policy says until when
            return await self._postpone(claim, str(error), None, failed=False)
        return await self._pause(claim, str(error), error.retry_after or 0)

    async def _pause(self, claim: Claim, why: str, seconds: float) -> Step | None:
        """Postpone all waiting mentions, for this concerns them all. It does not count as an attempt."""
        until = self._services.clock() + timedelta(seconds=seconds)

        def give_back(tx: Tx) -> None:
            self._release(tx, claim, unasked=True)
            mentions.postpone(tx, claim, until, why, failed=False)
            queue.hold(tx, until)

        return Step(claim.state, why, until) if await self._settle(give_back) else None

    async def _fail(self, claim: Claim, why: str) -> Step | None:
        def end(tx: Tx) -> None:
            self._release(tx, claim)
            outcomes.finish(tx, claim, State.FAILED, why, self._services.clock())

        return Step(State.FAILED, why) if await self._settle(end) else None

    def _release(self, tx: Tx, claim: Claim, *, unasked: bool = False) -> None:
        """Nobody waits for the place that was reserved for a reply; `unasked`: nor for that of the call."""
        if claim.state is not State.THINKING:
            return
        who = spending.attempt(self._services.journal, claim.mention, claim.fence)
        (spending.release if unasked else spending.release_reply)(tx, who)

    async def _settle(self, write: Callable[[Tx], None]) -> bool:
        """Write what became of the mention. If that fails, its lease ends and another worker claims it."""
        try:
            await self._services.write(write)
        except (FenceLost, *DATABASE_ERRORS):
            return False
        return True

    async def _renew(self, claim: Claim) -> None:
        lease = self._services.options.lease
        while True:
            await asyncio.sleep(lease.total_seconds() / RENEWALS_PER_LEASE)
            until = self._services.clock() + lease
            with suppress(FenceLost, *DATABASE_ERRORS):
                await self._services.write(partial(mentions.renew, claim=claim, until=until))

    def _report(self, claim: Claim, step: Step | None) -> None:
        if step is None:
            return
        if step.due_at is not None:
            self._scheduler.wake_at(step.due_at)
        if step.state not in OUTCOMES:  # an outcome is logged when it is committed
            uri = claim.mention.uri
            log.debug("mention.step", uri=uri, state=step.state, why=step.why, due_at=step.due_at)


def _reason(error: Exception) -> str:
    """Of a database only the kind: its own words may be long, and are of no mention."""
    return str(error) if isinstance(error, ScrubjayError) else f"no storage: {type(error).__name__}"


def _retry_after(error: Exception) -> float | None:
    return getattr(error, "retry_after", None)
