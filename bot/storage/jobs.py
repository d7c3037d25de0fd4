"""Jobs: work on the network or the brain that is kept in SQL until it is done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, literal, select, true, update

from bot.storage.tables import JobRow
from memory.db import insert
from memory.tables import Instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from sqlalchemy import CompoundSelect

    from memory.db import Tx


class JobKind(StrEnum):
    """What is to be done. The comments say what the job's subject is."""

    IDENTITY = "identity"  # a DID: look up its handle
    RECHECK = "recheck"  # a DID: check whether the account, its stored posts and its blocks still exist
    PURGE = "purge"  # a DID: the account is deleted, so erase the person
    FORGET = "forget"  # BRAIN: somebody was erased, so the brain throws away all that it holds
    WITHDRAW = "withdraw"  # a record key: delete the bot's post


BRAIN = "brain"  # a subject; the job does not say who was erased, because a job is stored


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was asked for at `at`; `attempts` counts this one."""

    kind: JobKind
    subject: str
    at: datetime
    attempts: int


def add(tx: Tx, kind: JobKind, subject: str, now: datetime, due_at: datetime | None = None) -> None:
    """Add the job. If it is there already, it starts again from the beginning."""
    values = {"at": now, "due_at": due_at or now, "attempts": 0}
    row = insert(tx, JobRow).values(kind=kind, subject=subject, **values)
    tx.execute(row.on_conflict_do_update(index_elements=["kind", "subject"], set_=values))


def add_all(tx: Tx, kind: JobKind, subjects: CompoundSelect[str], now: datetime) -> None:
    """Add the job for each of these subjects, in one statement: they may be everybody."""
    all_of_them = subjects.subquery()
    columns = {
        "kind": literal(kind.value),
        "subject": all_of_them.c[0],
        "at": literal(now, Instant),
        "due_at": literal(now, Instant),
        "attempts": literal(0),
    }
    rows = select(*columns.values()).where(true())  # without a WHERE, SQLite takes ON for a join's
    row = insert(tx, JobRow).from_select(list(columns), rows)
    again = {name: row.excluded[name] for name in ("at", "due_at", "attempts")}
    tx.execute(row.on_conflict_do_update(index_elements=["kind", "subject"], set_=again))


def cancel(tx: Tx, kind: JobKind, subject: str) -> bool:
    cancelled = delete(JobRow).where(JobRow.kind == kind, JobRow.subject == subject)
    return bool(tx.execute(cancelled).rowcount)


def cancel_all(tx: Tx, subject: str) -> None:
    """Cancel every job about this subject."""
    tx.execute(delete(JobRow).where(JobRow.kind.in_(list(JobKind)), JobRow.subject == subject))


def is_due(tx: Tx, now: datetime) -> bool:
    return tx.execute(select(JobRow.kind).where(JobRow.due_at <= now).limit(1)).first() is not None


def claim(tx: Tx, now: datetime, lease_of: Callable[[JobKind], timedelta]) -> Job | None:
    """Claim the job that is due longest. No other worker gets it until the lease ends."""
    row = tx.execute(
        select(JobRow.__table__)
        .where(JobRow.due_at <= now)
        .order_by(JobRow.due_at, JobRow.subject)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    job = Job(JobKind(row.kind), row.subject, row.at, row.attempts + 1)
    _set(tx, job, due_at=now + lease_of(job.kind), attempts=job.attempts)
    return job


def finish(tx: Tx, job: Job) -> None:
    """Delete the finished job, unless it was added again meanwhile."""
    tx.execute(
        delete(JobRow).where(JobRow.kind == job.kind, JobRow.subject == job.subject, JobRow.at == job.at)
    )


def postpone(tx: Tx, job: Job, until: datetime) -> None:
    _set(tx, job, due_at=until)


def _set(tx: Tx, job: Job, **values: object) -> None:
    mine = (JobRow.kind == job.kind, JobRow.subject == job.subject, JobRow.at == job.at)
    tx.execute(update(JobRow).where(*mine).values(**values))
