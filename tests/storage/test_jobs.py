"""Jobs are kept until they are done, and one worker at a time does each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import literal, select, union
from support.factory import ANA, BEN, NOW
from support.queue import LEASE
from support.races import at_once, meet_after

from bot.storage import jobs
from bot.storage.jobs import Job, JobKind

LATER = NOW + timedelta(hours=1)


def claim(tx, at=NOW):
    return jobs.claim(tx, at, lambda _: LEASE)


def test_a_job_is_claimed_once_until_its_lease_is_over(db):
    with db.write() as tx:
        jobs.add(tx, JobKind.IDENTITY, ANA, NOW)
        claimed = claim(tx), claim(tx), claim(tx, NOW + LEASE)

    assert claimed == (Job(JobKind.IDENTITY, ANA, NOW, 1), None, Job(JobKind.IDENTITY, ANA, NOW, 2))


@pytest.mark.slow
def test_two_workers_at_once_do_not_claim_the_same_job(db, monkeypatch):
    def work():
        with db.write() as tx:
            return claim(tx)

    with db.write() as tx:
        jobs.add(tx, JobKind.IDENTITY, ANA, NOW)
    meet_after(monkeypatch, jobs, "Job")
    claimed = at_once(work, work)

    assert sorted(claimed, key=bool) == [None, Job(JobKind.IDENTITY, ANA, NOW, 1)]


def test_the_job_that_is_due_longest_is_claimed_and_none_before_its_time(db):
    with db.write() as tx:
        jobs.add(tx, JobKind.PURGE, ANA, NOW, LATER)
        before = jobs.is_due(tx, NOW), claim(tx)
        jobs.add(tx, JobKind.IDENTITY, BEN, NOW)
        claimed = [claim(tx, LATER).subject for _ in range(2)]

    assert (before, claimed) == ((False, None), [BEN, ANA])


def test_a_job_that_is_asked_for_again_begins_anew(db):
    with db.write() as tx:
        jobs.add(tx, JobKind.IDENTITY, ANA, NOW)
        jobs.postpone(tx, claim(tx), LATER + LEASE)
        jobs.add(tx, JobKind.IDENTITY, ANA, LATER)
        again = claim(tx, LATER)

    assert again == Job(JobKind.IDENTITY, ANA, LATER, 1)


def test_a_job_for_everybody_begins_anew_where_it_is_there_already(db):
    with db.write() as tx:
        jobs.add(tx, JobKind.RECHECK, ANA, NOW)
        jobs.postpone(tx, claim(tx), LATER + LEASE)
        jobs.add_all(tx, JobKind.RECHECK, union(select(literal(ANA)), select(literal(BEN))), LATER)
        claimed = claim(tx, LATER), claim(tx, LATER)

    assert claimed == tuple(Job(JobKind.RECHECK, did, LATER, 1) for did in (ANA, BEN))


def test_what_was_asked_for_again_meanwhile_is_not_finished(db):
    with db.write() as tx:
        jobs.add(tx, JobKind.IDENTITY, ANA, NOW)
        first = claim(tx)
        jobs.add(tx, JobKind.IDENTITY, ANA, LATER)
        jobs.finish(tx, first)
        again = claim(tx, LATER)
        jobs.finish(tx, again)

    assert (again.at, jobs_left(db)) == (LATER, [])


def jobs_left(db):
    with db.read() as tx:
        return tx.execute(select(jobs.JobRow.subject)).all()
