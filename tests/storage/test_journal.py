"""The journal of erasures: whose and when, in a file, and on PostgreSQL in the database as well."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text
from support.factory import ANA, BEN, NOW, Clock
from support.races import at_once, meet_after

from bot.errors import JournalUnavailable
from bot.storage import salted_file
from bot.storage.journal import Journal, merge, merge_database
from bot.storage.ledger import KEEP_FOR
from memory.db import Database

WITHIN = NOW + timedelta(microseconds=700_001)
LATER = NOW + timedelta(hours=1)


def opened(folder, db, clock=None):
    return Journal(folder / "journal", clock or Clock(), db)


def add(db, journal, *names, at=NOW):
    with db.write() as tx:
        journal.add(tx, at, *names)


def erased_at(db, journal, name):
    with db.read() as tx:
        return journal.erased_at(name, tx)


def lines(folder):
    return (folder / "journal").read_text().splitlines()[1:]


def test_a_wish_is_known_after_a_restart_to_the_microsecond(db, tmp_path):
    add(db, opened(tmp_path, db), ANA, at=WITHIN)
    again = opened(tmp_path, db)
    assert (erased_at(db, again, ANA), erased_at(db, again, BEN)) == (WITHIN, None)


def test_the_last_wish_counts_and_an_older_one_is_not_written(db, tmp_path):
    journal = opened(tmp_path, db)
    for at in (NOW, LATER, NOW):
        add(db, journal, ANA, at=at)
    assert (erased_at(db, journal, ANA), len(lines(tmp_path))) == (LATER, 2)


@pytest.mark.parametrize(("said", "covered"), [(NOW, True), (WITHIN, False), (None, True)])
def test_what_was_said_before_the_wish_or_at_no_known_time_is_covered(sqlite, tmp_path, said, covered):
    db = sqlite()
    journal = opened(tmp_path, db)
    add(db, journal, ANA)
    assert (journal.wish_after(ANA, said), journal.wish_after(BEN, said)) == (NOW if covered else None, None)


def is_applied(db, journal):
    with db.read() as tx:
        return journal.is_applied(tx)


def crash_after(db, journal, *names, at=NOW):
    with suppress(ZeroDivisionError), db.write() as tx:
        journal.add(tx, at, *names)
        raise ZeroDivisionError


def test_a_line_is_applied_once_it_was_carried_out_here(db, tmp_path):
    journal = opened(tmp_path, db)
    crash_after(db, journal, ANA)
    after_a_crash = is_applied(db, journal)
    with db.write() as tx:
        journal.mark_applied(tx)
    marked = is_applied(db, journal)
    add(db, journal, BEN, at=LATER)
    assert (after_a_crash, marked, is_applied(db, journal)) == (False, True, True)


def test_a_later_wish_that_was_not_carried_out_counts(db, tmp_path):
    journal = opened(tmp_path, db)
    add(db, journal, ANA)
    crash_after(db, journal, ANA, at=LATER)
    assert not is_applied(db, journal)


def test_what_another_machine_only_told_is_not_applied(shared, sqlite, tmp_path):
    add(sqlite(), opened(tmp_path / "old", sqlite()), ANA)
    journal = opened(tmp_path / "a", shared)
    merge(tmp_path / "a" / "journal", tmp_path / "old" / "journal")
    journal.exchange(shared)
    told = is_applied(shared, opened(tmp_path / "b", shared))
    with shared.write() as tx:
        journal.mark_applied(tx)
    assert (told, is_applied(shared, opened(tmp_path / "b", shared))) == (False, True)


def test_no_name_stands_in_the_journal(db, tmp_path):
    add(db, opened(tmp_path, db), ANA)
    with db.read() as tx:
        rows = str(tx.execute(text("SELECT * FROM erasure")).all())
    assert ANA not in (tmp_path / "journal").read_text() + rows


def test_two_installations_hash_the_same_person_differently(sqlite, tmp_path):
    db = sqlite()
    for name in "ab":
        add(db, opened(tmp_path / name, db), ANA)
    assert lines(tmp_path / "a") != lines(tmp_path / "b")


def test_what_another_process_writes_is_seen(db, tmp_path):
    one, other = opened(tmp_path, db), opened(tmp_path, db)
    add(db, one, ANA)
    assert erased_at(db, other, ANA) == NOW


def test_a_line_is_kept_400_days(db, tmp_path):
    clock = Clock()
    add(db, opened(tmp_path, db, clock), ANA)
    clock.now = NOW + KEEP_FOR
    kept = erased_at(db, opened(tmp_path, db, clock), ANA)
    clock.forward(seconds=1)
    assert (kept, erased_at(db, opened(tmp_path, db, clock), ANA)) == (NOW, None)


@pytest.mark.parametrize("broken", ["0123abc", f"{'0' * 64} 2026-00-39T29:00:00.000000Z\n", "\x80\n"])
def test_a_broken_line_spoils_no_other(sqlite, tmp_path, broken):
    db = sqlite()
    add(db, opened(tmp_path, db), ANA)
    with (tmp_path / "journal").open("ab") as file:
        file.write(broken.encode("latin-1"))
    add(db, opened(tmp_path, db), BEN)
    again = opened(tmp_path, db)
    assert [erased_at(db, again, who) for who in (ANA, BEN)] == [NOW, NOW]


def test_a_line_that_cannot_be_written_undoes_the_erasing(db, tmp_path, monkeypatch):
    journal = opened(tmp_path, db)

    def full(_descriptor):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(JournalUnavailable, match="No space left"):
            add(db, journal, ANA)
    add(db, journal, ANA)
    assert erased_at(db, opened(tmp_path, db), ANA) == NOW


def test_a_merged_journal_knows_the_later_wish_whatever_the_salts(sqlite, tmp_path):
    db = sqlite()
    for name, at in (("a", NOW), ("b", LATER)):
        add(db, opened(tmp_path / name, db), ANA, at=at)
    add(db, opened(tmp_path / "b", db), BEN)
    assert merge(tmp_path / "a" / "journal", tmp_path / "b" / "journal") == 2
    both = opened(tmp_path / "a", db)
    assert [erased_at(db, both, who) for who in (ANA, BEN)] == [LATER, NOW]


def test_what_is_no_journal_is_not_overwritten(sqlite, tmp_path):
    (tmp_path / "journal").write_text("my diary\n")
    with pytest.raises(JournalUnavailable, match="move it away"):
        opened(tmp_path, sqlite())
    assert (tmp_path / "journal").read_text() == "my diary\n"


@pytest.fixture
def shared(postgres):
    made = Database(postgres())
    yield made
    made.close()


def test_a_second_machine_knows_what_the_first_one_writes(shared, tmp_path):
    one, other = (opened(tmp_path / name, shared) for name in "ab")
    add(shared, one, ANA)
    assert erased_at(shared, other, ANA) == NOW


def test_a_machine_with_an_empty_folder_gets_the_whole_journal(shared, tmp_path):
    add(shared, opened(tmp_path / "a", shared), ANA, BEN)
    opened(tmp_path / "b", shared)
    assert sorted(lines(tmp_path / "b")) == sorted(lines(tmp_path / "a"))


def test_a_database_without_the_journal_gets_it_from_the_file(shared, tmp_path):
    add(shared, opened(tmp_path / "a", shared), ANA)
    with shared.write() as tx:
        tx.execute(text("DELETE FROM erasure"))
        tx.execute(text("DELETE FROM erasure_salt"))
    opened(tmp_path / "a", shared)
    assert erased_at(shared, opened(tmp_path / "b", shared), ANA) == NOW


def test_the_journal_of_another_database_is_told_and_left_alone(shared, postgres, tmp_path):
    with closing(Database(postgres())) as elsewhere:
        add(elsewhere, opened(tmp_path, elsewhere), ANA)
    before = lines(tmp_path)
    opened(tmp_path / "here", shared)
    with pytest.raises(JournalUnavailable, match="another database"):
        opened(tmp_path, shared)
    assert lines(tmp_path) == before


def test_a_transaction_that_fails_leaves_its_line_in_the_file_alone(shared, tmp_path):
    journal = opened(tmp_path, shared)
    crash_after(shared, journal, ANA)
    in_database = erased_at(shared, opened(tmp_path / "b", shared), ANA)
    add(shared, journal, ANA)
    again = erased_at(shared, opened(tmp_path / "c", shared), ANA)
    assert (len(lines(tmp_path)), in_database, again) == (1, None, NOW)


def test_machines_that_begin_together_share_one_salt(postgres, tmp_path, monkeypatch):
    url, names = postgres(), [tmp_path / name for name in "ab"]
    meet_after(monkeypatch, salted_file, "new_salt")

    def begin(folder):
        with closing(Database(url)) as db:
            return Journal(folder / "journal", Clock(), db).pseudonym(ANA)

    assert len(set(at_once(*(partial(begin, folder) for folder in names)))) == 1


def test_the_journal_of_a_database_is_merged_into_a_file_with_another_salt(shared, sqlite, tmp_path):
    add(shared, opened(tmp_path / "there", shared), ANA)
    add(sqlite(), opened(tmp_path / "here", sqlite()), BEN)
    with shared.read() as tx:
        assert merge_database(tmp_path / "here" / "journal", tx) == 1
    both = opened(tmp_path / "here", shared)
    assert [erased_at(shared, both, who) for who in (ANA, BEN)] == [NOW, NOW]
    assert both.pseudonym(ANA) == opened(tmp_path / "there", shared).pseudonym(ANA)


def test_other_machines_learn_what_was_merged_into_one_file(shared, sqlite, tmp_path):
    one, other = (opened(tmp_path / name, shared) for name in "ab")
    add(sqlite(), opened(tmp_path / "old", sqlite()), ANA)
    merge(tmp_path / "a" / "journal", tmp_path / "old" / "journal")
    one.exchange(shared)
    other.exchange(shared)
    assert (erased_at(shared, one, ANA), erased_at(shared, other, ANA)) == (NOW, NOW)
