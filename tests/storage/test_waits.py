"""After a clock was ahead, nothing waits for its times."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from support.factory import ANA, BEN, NOW, mention
from support.queue import LATER, LEASE, accept, claim_next, draft

from bot.domain.mention import State
from bot.storage import jobs, mentions, queue, spending, waits
from bot.storage.jobs import JobKind
from bot.storage.spending import SpendKind
from bot.storage.tables import JobRow, SpendRow

HOUR = timedelta(hours=1)
AHEAD = NOW + HOUR


def end_all(db, now=NOW):
    with db.write() as tx:
        return waits.end_all(tx, now, LEASE)


def are_ahead(db, now=NOW):
    with db.read() as tx:
        return waits.are_ahead(tx, now)


def accept_at(db, this, now):
    with db.write() as tx:
        mentions.accept(tx, this, now=now, due_at=now)


def test_a_mention_that_was_seen_under_it_is_found_and_claimed(db):
    accept_at(db, mention(1), AHEAD)
    assert claim_next(db) is None
    assert are_ahead(db)

    assert end_all(db) == 1
    assert claim_next(db).mention == mention(1)
    assert not are_ahead(db)


def test_what_waits_by_the_right_clock_is_no_sign(db):
    accept(db, mention(1), due_at=AHEAD)

    assert not are_ahead(db)


def test_a_mention_that_was_postponed_under_it_is_claimed(db):
    accept(db, mention(1))
    claim = claim_next(db, AHEAD)
    with db.write() as tx:
        mentions.postpone(tx, claim, AHEAD, "busy")

    assert end_all(db) == 1
    assert claim_next(db).mention == mention(1)


def test_people_who_were_held_under_it_have_a_turn(db):
    accept(db, mention(1), mention(2, BEN))
    with db.write() as tx:
        queue.hold(tx, AHEAD)
    end_all(db)

    assert {claim_next(db).mention.did, claim_next(db).mention.did} == {ANA, BEN}


@pytest.mark.parametrize("due_in", [HOUR, LEASE / 2])
def test_a_worker_keeps_what_it_holds_for_a_lease_at_most(db, due_in):
    accept(db, mention(1), due_at=NOW - LEASE)
    claim_next(db, NOW + due_in - LEASE)
    end_all(db)

    at_most = NOW + min(due_in, LEASE)
    assert claim_next(db, at_most - timedelta(microseconds=1)) is None
    assert claim_next(db, at_most).mention == mention(1)


def test_a_draft_is_posted_at_the_next_free_time(db):
    accept(db, mention(1))
    draft(db, claim_next(db), "hi", pace=LATER)
    assert claim_next(db) is None
    end_all(db)

    claim = claim_next(db)
    assert (claim.state, claim.post_at < NOW) == (State.POSTING, True)


def test_a_job_is_done_but_whoever_deleted_the_account_keeps_its_grace(db):
    with db.write() as tx:
        jobs.add(tx, JobKind.WITHDRAW, "3k", AHEAD, AHEAD)
        jobs.add(tx, JobKind.PURGE, ANA, NOW, AHEAD)
    end_all(db)

    with db.read() as tx:
        due = dict(tx.execute(select(JobRow.kind, JobRow.due_at)).all())
    assert due == {JobKind.WITHDRAW: NOW, JobKind.PURGE: AHEAD}


def test_what_was_spent_under_it_counts_from_now(db):
    with db.write() as tx:
        spending.add_points(tx, AHEAD + timedelta(days=365), SpendKind.DELETION, 1)
        spending.add_points(tx, NOW - HOUR, SpendKind.DELETION, 1)
    end_all(db)

    with db.read() as tx:
        assert list(tx.scalars(select(SpendRow.at).order_by(SpendRow.at))) == [NOW - HOUR, NOW]


def test_what_is_due_or_over_is_left_as_it_is(db):
    accept(db, mention(1), due_at=NOW - HOUR)

    assert end_all(db) == 0
