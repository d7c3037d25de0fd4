"""One mention at a time: claim it, take it a step further, and give it back whatever happens."""

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
    BrainRefused,
    BrainResting,
    BrainTrouble,
    FenceLost,
    NetworkRefused,
    NetworkTrouble,
)
from bot.log import log_stumble
from bot.storage import mentions, outcomes
from bot.worker.draft import think
from bot.worker.publish import say
from bot.worker.step import Step
from memory.db import TROUBLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.domain.mention import Claim
    from bot.scheduler import Cadence
    from bot.services import Bench
    from memory.db import Tx

log = structlog.get_logger()

TRIES = 5  # of a mention over which this program itself stumbles; troubles of others are waited out
RENEWALS = 3  # a lease is renewed this often before it would end


class Worker:
    """`chance` yields numbers from 0 to 1, to spread retries."""

    def __init__(self, name: str, bench: Bench, cadence: Cadence, chance: Callable[[], float]) -> None:
        self._name = name
        self._bench = bench
        self._cadence = cadence
        self._chance = chance

    async def work(self) -> bool:
        """Take one due mention one step further. False if nothing is due."""
        bench, now = self._bench, self._bench.clock()
        if not await bench.read(lambda tx: mentions.is_due(tx, now)):
            return False
        claim = await asyncio.to_thread(
            mentions.claim, bench.db, self._name, now=now, lease=bench.options.lease
        )
        if claim is None:
            return False
        renewal = asyncio.create_task(self._renew(claim))
        try:
            step = await self._attempt(claim)
        finally:
            renewal.cancel()
        self._tell(claim, step)
        return True

    async def _attempt(self, claim: Claim) -> Step | None:
        """Take the step, and turn every way it can fail into what becomes of the mention."""
        try:
            return await self._step(claim)
        except FenceLost:
            log.info("mention.lost", uri=claim.mention.uri)
            return None
        except BrainResting as error:
            return await self._rest(claim, str(error), error.retry_after or 0)
        except (NetworkTrouble, BrainTrouble) as error:
            return await self._again(claim, str(error), error.retry_after)
        except (NetworkRefused, BrainRefused) as error:
            return await self._fail(claim, str(error))
        except asyncio.CancelledError:
            await asyncio.shield(self._again(claim, None, None))
            raise
        except Exception as error:  # noqa: BLE001 - one mention must not end the worker
            log_stumble("mention.stumbled", error, uri=claim.mention.uri, attempts=claim.attempts)
            return await self._stumbled(claim, f"stumbled: {type(error).__name__}")

    async def _step(self, claim: Claim) -> Step | None:
        if claim.abandoned and claim.attempts > TRIES:
            return await self._fail(claim, f"{claim.attempts - 1} workers died over it")
        return await (think if claim.state is State.THINKING else say)(self._bench, claim)

    async def _stumbled(self, claim: Claim, why: str) -> Step | None:
        again = claim.attempts < TRIES
        return await (self._again(claim, why, None) if again else self._fail(claim, why))

    async def _again(self, claim: Claim, why: str | None, retry_after: float | None) -> Step | None:
        now = self._bench.clock()
        until = pacing.retry_at(now, claim.attempts, retry_after, self._chance()) if why else now
        postponed = await self._settle(
            lambda tx: mentions.postpone(tx, claim, until, why, failed=why is not None)
        )
        return Step(claim.state, why, until) if postponed else None

    async def _rest(self, claim: Claim, why: str, seconds: float) -> Step | None:
        """Let all that waits wait: it would only be refused one by one. No attempt was made."""
        until = self._bench.clock() + timedelta(seconds=seconds)

        def give_back(tx: Tx) -> None:
            mentions.postpone(tx, claim, until, why, failed=False)
            mentions.postpone_waiting(tx, until, why, None)

        return Step(claim.state, why, until) if await self._settle(give_back) else None

    async def _fail(self, claim: Claim, why: str) -> Step | None:
        failed = await self._settle(
            lambda tx: outcomes.finish(tx, claim, State.FAILED, why, self._bench.clock())
        )
        return Step(State.FAILED, why) if failed else None

    async def _settle(self, write: Callable[[Tx], None]) -> bool:
        """Write the mention's fate; if that fails too, its lease runs out and another worker takes it."""
        try:
            await self._bench.write(write)
        except (FenceLost, *TROUBLE):
            return False
        return True

    async def _renew(self, claim: Claim) -> None:
        lease = self._bench.options.lease
        while True:
            await asyncio.sleep(lease.total_seconds() / RENEWALS)
            until = self._bench.clock() + lease
            with suppress(FenceLost, *TROUBLE):
                await self._bench.write(partial(mentions.renew, claim=claim, until=until))

    def _tell(self, claim: Claim, step: Step | None) -> None:
        if step is None:
            return
        if step.due_at is not None:
            self._cadence.ring_at(step.due_at)
        if step.state not in OUTCOMES:  # an end is told with its commit
            uri = claim.mention.uri
            log.debug("mention.step", uri=uri, state=step.state, why=step.why, due_at=step.due_at)
