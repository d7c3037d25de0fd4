"""Erase again what the journal of erasures names: from a restored database, and from an old export.

Who spoke again after the wish, and of whom nothing older is held, is left alone. Doing it twice changes
nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import structlog

from bot.domain.said import said_at
from bot.domain.uris import author
from bot.privacy.erasure import erase, forget_post, propagate_erasure
from bot.privacy.repeats import erase_repeats
from bot.storage import edits, mentions, sources, turns
from bot.storage.journal import answer_key, note_keys
from memory.errors import UnknownNote

if TYPE_CHECKING:
    from datetime import datetime

    from bot.storage.journal import Journal
    from bot.storage.ledger import Ledger
    from memory.db import Database, Tx
    from memory.store import Memory

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Erased:
    """What is here though the journal names it: DIDs, AT URIs, ids of notes, each with the time of the wish.

    `repeated`: AT URIs of posts that were shown before the wish about them or their author, and of mentions
    whose answers were erased.
    """

    people: dict[str, datetime]
    posts: dict[str, datetime]
    notes: dict[int, datetime]
    repeated: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.people or self.posts or self.notes or self.repeated)


NOTHING = Erased({}, {}, {}, frozenset())


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one person's document.

    `fresh`: it was taken in; `known`: all of it was here; `erased`: nothing was taken in, as the person was
    forgotten. `left_out`: how many notes were not taken in; None if nothing was left out.
    """

    did: str
    fresh: bool = False
    known: bool = False
    erased: bool = False
    left_out: int | None = None


def apply_journal(db: Database, memory: Memory, ledger: Ledger, journal: Journal, now: datetime) -> Erased:
    """Erase from this database what the journal names. Call it before anything is answered.

    What other machines wrote into ledger and journal is taken in. The database is looked through only if the
    journal has a line that was not carried out in it: it was restored, or a crash came between the two.
    """
    ledger.exchange(db)
    journal.exchange(db)
    with db.read() as tx:
        if journal.is_applied(tx):
            return NOTHING
        found = find_erased(tx, memory, journal, now)
    with db.write() as tx:
        erase_again(tx, memory, ledger, journal, found, now)
        journal.mark_applied(tx)
    if found:
        counts = {name: len(getattr(found, name)) for name in ("people", "posts", "notes", "repeated")}
        log.warning("journal.applied", **counts)
    return found


def import_person(
    tx: Tx, memory: Memory, ledger: Ledger, journal: Journal, text: str, now: datetime
) -> Imported:
    """Import a document of `Memory.export`, without what the journal names. Raises ImportRefused."""
    fresh = memory.import_(tx, text)
    did = json.loads(text)["person"]["did"]
    if fresh:
        for uri, _ in memory.retrieval.answered(tx, did):
            sources.add(tx, uri, [sources.UNKNOWN], now)
    before = len(memory.notes(tx, did))
    found = find_erased(tx, memory, journal, now, did)
    if not found:
        return Imported(did, fresh=fresh, known=not fresh)
    erase_again(tx, memory, ledger, journal, found, now)
    left_out, erased = before - len(memory.notes(tx, did)), did in found.people
    return Imported(did, fresh=fresh and not erased, known=not fresh, erased=erased, left_out=left_out)


def find_erased(tx: Tx, memory: Memory, journal: Journal, now: datetime, did: str | None = None) -> Erased:
    """What the journal names and this database has, of one person or of everyone."""
    if not journal:
        return NOTHING
    people: dict[str, datetime] = {}
    posts: dict[str, datetime] = {}
    for who, uri, at in chain(memory.held_posts(tx, did), mentions.posts(tx, did, with_text=True)):
        said = said_at(uri, at, now)
        _note_wish(journal, who, said, people)
        _note_wish(journal, uri, said, posts)
    for who, uri, at in chain(mentions.posts(tx, did), turns.posts(tx, did)):
        _note_wish(journal, who, said_at(uri, at, now), people)
    return Erased(people, posts, _notes(tx, memory, journal, did), _repeated(tx, memory, journal, did))


def _note_wish(journal: Journal, name: str, said: datetime | None, found: dict[str, datetime]) -> None:
    if name not in found and (wish := journal.wish_after(name, said)):
        found[name] = wish


def _notes(tx: Tx, memory: Memory, journal: Journal, did: str | None) -> dict[int, datetime]:
    wishes = (
        (note.id, journal.wish_after(key, note.written_at))
        for note in (memory.all_notes(tx) if did is None else memory.notes(tx, did))
        for key in note_keys(note)
    )
    return {number: wish for number, wish in wishes if wish}


def _repeated(tx: Tx, memory: Memory, journal: Journal, did: str | None) -> frozenset[str]:
    shown = sources.with_times(tx) if did is None else ()
    answered = memory.retrieval.answered(tx, did)
    return frozenset(
        [uri for uri, at in shown if journal.wish_after(uri, at) or journal.wish_after(author(uri), at)]
        + [uri for uri, at in answered if journal.wish_after(answer_key(uri), at)]
    )


def erase_again(
    tx: Tx, memory: Memory, ledger: Ledger, journal: Journal, found: Erased, now: datetime
) -> None:
    """Erase it as of the time of the wish."""
    for did, wish in found.people.items():
        erase(tx, memory, ledger, journal, did, wish, keep=mentions.open_wishes(tx, did))
    for uri, wish in found.posts.items():
        edits.retract(tx, uri, "deleted", wish)
        forget_post(tx, memory, journal, author(uri), uri, wish)
    for number, wish in found.notes.items():
        try:
            did = memory.note(tx, number).did
        except UnknownNote:  # it went with its person, its post or another note
            continue
        with propagate_erasure(tx, memory, journal, did, wish):
            memory.forget_note(tx, number, actor="journal", at=wish)
    for uri in found.repeated:
        erase_repeats(tx, memory, [uri], author(uri), now, hide_in=journal)
