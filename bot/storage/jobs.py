"""Jobs: what is to be looked up or done on the network or by the brain, kept until it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from bot.storage.tables import JobRow
from memory.db import insert

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from memory.db import Tx


class JobKind(StrEnum):
    """What is to be done, and about whom or what (the job's subject)."""

    IDENTITY = "identity"  # a DID: which handle is theirs?
    RECHECK = "recheck"  # a DID: does what is held of them still stand?
    PURGE = "purge"  # a DID: their account is deleted; forget them
    FORGET = "forget"  # BRAIN: somebody was forgotten, so it throws away what it holds
    WITHDRAW = "withdraw"  # a record key: take the bot's post back


BRAIN = "brain"  # a subject; who was forgotten is not told, for that would be kept


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was asked for at `at`; `attempts` counts this one."""

    kind: JobKind
    subject: str
    at: datetime
    attempts: int


def add(tx: Tx, kind: JobKind, subject: str, now: datetime, due_at: datetime | None = None) -> None:
    """Ask for it; asked again, it is done anew."""
    asked = {"at": now, "due_at": due_at or now, "attempts": 0}
    row = insert(tx, JobRow).values(kind=kind, subject=subject, **asked)
    tx.execute(row.on_conflict_do_update(index_elements=["kind", "subject"], set_=asked))


def cancel(tx: Tx, kind: JobKind, subject: str) -> bool:
    gone = delete(JobRow).where(JobRow.kind == kind, JobRow.subject == subject)
    return bool(tx.execute(gone).rowcount)


def drop(tx: Tx, did: str) -> None:
    """Whatever it was, it is not done for this person any more."""
    tx.execute(delete(JobRow).where(JobRow.subject == did))


def due(tx: Tx, now: datetime) -> bool:
    return tx.execute(select(JobRow.kind).where(JobRow.due_at <= now).limit(1)).first() is not None


def take(tx: Tx, now: datetime, lease: timedelta) -> Job | None:
    """The job that is due longest, not to be taken by another until the lease is over."""
    row = tx.execute(
        select(JobRow.__table__)
        .where(JobRow.due_at <= now)
        .order_by(JobRow.due_at, JobRow.subject)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    taken = Job(JobKind(row.kind), row.subject, row.at, row.attempts + 1)
    _set(tx, taken, due_at=now + lease, attempts=taken.attempts)
    return taken


def done(tx: Tx, job: Job) -> None:
    """Strike it out, unless it was asked for again meanwhile."""
    tx.execute(
        delete(JobRow).where(JobRow.kind == job.kind, JobRow.subject == job.subject, JobRow.at == job.at)
    )


def postpone(tx: Tx, job: Job, until: datetime) -> None:
    _set(tx, job, due_at=until)


def _set(tx: Tx, job: Job, **values: object) -> None:
    mine = (JobRow.kind == job.kind, JobRow.subject == job.subject, JobRow.at == job.at)
    tx.execute(update(JobRow).where(*mine).values(**values))
