"""On PostgreSQL the machines share what each of their ledgers knows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from support.factory import NOW, Clock
from support.races import at_once

from bot.storage.ledger import KEEP_FOR, Ledger, merge, merge_database
from bot.storage.ledger_entries import EntryKind
from bot.storage.tables import LedgerRow, LedgerSaltRow

FIRST, SECOND, THIRD = (f"at://did:plc:ana/app.bsky.feed.post/3lbxyz{number}" for number in range(3))
ANSWERED, ERASED = EntryKind.ANSWERED, EntryKind.ERASED

pytestmark = pytest.mark.parametrize("db", ["postgres"], indirect=True)


@pytest.fixture
def opened(db, tmp_path):
    """Opens the ledger of a machine, on the shared database or (`alone`) as an earlier version does."""

    def of(machine, clock=None, *, alone=False):
        return Ledger(tmp_path / machine / "ledger", clock or Clock(), None if alone else db)

    return of


def rows(db):
    with db.read() as tx:
        return {(row.kind, row.day) for row in tx.execute(select(LedgerRow.kind, LedgerRow.day))}


def count(db, table=LedgerRow):
    with db.read() as tx:
        return tx.scalar(select(func.count()).select_from(table))


def known(ledger):
    return [(ledger.has(ANSWERED, uri), ledger.has(ERASED, uri)) for uri in (FIRST, SECOND, THIRD)]


def exchange(db, *ledgers):
    """Each brings its lines, and then takes those of the others."""
    for ledger in (*ledgers, *ledgers):
        ledger.exchange(db)


def written(folder, machine):
    return (folder / machine / "ledger").read_text().splitlines()


def test_every_machine_ends_up_with_the_lines_of_all(db, opened):
    one, two = opened("a"), opened("b")
    one.add(ANSWERED, FIRST)
    two.add(ERASED, SECOND)
    exchange(db, one, two)
    assert known(one) == known(two) == [(True, False), (False, True), (False, False)]
    assert known(opened("a", alone=True)) == known(one)  # so it is in the files, without the database


def test_a_machine_with_an_empty_folder_gets_all(db, opened):
    one = opened("a")
    one.add(ANSWERED, FIRST)
    one.exchange(db)
    new = opened("new")
    new.exchange(db)
    assert known(new) == known(one)


def test_a_database_that_lost_it_gets_it_from_the_files(db, opened):
    one = opened("a")
    one.add(ANSWERED, FIRST)
    one.exchange(db)
    with db.write() as tx:
        tx.execute(text("TRUNCATE ledger_line, ledger_salt"))
    one.exchange(db)
    new = opened("new")
    assert known(new) == [(False, False)] * 3
    new.exchange(db)
    assert known(new) == known(one)


def test_ledgers_of_earlier_versions_with_salts_of_their_own_are_shared(db, opened):
    for machine, uri in (("a", FIRST), ("b", SECOND)):
        opened(machine, alone=True).add(ANSWERED, uri)
    one, two = opened("a"), opened("b")
    exchange(db, one, two)
    assert known(one) == known(two) == [(True, False), (True, False), (False, False)]
    assert count(db, LedgerSaltRow) == 2


def test_from_then_on_all_machines_have_one_name_for_a_mention_and_know_the_old_one(opened):
    before = opened("b", alone=True).pseudonym(FIRST)
    one, two = opened("a"), opened("b")
    assert one.pseudonym(FIRST) == two.pseudonym(FIRST) != before
    assert {before, one.pseudonym(FIRST)} == {*two.pseudonyms(FIRST)}


def test_the_salts_of_a_merged_file_reach_the_other_machines(db, opened, tmp_path):
    one, two = opened("a"), opened("b")
    opened("foreign", alone=True).add(ANSWERED, THIRD)
    merge(tmp_path / "a" / "ledger", tmp_path / "foreign" / "ledger")
    exchange(db, one, two)
    assert known(two)[2] == (True, False)


def test_what_is_exchanged_again_changes_nothing(db, opened, tmp_path):
    one, two = opened("a"), opened("b")
    one.add(ANSWERED, FIRST, SECOND)
    two.add(ANSWERED, FIRST)
    exchange(db, one, two)
    before = written(tmp_path, "a"), written(tmp_path, "b"), count(db)
    exchange(db, one, two)
    assert (written(tmp_path, "a"), written(tmp_path, "b"), count(db)) == before
    assert before[2] == 2


def test_the_later_day_of_a_mention_counts_on_all_machines(db, opened):
    clock = Clock()
    one, two = opened("a", clock), opened("b", clock)
    one.add(ERASED, FIRST)
    later = str(clock.forward(days=1).date())
    two.add(ERASED, FIRST)
    exchange(db, one, two)
    assert rows(db) == {("e", later)}
    clock.now = NOW + KEEP_FOR + timedelta(days=1)
    assert known(opened("a", clock, alone=True))[0] == (False, True)


def test_only_the_days_that_were_asked_for_are_exchanged(db, opened):
    clock = Clock()
    one, two = opened("a", clock), opened("b", clock)
    one.add(ANSWERED, FIRST)
    today = clock.forward(days=2).date()
    one.add(ANSWERED, SECOND)
    for ledger in (one, two):
        ledger.exchange(db, today)
    assert known(two) == [(False, False), (True, False), (False, False)]


def test_rows_past_their_time_are_dropped_and_not_brought_again(db, opened):
    clock = Clock()
    one = opened("a", clock)
    one.add(ANSWERED, FIRST)
    one.exchange(db)
    clock.forward(days=401)
    one.add(ANSWERED, SECOND)
    exchange(db, one, opened("a", clock))
    assert rows(db) == {("a", str(clock().date()))}


def test_neither_a_name_nor_a_uri_stands_in_the_database(db, opened):
    one = opened("a")
    one.add(ERASED, FIRST)
    one.exchange(db)
    with db.read() as tx:
        found = str([*tx.execute(select(LedgerRow.__table__)), *tx.execute(select(LedgerSaltRow.__table__))])
    assert "did:plc" not in found
    assert "3lbxyz" not in found


def test_machines_that_begin_together_share_one_salt(opened):
    ledgers = at_once(*((lambda name=name: opened(name)) for name in "abcd"))
    for ledger in ledgers:
        ledger.has(ANSWERED, FIRST)
    assert len({ledger.pseudonym(FIRST) for ledger in ledgers}) == 1


def test_machines_that_exchange_at_once_lose_no_line(db, opened):
    ledgers = [opened(name) for name in "abcd"]
    for number, ledger in enumerate(ledgers):
        ledger.add(
            ANSWERED,
            *(f"{FIRST}{number}{each}" for each in range(50)),
            *(f"{SECOND}{each}" for each in range(50)),
        )
    at_once(*((lambda ledger=ledger: ledger.exchange(db)) for ledger in ledgers))
    exchange(db, *ledgers)
    assert count(db) == 250
    assert all(ledger.has(ANSWERED, f"{FIRST}{number}49") for ledger in ledgers for number in range(4))


def test_the_ledger_of_a_database_is_merged_into_a_file_with_another_salt(db, opened, tmp_path):
    one = opened("a")
    one.add(ANSWERED, FIRST)
    one.exchange(db)
    opened("b", alone=True).add(ANSWERED, SECOND)
    with db.read() as tx:
        merged = merge_database(tmp_path / "b" / "ledger", tx)
    assert (merged, known(opened("b", alone=True))[:2]) == (1, [(True, False)] * 2)
