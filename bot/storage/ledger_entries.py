"""What the lines of a ledger say, kept in memory: twelve bytes each, those of the last days in full."""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Packed: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.uint32]]  # hashes, in order, and their days

LINE = re.compile(rb"^[ae] [0-9a-f]{64} \d{4}-[01]\d-[0-3]\d\n", re.MULTILINE)
FIELDS = np.dtype([("kind", "S1"), ("1", "S1"), ("hash", "S64"), ("2", "S1"), ("day", "S10"), ("3", "S1")])
MANY = 20_000  # new entries in full, before those of earlier days are packed
HALF = 24  # bits of a sum's 48: so many can be added up exactly as floating point numbers
Key = tuple[str, str]  # kind and hash


class EntryKind(StrEnum):
    """What a line says of a mention."""

    ANSWERED = "a"
    ERASED = "e"


class Entries:
    """The latest day of each entry, a text like "2026-11-30". `recent`: entries of the last days, in full.

    Of a packed entry 64 bits of the hash are kept. Of a million entries another one is taken for known once
    in ten million million, and nobody without the salt can make one that is.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # what is packed by one thread must not be lost to another
        self.recent: dict[Key, str] = {}
        self._most_recent = MANY
        self._packed: dict[EntryKind, Packed] = dict.fromkeys(
            EntryKind, (np.empty(0, np.uint64), np.empty(0, np.uint32))
        )

    def add(self, lines: bytes, *, oldest: str, recent: str) -> None:
        """Take in the entries among these lines, but for days before `oldest`.

        Those of the day `recent` and later stay in full.
        """
        rows = np.frombuffer(b"".join(LINE.findall(lines)), FIELDS)
        rows = rows[rows["day"] >= oldest.encode()]
        if len(rows) > MANY:
            self._pack(rows)
            rows = rows[rows["day"] >= recent.encode()]
        for key, day in map(parse, rows.view("S78").tolist()):
            self.recent[key] = max(day, self.recent.get(key, ""))
        if len(self.recent) > self._most_recent:
            self._pack(self._recent_rows())
            self.recent = {key: day for key, day in self.recent.items() if day >= recent}
            self._most_recent = len(self.recent) + MANY

    def day_of(self, key: Key) -> str:
        """The latest day of this entry, or nothing."""
        kind, digest = key
        hashes, days = self._packed[EntryKind(kind)]
        number = np.uint64(int(digest[_packed_digits(kind)], 16))
        place = int(np.searchsorted(hashes, number))
        is_packed = place < len(hashes) and hashes[place] == number
        return max(self.recent.get(key, ""), _text(int(days[place])) if is_packed else "")

    def sums(self) -> Counter[str]:
        """A number for each day that tells whether others have the same entries of it.

        It is the sum of the first 48 bits that are kept of each hash.
        """
        self._pack(self._recent_rows())
        found: Counter[str] = Counter()
        for hashes, days in self._packed.values():
            each, place = np.unique(days, return_inverse=True)
            for half in (0, HALF):
                bits = (hashes >> np.uint64(16 + half)) & np.uint64((1 << HALF) - 1)
                total = np.bincount(place, bits, len(each))
                found.update({_text(day): int(one) << half for day, one in zip(each, total, strict=True)})
        return found

    def recent_sums(self) -> Counter[str]:
        """The same of the last days only, and sooner made."""
        found: Counter[str] = Counter()
        for (kind, digest), day in self.recent.copy().items():
            found[day] += int(digest[_packed_digits(kind)], 16) >> 16
        return found

    def _recent_rows(self) -> NDArray[np.void]:
        lines = (f"{' '.join(key)} {day}\n".encode() for key, day in self.recent.copy().items())
        return np.frombuffer(b"".join(lines), FIELDS)

    def _pack(self, rows: NDArray[np.void]) -> None:
        each, place = np.unique(rows["day"], return_inverse=True)
        dates = np.array([int(day.replace(b"-", b"")) for day in each.tolist()], np.uint32)[place]
        for kind in EntryKind:
            of_kind = rows["kind"] == kind.encode()
            digits = rows["hash"][of_kind].view("S1").reshape(-1, 64)[:, _packed_digits(kind)]
            new = np.frombuffer(bytes.fromhex(digits.tobytes().decode()), ">u8").astype(np.uint64)
            with self._lock:
                hashes, days = self._packed[kind]
                self._packed[kind] = _latest(np.append(hashes, new), np.append(days, dates[of_kind]))


def parse(line: bytes) -> tuple[Key, str]:
    """The entry of a line, and its day."""
    kind, digest, day = line.decode().split()
    return (kind, digest), day


def _packed_digits(kind: str) -> slice:
    """Which 16 digits of a hash are packed: for each kind others, so that sums of both do not mix."""
    return slice(0, 16) if kind == EntryKind.ANSWERED else slice(12, 28)


def _latest(hashes: NDArray[np.uint64], days: NDArray[np.uint32]) -> Packed:
    """In the order of the hashes, of each the latest day."""
    order = np.argsort(hashes, kind="stable")  # it finds the part that is sorted already
    hashes, days = hashes[order], days[order]
    first = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
    return hashes[first], np.maximum.reduceat(days, first) if len(first) else days


def _text(day: int) -> str:
    return f"{day // 10000:04}-{day // 100 % 100:02}-{day % 100:02}"
