"""Accounts whose hosts answer with what is in front of them: nothing is erased, nothing unhidden."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from support.events import account, rows, status_of
from support.factory import ANA
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain

from bot.errors import PermanentNetworkError, ReadRefused, TransientNetworkError
from bot.storage import jobs
from bot.storage.jobs import JobKind

TROUBLES = [TransientNetworkError("403 from pds.example.com"), ReadRefused("127.0.0.0x1 is an address")]


@pytest.fixture
def harness(db, tmp_path):
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    return harness


def notes_of(harness):
    """The notes that are stored, hidden or not."""
    return [row["text"] for row in rows(harness, "note")]


def add(harness, kind):
    with harness.services.db.write() as tx:
        jobs.add(tx, kind, ANA, harness.clock())


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("method", ["status", "profile", "post", "record", "blocked_by"])
def test_a_recheck_in_trouble_changes_nothing_and_is_tried_again(harness, trouble, method):
    harness.network.fail(method, trouble, times=9)
    add(harness, JobKind.RECHECK)
    for _ in range(3):
        harness.run_jobs(steps=1)
        harness.clock.forward(minutes=11)

    assert (harness.notes(ANA), status_of(harness)) == (["lives in Lisbon"], None)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_nobody_is_purged_while_the_network_is_in_trouble(harness, trouble):
    harness.network.set_status(ANA, "deleted")
    account(harness, "deleted")
    harness.network.fail("status", trouble, times=20)
    harness.clock.forward(hours=25)
    for _ in range(20):
        harness.run_jobs(steps=1)
        harness.clock.forward(minutes=11)
    kept = notes_of(harness)
    harness.run_jobs()

    assert (kept, notes_of(harness)) == (["lives in Lisbon"], [])


@pytest.mark.parametrize("status", ["throttled", "desynchronized", "None", "a word of the future", "Deleted"])
def test_nobody_is_purged_for_a_status_that_is_no_end(harness, status):
    account(harness, "deleted")
    harness.network.set_status(ANA, status)
    harness.clock.forward(hours=25)
    harness.run_jobs(steps=1)
    kept = notes_of(harness)
    harness.network.set_status(ANA, "deleted")
    harness.clock.forward(minutes=11)
    harness.run_jobs()

    assert (kept, notes_of(harness)) == (["lives in Lisbon"], [])


def test_a_job_that_the_network_refuses_for_good_is_given_up(harness):
    harness.network.fail("delete", PermanentNetworkError("400"), times=99)
    with harness.services.db.write() as tx:
        jobs.add(tx, JobKind.WITHDRAW, "3kabcdefghijk", harness.clock())
    for _ in range(3):
        harness.run_jobs()
        harness.clock.forward(hours=1)

    assert (harness.network.fired["delete"], rows(harness, "errand")) == (1, [])


@pytest.mark.parametrize(("kind", "method", "again"), [("WITHDRAW", "delete", 2), ("IDENTITY", "profile", 1)])
def test_who_dies_over_a_withdrawal_leaves_it_to_others_after_a_minute(harness, kind, method, again):
    harness.network.fail(method, asyncio.CancelledError(), times=1)
    subject = {"WITHDRAW": "3kabcdefghijk"}.get(kind, ANA)
    with harness.services.db.write() as tx:
        jobs.add(tx, JobKind[kind], subject, harness.clock())
    before = [called for called, _ in harness.network.calls].count(method)
    with pytest.raises(asyncio.CancelledError):
        harness.run_jobs()
    harness.clock.forward(seconds=61)
    harness.run_jobs(steps=1)

    assert [called for called, _ in harness.network.calls].count(method) - before == again


@pytest.mark.slow
def test_a_person_whose_host_is_gone_for_good_is_looked_up_ever_less_often(harness):
    harness.network.fail("profile", TransientNetworkError("404 from gone.example.com"), times=9999)
    add(harness, JobKind.IDENTITY)
    begin = harness.clock()
    while harness.clock() - begin < timedelta(days=30):
        harness.run_jobs(steps=1)
        harness.clock.forward(hours=1)

    asked = [method for method, _ in harness.network.calls].count("profile")
    assert 30 < asked < 130
