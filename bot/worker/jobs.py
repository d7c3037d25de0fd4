"""Jobs: what is to be looked up or done on the network or by the brain, one at a time, until it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

import structlog

from bot.domain import pacing
from bot.errors import BrainError, PermanentNetworkError, TransientNetworkError
from bot.ingest.recheck import recheck, rename
from bot.log import log_bug
from bot.privacy.erasure import erase
from bot.storage import jobs, outbox
from bot.storage.jobs import JobKind
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.ingest.handler import EventHandler
    from bot.services import Services
    from bot.storage.jobs import Job
    from memory.db import Tx

LEASE = timedelta(minutes=5)  # every job may be run twice without harm
IN_FLIGHT = timedelta(seconds=25)  # no call to the network takes longer
STANDING = frozenset({"active", "deactivated", "takendown", "suspended"})
DELETED = "deleted"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobRunner:
    """`chance` yields numbers from 0 to 1, to spread retries."""

    services: Services
    handler: EventHandler
    chance: Callable[[], float]

    async def work(self) -> bool:
        """Run one job. False if none is due."""
        now = self.services.clock()
        if not await self.services.read(lambda tx: jobs.due(tx, now)):
            return False
        job = await self.services.write(lambda tx: jobs.take(tx, now, LEASE))
        if job is None:
            return False
        try:
            until: datetime | None = await self._run(job, now)
        except (TransientNetworkError, BrainError) as error:
            retry_after = error.retry_after if isinstance(error, TransientNetworkError) else None
            until = pacing.retry_at(now, job.attempts, retry_after, self.chance())
            log.info("job.postponed", kind=job.kind, subject=job.subject, error=str(error))
        except PermanentNetworkError as error:
            until = None
            log.warning("job.refused", kind=job.kind, subject=job.subject, error=str(error))
        except DATABASE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - one job must not end the bot
            until = pacing.retry_at(now, job.attempts, None, self.chance())
            log_bug("job.bug", error, kind=job.kind, subject=job.subject)
        await self._settle(job, until)
        return True

    async def _settle(self, job: Job, until: datetime | None) -> None:
        if until is None:
            await self.services.write(lambda tx: jobs.done(tx, job))
        else:
            await self.services.write(lambda tx: jobs.postpone(tx, job, until))

    async def _run(self, job: Job, now: datetime) -> datetime | None:
        """Returns when it has to be done once more, if so. Raises NetworkError and BrainError."""
        match job.kind:
            case JobKind.IDENTITY:
                await rename(self.services, job.subject)
            case JobKind.RECHECK:
                await recheck(self.services, self.handler, job.subject)
            case JobKind.PURGE:
                await self._purge(job.subject)
            case JobKind.FORGET:
                await self.services.brain.forget()
            case JobKind.WITHDRAW:
                return await self._withdraw(job, now)
            case _:
                assert_never(job.kind)
        return None

    async def _withdraw(self, job: Job, now: datetime) -> datetime | None:
        """A put under way may land after the deletion: then it is deleted again when none can be left."""
        rkey = job.subject
        await self.services.network.delete(rkey)
        settled = await self.services.read(lambda tx: outbox.is_settled(tx, rkey))
        if not settled and now < job.at + IN_FLIGHT:
            return job.at + IN_FLIGHT
        await self.services.write(lambda tx: outbox.mark_withdrawn(tx, rkey, self.services.clock()))
        log.info("post.withdrawn", rkey=rkey)
        return None

    async def _purge(self, did: str) -> None:
        """Forget the person for good, if their account is still gone: no stream is believed in this alone."""
        services = self.services
        status = await services.network.status(did)
        if status in STANDING:
            active = status == "active"
            await services.write(
                lambda tx: services.memory.set_status(tx, did, None if active else status, services.clock())
            )
            return
        if status != DELETED:
            raise TransientNetworkError(f"the account is {status}: that is no end of it")

        def forget(tx: Tx) -> int:
            return erase(tx, services.memory, services.ledger, did, services.clock())

        erased = await services.write(forget)
        self.handler.tracked.drop_person(did)
        log.info("person.purged", did=did, rows=erased)
