"""The zeitgeist, computed from the notes of everybody: `Memory.zeitgeist`.

To compute it reads all notes, so nothing that answers a person does that.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import bindparam, func, or_, select

from memory.denials import DENIED_INFERENCE
from memory.people import PERSON
from memory.rows.notes import ACTIVE, NOTE
from memory.rules.consolidation import gist
from memory.rules.zeitgeist import PEOPLE_AT_LEAST, shared, words
from memory.tables import HandleRow, NoteRow, starts_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import ColumnElement, Executable, ScalarSelect

    from memory.db import Database, Tx

SHOWN = (*ACTIVE, NOTE.waits.is_(False))
FREQUENT = (  # candidates: who is not counted is not known yet
    select(NOTE.gist)
    .where(*SHOWN, NOTE.gist.between(bindparam("first"), bindparam("last")))
    .group_by(NOTE.gist)
    .having(func.count(NOTE.did.distinct()) >= PEOPLE_AT_LEAST)
)
Lines: TypeAlias = tuple[tuple[str, int], ...]  # each with how many people say it
KNOWN_FOR = timedelta(days=1)  # accounts made for it do not make a line
MOST_LINES = 20  # more would fit no prompt
SLICE, GISTS = 20_000, 20  # notes, and shared statements, that one transaction reads
MOST_COUNTED = 50  # people that a reading counts for a line; of more it knows the number of the last refresh


class Zeitgeist:
    """The lines of the last `refresh`, in this process. Reading them does not cost more among more people."""

    def __init__(self) -> None:
        self._last: tuple[Lines, Executable] = ((), select())

    def refresh(self, tx: Tx, now: datetime | None = None) -> None:
        """Compute the lines. Reads the notes of everybody in this transaction."""
        now = now or datetime.now(UTC)
        self._keep(find(tx, now), now)

    def refresh_in_slices(self, db: Database, now: datetime) -> None:
        """Compute the lines in many short transactions: during a long one SQLite's log could only grow."""
        with db.read() as tx:
            notes = tx.scalar(select(func.max(NOTE.id))) or 0
        self._keep(_find(db.read, now, slices=notes // SLICE + 1), now)

    def _keep(self, found: Lines, now: datetime) -> None:
        count = select(*(_people(text, now) for text, _ in found))  # kept: to build it takes longest
        self._last = (found, count)

    def lines(self, tx: Tx) -> Lines:
        """The lines that at least three people say in this transaction, each with how many do.

        Notes that were erased, hidden or replaced since the refresh do not count. New lines wait for another.
        """
        found, count = self._last
        if not found:
            return ()
        counts = tx.execute(count).one()
        lines = [
            (text, people if people < MOST_COUNTED else max(before, people))
            for (text, before), people in zip(found, counts, strict=True)
        ]
        return tuple(line for line in lines if line[1] >= PEOPLE_AT_LEAST)


def _people(text: str, now: datetime) -> ScalarSelect[int]:
    """How many people say this, at most MOST_COUNTED."""
    visible = select(PERSON.did).where(PERSON.did == NOTE.did, *_known(now)).correlate(NoteRow)
    said = select(NOTE.did).where(*SHOWN, NOTE.gist == gist(text), visible.exists())
    people = said.distinct().limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(people).scalar_subquery()


def _known(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The conditions for who counts. The first post has the author's date, the first answer the bot's own."""
    since = now - KNOWN_FOR
    answered = or_(PERSON.introduced_at.is_(None), PERSON.introduced_at <= since)
    allowed = PERSON.did.not_in(DENIED_INFERENCE)
    return PERSON.status.is_(None), PERSON.first_seen <= since, answered, allowed


def find(tx: Tx, now: datetime | None = None) -> Lines:
    """What at least three people say whom the bot has known for a day, each with how many, most first.

    `now` is the system's time if it is not given.
    """
    return _find(lambda: nullcontext(tx), now or datetime.now(UTC), slices=1)


def _find(begin: Callable[[], AbstractContextManager[Tx]], now: datetime, slices: int) -> Lines:
    """SQL selects candidates by the hash `gist`; `memory.rules.zeitgeist.shared` decides."""
    gists: list[int] = []
    for first, last in _ranges(slices):
        with begin() as tx:
            gists += tx.scalars(FREQUENT, {"first": first, "last": last})
    said: list[tuple[str, str]] = []
    visible = (*SHOWN, NOTE.did.in_(select(PERSON.did).where(*_known(now))))
    for start in range(0, len(gists), GISTS):
        some = NOTE.gist.in_(gists[start : start + GISTS])
        with begin() as tx:
            said += [
                (row.did, row.text) for row in tx.execute(select(NOTE.did, NOTE.text).where(*visible, some))
            ]
    candidates = shared(said)[:MOST_LINES]
    with begin() as tx:
        names = _handles_among(tx, {word for text, _ in candidates for word in words(text)})
    nameless = shared(said, names)
    return tuple(each for each in candidates if each in nameless)


def _ranges(slices: int) -> Iterator[tuple[int, int]]:
    """All numbers of 64 bits in so many ranges. A `gist` is as likely in one of them as in another."""
    edges = [-(2**63) + 2**64 * number // slices for number in range(slices + 1)]
    return ((first, last - 1) for first, last in pairwise(edges))


def _handles_among(tx: Tx, words: set[str]) -> set[str]:
    """Those of the words that somebody's handle begins with, before its first dot."""
    if not words:
        return set()
    like = [starts_with(tx, HandleRow.handle, f"{word}.") for word in sorted(words)]
    return {handle.split(".")[0] for handle in tx.scalars(select(HandleRow.handle).where(or_(*like)))}
