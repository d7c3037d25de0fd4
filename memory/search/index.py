"""One person's passages as arrays for scoring, and a cache of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from memory.search.stems import not_knowing, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats: TypeAlias = NDArray[np.float64]
NEVER = np.iinfo(np.int64).max
MOST_ROWS = 200_000  # passages in all cached indexes: about 100 MB with vectors of 256 bytes


@dataclass(frozen=True, slots=True)
class PassageIndex:
    """The `n` passages of a person, sorted by thread, then time. Times are microseconds since 1970.

    `numbers`, `rows` and `counts` are the postings: stem, row of the passage, occurrences; sorted by stem.
    `questions`: it is a question and no more. `unknowing`: it answers one, and tells that it knows nothing.
    `lengths` are in content words, `calendar` is (year, month, day) of each passage in UTC. `vectors` is
    int8 [n, dims], `norms` their lengths, 0 where a passage has no vector of this encoder. `valid_to` is
    when a note was superseded, NEVER for all else.
    """

    ids: NDArray[np.int64]
    thread: NDArray[np.int64]
    at: NDArray[np.int64]
    valid_to: NDArray[np.int64]
    questions: NDArray[np.bool_]
    unknowing: NDArray[np.bool_]
    authors: NDArray[Any]
    langs: frozenset[str | None]
    numbers: NDArray[np.uint32]
    rows: NDArray[np.intp]
    counts: NDArray[np.uint32]
    lengths: Floats
    calendar: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    vectors: NDArray[np.int8]
    norms: Floats

    def __len__(self) -> int:
        return len(self.ids)


def build(rows: Sequence[Any], encoder: str) -> PassageIndex:
    """The index of rows (id, author, thread, at, valid_to, is_question, lang, stems, emb, emb_model)."""
    rows = sorted(rows, key=lambda row: (row.thread, row.at, row.id))
    numbers, counts = unpack(b"".join(row.stems for row in rows))
    of = np.repeat(np.arange(len(rows)), [len(row.stems) // 3 for row in rows])
    order = np.argsort(numbers)
    at = np.array([row.at for row in rows], np.int64)
    vectors, norms = _vectors([row.emb if row.emb_model == encoder else None for row in rows])
    return PassageIndex(
        ids=np.array([row.id for row in rows], np.int64),
        thread=np.array([row.thread for row in rows], np.int64),
        at=at,
        valid_to=np.array([NEVER if row.valid_to is None else row.valid_to for row in rows], np.int64),
        questions=np.array([row.is_question for row in rows], np.bool_),
        unknowing=_unknowing(rows),
        authors=np.array([row.author for row in rows], object),
        langs=frozenset(row.lang for row in rows),
        numbers=numbers[order],
        rows=of[order],
        counts=counts[order],
        lengths=np.bincount(of, counts, len(rows)).astype(np.float64),
        calendar=_calendar(at),
        vectors=vectors,
        norms=norms,
    )


def _unknowing(rows: Sequence[Any]) -> NDArray[np.bool_]:
    """What follows a question in its thread without a word but the question's and those of not knowing."""
    unknowing = np.zeros(len(rows), np.bool_)
    for place, (before, row) in enumerate(pairwise(rows), 1):
        if before.is_question and before.thread == row.thread:
            words = set(unpack(row.stems)[0].tolist()) - not_knowing()
            unknowing[place] = words <= set(unpack(before.stems)[0].tolist())
    return unknowing


def _vectors(blobs: Sequence[bytes | None]) -> tuple[NDArray[np.int8], Floats]:
    width = max((len(blob) for blob in blobs if blob), default=0)
    vectors = np.frombuffer(b"".join(blob or bytes(width) for blob in blobs), np.int8)
    vectors = vectors.reshape(len(blobs), width)
    return vectors, np.sqrt(np.square(vectors.astype(np.float64)).sum(axis=1))


def _calendar(at: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Year, month and day of each time, in UTC."""
    times = at.astype("datetime64[us]")
    years, months, days = (times.astype(f"datetime64[{unit}]") for unit in "YMD")
    return (
        years.astype(np.int64) + 1970,
        months.astype(np.int64) % 12 + 1,
        (days - months).astype(np.int64) + 1,
    )


def extended(index: PassageIndex, new: PassageIndex) -> PassageIndex:
    """The passages of both as one index: that of their rows, without decoding the old ones again."""
    both, size = (index, new), len(index)

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(one, name) for one in both])

    order = np.lexsort((joined("ids"), joined("at"), joined("thread")))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    postings = np.argsort(numbers := joined("numbers"), kind="stable")  # two sorted halves
    at = joined("at")[order]
    width = max(one.vectors.shape[1] for one in both)
    made = PassageIndex(
        **{name: joined(name)[order] for name in ("ids", "thread", "valid_to", "questions", "unknowing")},
        **{name: joined(name)[order] for name in ("authors", "lengths", "norms")},
        at=at,
        langs=index.langs | new.langs,
        numbers=numbers[postings],
        rows=place[np.concatenate((index.rows, new.rows + size))][postings],
        counts=joined("counts")[postings],
        calendar=_calendar(at),
        vectors=np.concatenate([_widened(one.vectors, width) for one in both])[order],
    )
    for each in place[size:]:
        for touched in (each, each + 1):  # the new one, and what follows it from now on
            if touched < len(made):
                made.unknowing[touched] = _is_unknowing(made, touched)
    return made


def _is_unknowing(index: PassageIndex, place: int) -> bool:
    before = place - 1
    if place == 0 or not index.questions[before] or index.thread[before] != index.thread[place]:
        return False
    words, asked = (set(index.numbers[index.rows == each].tolist()) for each in (place, before))
    return words - not_knowing() <= asked


def _widened(vectors: NDArray[np.int8], width: int) -> NDArray[np.int8]:
    """Rows of zeros for passages that were loaded when there was no vector at all."""
    return vectors if vectors.shape[1] == width else np.zeros((len(vectors), width), np.int8)


class IndexCache:
    """The indexes used last, each with the stamp of the rows it was built from. Safe for many threads."""

    def __init__(self, most_rows: int = MOST_ROWS) -> None:
        self._most_rows = most_rows
        self._cached: OrderedDict[str, tuple[int, PassageIndex]] = OrderedDict()
        self._lock = Lock()

    def get(
        self, did: str, stamp: int, load: Callable[[int], PassageIndex], *, keep: bool = True
    ) -> PassageIndex:
        """The index of this person under this stamp.

        `load` makes the index of the passages with ids above the one it is given: of all, or of those that
        are newer than what is cached. Unless `keep`, what it makes is not cached.
        """
        with self._lock:
            cached = self._cached.get(did)
        known = cached[1] if cached and cached[0] == stamp else None
        made = load(int(known.ids.max()) if known is not None and len(known) else 0)
        if known is not None:
            made = extended(known, made) if len(made) else known
        if keep:
            self._put(did, stamp, made)
        return made

    def _put(self, did: str, stamp: int, made: PassageIndex) -> None:
        with self._lock:
            self._cached[did] = (stamp, made)
            self._cached.move_to_end(did)
            while len(self._cached) > 1 and self._rows() > self._most_rows:
                self._cached.popitem(last=False)

    def drop(self, did: str) -> None:
        """Remove the index of this person."""
        with self._lock:
            self._cached.pop(did, None)

    def _rows(self) -> int:
        return sum(len(index) for _, index in self._cached.values())
