import errno
import multiprocessing
import shutil

import pytest
from sqlalchemy import func, select
from support.factory import Clock

from bot.errors import LedgerUnavailable
from bot.storage.ledger import Ledger, merge
from bot.storage.ledger_entries import EntryKind
from bot.storage.tables import LedgerRow, LedgerSaltRow

URI = "at://did:plc:ana/app.bsky.feed.post/3lbxyz"
FIRST, SECOND = URI, f"{URI}2"


def test_what_was_added_is_known_after_a_restart(tmp_path):
    Ledger(tmp_path / "ledger", Clock()).add(EntryKind.ANSWERED, URI)

    again = Ledger(tmp_path / "ledger", Clock())

    assert again.has(EntryKind.ANSWERED, URI)
    assert not again.has(EntryKind.ERASED, URI)
    assert not again.has(EntryKind.ANSWERED, URI + "a")


def test_it_holds_neither_names_nor_uris(tmp_path):
    Ledger(tmp_path / "ledger", Clock()).add(EntryKind.ERASED, URI)

    assert b"did:plc" not in (tmp_path / "ledger").read_bytes()


def test_two_ledgers_hash_the_same_mention_differently(tmp_path):
    names = {Ledger(tmp_path / name, Clock()).pseudonym(URI) for name in "ab"}

    assert len(names) == 2


def test_an_entry_is_forgotten_after_400_days(tmp_path):
    clock = Clock()
    Ledger(tmp_path / "ledger", clock).add(EntryKind.ANSWERED, URI)
    clock.forward(days=401)

    assert not Ledger(tmp_path / "ledger", clock).has(EntryKind.ANSWERED, URI)


def test_another_process_sees_what_this_one_adds(tmp_path):
    one, other = Ledger(tmp_path / "ledger", Clock()), Ledger(tmp_path / "ledger", Clock())

    one.add(EntryKind.ANSWERED, URI)

    assert other.has(EntryKind.ANSWERED, URI)


def test_a_line_cut_by_a_power_failure_harms_no_other(tmp_path):
    Ledger(tmp_path / "ledger", Clock()).add(EntryKind.ANSWERED, URI)
    with (tmp_path / "ledger").open("a") as file:
        file.write("a 0123")
    Ledger(tmp_path / "ledger", Clock()).add(EntryKind.ERASED, URI)

    again = Ledger(tmp_path / "ledger", Clock())

    assert again.has(EntryKind.ANSWERED, URI)
    assert again.has(EntryKind.ERASED, URI)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_ledger_that_is_replaced_meanwhile_is_read_from_its_beginning(tmp_path, in_place):
    """By an older copy, with an editor or with `cp`."""
    ledger, other = Ledger(tmp_path / "ledger", Clock()), Ledger(tmp_path / "other", Clock())
    ledger.add(EntryKind.ANSWERED, URI, f"{URI}3", f"{URI}4")
    other.add(EntryKind.ANSWERED, SECOND)
    if in_place:
        shutil.copyfile(tmp_path / "other", tmp_path / "ledger")
    else:
        (tmp_path / "other").replace(tmp_path / "ledger")

    assert ledger.has(EntryKind.ANSWERED, SECOND)
    ledger.add(EntryKind.ANSWERED, URI)
    again = Ledger(tmp_path / "ledger", Clock())
    assert [again.has(EntryKind.ANSWERED, uri) for uri in (URI, SECOND)] == [True, True]


@pytest.mark.parametrize("broken", [lambda path: path.unlink(), lambda path: path.write_bytes(b"garbage\n")])
def test_a_ledger_that_breaks_meanwhile_is_told_and_waited_for(tmp_path, broken):
    ledger = Ledger(tmp_path / "ledger", Clock())
    ledger.add(EntryKind.ANSWERED, URI)
    kept = (tmp_path / "ledger").read_bytes()
    broken(tmp_path / "ledger")
    for call in (ledger.add, ledger.has):
        with pytest.raises(LedgerUnavailable, match=str(tmp_path / "ledger")):
            call(EntryKind.ANSWERED, SECOND)
    (tmp_path / "ledger").write_bytes(kept)
    ledger.add(EntryKind.ANSWERED, SECOND)

    assert (ledger.has(EntryKind.ANSWERED, URI), ledger.has(EntryKind.ANSWERED, SECOND)) == (True, True)


def test_what_is_no_ledger_is_not_overwritten(tmp_path):
    (tmp_path / "ledger").write_text("my shopping list\n")

    with pytest.raises(LedgerUnavailable, match="move it away"):
        Ledger(tmp_path / "ledger", Clock())

    assert (tmp_path / "ledger").read_text() == "my shopping list\n"


def _pseudonym(path):
    return Ledger(path, Clock()).pseudonym(URI)


@pytest.mark.slow
def test_processes_that_begin_together_share_one_salt(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        names = set(pool.map(_pseudonym, [tmp_path / "ledger"] * 8))

    assert len(names) == 1


def test_entries_are_kept_for_at_least_the_life_of_a_replay(tmp_path):
    clock = Clock()
    ledger = Ledger(tmp_path / "ledger", clock)
    ledger.add(EntryKind.ERASED, URI)
    clock.forward(days=399)

    assert Ledger(tmp_path / "ledger", clock).has(EntryKind.ERASED, URI)


def test_a_disk_that_is_full_is_told_and_the_same_call_works_later(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger", Clock())
    with monkeypatch.context() as full:
        full.setattr("os.fsync", _no_space)
        with pytest.raises(LedgerUnavailable, match="No space left"):
            ledger.add(EntryKind.ANSWERED, URI)

    ledger.add(EntryKind.ANSWERED, URI)

    assert Ledger(tmp_path / "ledger", Clock()).has(EntryKind.ANSWERED, URI)


def _no_space(_file):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_merged_ledger_knows_what_both_knew_whatever_their_salts(tmp_path):
    here, other = (Ledger(tmp_path / name / "ledger", Clock()) for name in "ab")
    here.add(EntryKind.ANSWERED, FIRST)
    other.add(EntryKind.ERASED, SECOND)
    assert merge(tmp_path / "a" / "ledger", tmp_path / "b" / "ledger") == 1
    both = Ledger(tmp_path / "a" / "ledger", Clock())
    for known in (here, both):  # also by the process that had it open
        assert (known.has(EntryKind.ANSWERED, FIRST), known.has(EntryKind.ERASED, SECOND)) == (True, True)
        assert not known.has(EntryKind.ANSWERED, SECOND)


def test_a_ledger_that_is_merged_twice_or_with_itself_does_not_grow(tmp_path):
    for name, uri in (("a", FIRST), ("b", SECOND)):
        Ledger(tmp_path / name, Clock()).add(EntryKind.ANSWERED, uri)
    merge(tmp_path / "a", tmp_path / "b")
    once = (tmp_path / "a").read_text()
    assert (merge(tmp_path / "a", tmp_path / "b"), merge(tmp_path / "a", tmp_path / "a")) == (0, 0)
    assert (tmp_path / "a").read_text() == once


def test_a_ledger_that_is_not_there_becomes_the_other(tmp_path):
    Ledger(tmp_path / "b", Clock()).add(EntryKind.ANSWERED, FIRST)
    merge(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()


def test_what_is_added_to_a_merged_ledger_is_known_by_its_own_salt(tmp_path):
    for name in "ab":
        Ledger(tmp_path / name, Clock()).add(EntryKind.ANSWERED, FIRST)
    merge(tmp_path / "a", tmp_path / "b")
    before = Ledger(tmp_path / "a", Clock()).pseudonym(SECOND)
    Ledger(tmp_path / "a", Clock()).add(EntryKind.ANSWERED, SECOND)
    own = (tmp_path / "a").read_text().splitlines()[-1].split()[1]
    assert before == f"forgotten:{own}"


def test_on_sqlite_the_file_alone_has_it(sqlite, tmp_path):
    db = sqlite()
    ledger = Ledger(tmp_path / "ledger", Clock(), db)
    ledger.add(EntryKind.ANSWERED, URI)
    ledger.exchange(db)
    with db.read() as tx:
        assert [tx.scalar(select(func.count()).select_from(row)) for row in (LedgerRow, LedgerSaltRow)] == [
            0,
            0,
        ]
