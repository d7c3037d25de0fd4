"""Errands: what is to be looked up or done on the network or by the brain, one at a time, until it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

import structlog

from bot.domain import pacing
from bot.errors import BrainError, NetworkRefused, NetworkTrouble
from bot.ingest.recheck import recheck, rename
from bot.log import log_stumble
from bot.privacy.erasure import erase, scrub
from bot.storage import jobs, outbox
from bot.storage.jobs import ErrandKind
from memory.db import TROUBLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.ingest.handler import Hearing
    from bot.services import Bench
    from bot.storage.jobs import Errand
    from memory.db import Tx

LEASE = timedelta(minutes=5)  # every errand may be run twice without harm
IN_FLIGHT = timedelta(seconds=25)  # no call to the network takes longer
STANDING = frozenset({"active", "deactivated", "takendown", "suspended"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Errands:
    """`chance` yields numbers from 0 to 1, to spread retries."""

    bench: Bench
    hearing: Hearing
    chance: Callable[[], float]

    async def work(self) -> bool:
        """Run one errand. False if none is due."""
        now = self.bench.clock()
        if not await self.bench.read(lambda tx: jobs.due(tx, now)):
            return False
        errand = await self.bench.write(lambda tx: jobs.take(tx, now, LEASE))
        if errand is None:
            return False
        try:
            until: datetime | None = await self._run(errand, now)
        except (NetworkTrouble, BrainError) as error:
            retry_after = error.retry_after if isinstance(error, NetworkTrouble) else None
            until = pacing.retry_at(now, errand.attempts, retry_after, self.chance())
            log.info("errand.postponed", kind=errand.kind, subject=errand.subject, error=str(error))
        except NetworkRefused as error:
            until = None
            log.warning("errand.refused", kind=errand.kind, subject=errand.subject, error=str(error))
        except TROUBLE:
            raise
        except Exception as error:  # noqa: BLE001 - one errand must not end the bot
            until = pacing.retry_at(now, errand.attempts, None, self.chance())
            log_stumble("errand.stumbled", error, kind=errand.kind, subject=errand.subject)
        await self._settle(errand, until)
        return True

    async def _settle(self, errand: Errand, until: datetime | None) -> None:
        if until is None:
            await self.bench.write(lambda tx: jobs.done(tx, errand))
        else:
            await self.bench.write(lambda tx: jobs.postpone(tx, errand, until))

    async def _run(self, errand: Errand, now: datetime) -> datetime | None:
        """Returns when it has to be done once more, if so. Raises NetworkError and BrainError."""
        match errand.kind:
            case ErrandKind.IDENTITY:
                await rename(self.bench, errand.subject)
            case ErrandKind.RECHECK:
                await recheck(self.bench, self.hearing, errand.subject)
            case ErrandKind.PURGE:
                await self._purge(errand.subject)
            case ErrandKind.FORGET:
                await self.bench.brain.forget()
            case ErrandKind.WITHDRAW:
                return await self._withdraw(errand, now)
            case _:
                assert_never(errand.kind)
        return None

    async def _withdraw(self, errand: Errand, now: datetime) -> datetime | None:
        """A put under way may land after the deletion: then it is deleted again when none can be left."""
        rkey = errand.subject
        await self.bench.network.delete(rkey)
        settled = await self.bench.read(lambda tx: outbox.is_settled(tx, rkey))
        if not settled and now < errand.at + IN_FLIGHT:
            return errand.at + IN_FLIGHT
        await self.bench.write(lambda tx: outbox.mark_withdrawn(tx, rkey, self.bench.clock()))
        log.info("post.withdrawn", rkey=rkey)
        return None

    async def _purge(self, did: str) -> None:
        """Forget the person for good, if their account is still gone: no stream is believed in this alone."""
        bench = self.bench
        status = await bench.network.status(did)
        if status in STANDING:
            active = status == "active"
            await bench.write(
                lambda tx: bench.memory.set_status(tx, did, None if active else status, bench.clock())
            )
            return

        def forget(tx: Tx) -> int:
            return erase(tx, bench.memory, bench.ledger, did, bench.clock())

        erased = await bench.write(forget)
        await asyncio.to_thread(scrub, bench.db)
        self.hearing.tracked.drop_person(did)
        log.info("person.purged", did=did, rows=erased)
