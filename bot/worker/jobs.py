"""Runs jobs: work on the network or the brain that is kept in SQL until it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

import structlog

from bot.domain import pacing
from bot.domain.limits import POINTS_PER_DELETION
from bot.errors import AccountTrouble, BrainError, PermanentNetworkError, TransientNetworkError
from bot.ingest.recheck import recheck, refresh_handle
from bot.log import log_bug
from bot.privacy.erasure import erase
from bot.storage import jobs, outbox, spending
from bot.storage.jobs import JobKind
from bot.storage.spending import SpendKind
from memory.db import DATABASE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.ingest.handler import EventHandler
    from bot.services import Services
    from bot.storage.jobs import Job
    from memory.db import Tx

LEASE = timedelta(minutes=5)  # every job may run twice without harm
LEASES = {JobKind.WITHDRAW: timedelta(minutes=1)}  # of a single call: a post that must go stands until then
LONGEST_CALL = timedelta(seconds=25)  # of the network
EXISTING = frozenset({"active", "deactivated", "takendown", "suspended"})
DELETED = "deleted"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobRunner:
    """Runs jobs one at a time. `chance` returns numbers from 0 to 1, to spread retries."""

    services: Services
    handler: EventHandler
    chance: Callable[[], float]

    async def work(self) -> bool:
        """Run one job. False if none is due."""
        now = self.services.clock()
        if not await self.services.read(lambda tx: jobs.is_due(tx, now)):
            return False
        job = await self.services.write(lambda tx: jobs.claim(tx, now, lambda kind: LEASES.get(kind, LEASE)))
        if job is None:
            return False
        try:
            until: datetime | None = await self._run(job, now)
        except (TransientNetworkError, AccountTrouble, BrainError) as error:
            retry_after = None if isinstance(error, BrainError) else error.retry_after
            until = self._retry_at(job, now, retry_after)
            log.info("job.postponed", kind=job.kind, subject=job.subject, error=str(error))
        except PermanentNetworkError as error:
            until = None
            log.warning("job.refused", kind=job.kind, subject=job.subject, error=str(error))
        except DATABASE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - one job must not end the bot
            until = self._retry_at(job, now)
            log_bug("job.bug", error, kind=job.kind, subject=job.subject)
        await self._settle(job, until)
        return True

    def _retry_at(self, job: Job, now: datetime, retry_after: float | None = None) -> datetime:
        return pacing.retry_job_at(now, job.attempts, retry_after, self.chance())

    async def _settle(self, job: Job, until: datetime | None) -> None:
        if until is None:
            await self.services.write(lambda tx: jobs.finish(tx, job))
        else:
            await self.services.write(lambda tx: jobs.postpone(tx, job, until))

    async def _run(self, job: Job, now: datetime) -> datetime | None:
        """Run the job. Returns when it must run again, or None. Raises NetworkError and BrainError."""
        match job.kind:
            case JobKind.IDENTITY:
                await refresh_handle(self.services, job.subject)
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
        """Delete a post. A put that is under way may come after it, so delete once more when none can be."""
        rkey = job.subject
        await self.services.write(self._count_deletion)
        await self.services.network.delete(rkey)
        settled = await self.services.read(lambda tx: outbox.is_posted(tx, rkey))
        if not settled and now < job.at + LONGEST_CALL:
            return job.at + LONGEST_CALL
        await self.services.write(lambda tx: outbox.mark_withdrawn(tx, rkey, self.services.clock()))
        log.info("post.withdrawn", rkey=rkey)
        return None

    def _count_deletion(self, tx: Tx) -> None:
        spending.add_points(tx, self.services.clock(), SpendKind.DELETION, POINTS_PER_DELETION)

    async def _purge(self, did: str) -> None:
        """Erase the person, if their own server confirms that the account is gone."""
        services = self.services
        status = await services.network.status(did)
        if status in EXISTING:
            active = status == "active"
            await services.write(
                lambda tx: services.memory.people.set_status(
                    tx, did, None if active else status, services.clock()
                )
            )
            return
        if status != DELETED:
            raise TransientNetworkError(f"the account is {status}: that is no end of it")

        def forget(tx: Tx) -> int:
            return erase(tx, services.memory, services.ledger, services.journal, did, services.clock())

        erased = await services.write(forget)
        self.handler.tracked.drop_person(did)
        log.info("person.purged", did=did, rows=erased)
