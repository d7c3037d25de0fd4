"""What a scrape reads of the database."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from sqlalchemy import insert
from support.factory import mention
from support.memory_people import NOW

from bot.domain.events import Gap
from bot.domain.mention import OPEN, State
from bot.storage import gaps, jobs, mentions, spending, vitals
from bot.storage.jobs import JobKind
from bot.storage.spending import SpendKind
from bot.storage.tables import GapRow, JobRow, MentionRow
from memory.db import Database

MINUTE = timedelta(minutes=1)


def fill(tx, state, count):
    """Rows as they are when so many mentions are in this state."""
    fixed = {
        **dict.fromkeys(("cid", "reason", "text", "langs", "root_uri", "root_cid"), "x"),
        **dict.fromkeys(("fence", "attempts", "tokens_in", "tokens_out"), 0),
    }
    times = ({"said_at": NOW, "seen_at": NOW + number * MINUTE / 1000} for number in range(count))
    rows = [
        {"uri": f"at://{state}/{number}", "did": f"did:plc:{number}", "state": state, **fixed, **each}
        for number, each in enumerate(times)
    ]
    tx.execute(insert(MentionRow), rows)


def test_an_empty_store_has_nothing_waiting_and_nothing_spent(db):
    with db.read() as tx:
        found = vitals.read(tx, NOW)
    assert found.mentions == {state: vitals.Waiting(0, None) for state in OPEN}
    assert (found.jobs, found.gaps) == (0, 0)
    assert found.spent == vitals.Spending(0, 0, 0, 0, 0, 0)
    assert (found.size is None) == db.is_sqlite


def test_it_tells_what_waits_since_when_and_what_the_last_day_has_cost(db):
    with db.write() as tx:
        for number, at in enumerate((NOW - MINUTE, NOW)):
            mentions.accept(tx, mention(number + 1), now=at, due_at=at)
        fill(tx, State.ANSWERED, 3)
        gaps.record(tx, Gap(1, "host", 1, 2, "overflow", NOW), NOW)
        gaps.record(tx, Gap(3, "host", 3, 4, "overflow", NOW, replayed=True), NOW)
        jobs.add(tx, JobKind.FORGET, "brain", NOW)
        for at in (NOW - timedelta(hours=25), NOW - MINUTE):
            spending._add(
                tx,
                spending.Attempt("p", "t", "m", 1),
                at,
                SpendKind.TURN,
                replies=1,
                calls=2,
                tokens_in=300,
                tokens_out=40,
                money=5_000,
                points=3,
            )
    with db.read() as tx:
        found = vitals.read(tx, NOW)
    assert found.mentions[State.WAITING] == vitals.Waiting(2, NOW - MINUTE)
    assert [found.mentions[state].count for state in OPEN[1:]] == [0, 0, 0]
    assert (found.jobs, found.gaps) == (2, 1)  # the asker is rechecked because of the gap
    assert found.spent == vitals.Spending(1, 2, 300, 40, 5_000, 3)


def instructions(db):
    """How many instructions SQLite runs for it, in thousands."""
    ran = []
    with db.read() as tx:
        raw = tx.connection.dbapi_connection
        raw.set_progress_handler(lambda: ran.append(1), 1000)
        vitals.read(tx, NOW)
        raw.set_progress_handler(None, 0)
    return len(ran)


@pytest.mark.slow
def test_a_scrape_does_the_same_work_however_much_waits_and_is_stored(migrated, tmp_path):
    db, found = Database(f"sqlite:///{shutil.copy(migrated, tmp_path)}"), []
    for times in (1, 3):
        with db.write() as tx:
            tx.execute(MentionRow.__table__.delete())
            for state in (State.WAITING, State.ANSWERED):
                fill(tx, state, times * vitals.MOST)
            for table, row in ((GapRow, {"host": "h", "reason": "r", "at": NOW}), (JobRow, None)):
                count = times * vitals.RECENT_GAPS if row else times * vitals.MOST
                tx.execute(table.__table__.delete())
                tx.execute(
                    insert(table),
                    [
                        row or {"kind": "k", "subject": str(n), "at": NOW, "due_at": NOW, "attempts": 0}
                        for n in range(count)
                    ],
                )
        found.append(instructions(db))
    db.close()
    once, thrice = found
    assert once == pytest.approx(thrice, abs=1)
    assert once > 10
