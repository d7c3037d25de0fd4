"""Packed or in full, an entry's latest day is the same, and so are the sums of the days."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.storage import ledger_entries
from bot.storage.ledger_entries import Entries, EntryKind

TODAY = date(2026, 11, 30)
RECENT, OLDEST = str(TODAY - timedelta(days=2)), str(TODAY - timedelta(days=9))
LINES = st.tuples(
    st.sampled_from(EntryKind),
    st.binary(min_size=1, max_size=1).map(lambda seed: (seed * 32).hex()),
    st.integers(-1, 12).map(lambda ago: str(TODAY - timedelta(days=ago))),
)


def line(entry):
    return f"{' '.join(entry)}\n".encode()


def number(kind, digest):
    return int(digest[:12] if kind == EntryKind.ANSWERED else digest[12:24], 16)


@pytest.fixture(params=[0, 3, 100], ids=["packed", "both", "in full"], autouse=True)
def many(request, monkeypatch):
    monkeypatch.setattr(ledger_entries, "MANY", request.param)


@given(st.lists(st.lists(LINES, max_size=8), max_size=5))
def test_the_latest_day_of_each_entry_is_known(blocks):
    entries, latest = Entries(), {}
    for block in blocks:
        entries.add(b"+ salt\na 01" + b"\n" + b"".join(map(line, block)), oldest=OLDEST, recent=RECENT)
        for kind, digest, day in block:
            if day >= OLDEST:
                latest[kind, digest] = max(day, latest.get((kind, digest), ""))
    sums = Counter()
    for key, day in latest.items():
        sums[day] += number(*key)

    named = {(kind, digest) for block in blocks for kind, digest, _ in block}
    assert {key: entries.day_of(key) for key in named} == {key: latest.get(key, "") for key in named}
    days = [str(TODAY - timedelta(days=ago)) for ago in range(-1, 3)]
    assert [entries.recent_sums()[day] for day in days] == [sums[day] for day in days]
    assert entries.sums() == sums
    recent = {key: day for key, day in latest.items() if day >= RECENT}
    assert {key: day for key, day in entries.recent.items() if day >= RECENT} == recent


def test_what_has_the_same_beginning_is_another_entry():
    entries = Entries()
    entries.add(line(("a", "0" * 64, RECENT)), oldest=OLDEST, recent=RECENT)

    assert not any(entries.day_of((kind, f"{'0' * 15}1{'0' * 48}")) for kind in EntryKind)
    assert not entries.day_of(("e", "0" * 64))


def test_sums_of_many_are_exact():
    entries, lines = (
        Entries(),
        [("a", f"{2**48 - 1 - each:012x}{each:052x}", RECENT) for each in range(20_000)],
    )
    entries.add(b"".join(map(line, lines)), oldest=OLDEST, recent=RECENT)

    assert entries.sums() == Counter({RECENT: sum(number(*each[:2]) for each in lines)})


def test_one_line_more_on_a_day_of_very_many_packs_nothing(monkeypatch):
    """Erasures may be as many."""
    monkeypatch.setattr(ledger_entries, "MANY", 100)
    entries, packed = Entries(), []
    lines = [line(("e", f"{each:064x}", RECENT)) for each in range(250)]
    entries.add(b"".join(lines[:200]), oldest=OLDEST, recent=RECENT)
    monkeypatch.setattr(Entries, "_pack", lambda _, rows: packed.append(len(rows)))
    for each in lines[200:]:
        entries.add(each, oldest=OLDEST, recent=RECENT)

    assert packed == []


def test_sums_are_made_while_another_thread_adds_entries(monkeypatch):
    monkeypatch.setattr(ledger_entries, "MANY", 15_000)
    entries, ends = Entries(), Event()
    lines = [line(("a", f"{each:064x}", RECENT)) for each in range(20_000)]

    def add():
        for first in range(0, len(lines), 20):
            entries.add(b"".join(lines[first : first + 20]), oldest=OLDEST, recent=RECENT)
        ends.set()

    thread = Thread(target=add)
    thread.start()
    while not ends.is_set():
        entries.recent_sums()
        entries.sums()
    thread.join()

    assert entries.sums() == Counter({RECENT: sum(number("a", f"{each:064x}") for each in range(20_000))})
    assert all(entries.day_of(("a", f"{each:064x}")) for each in range(20_000))
