"""Erase a person: their memory, their texts in the queue and in turns, and the replies to them.

What somebody wished to be erased is written into the journal of erasures, inside the transaction that erases.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.privacy.repeats import erase_repeats
from bot.storage import consent, edits, jobs, mentions, merging, outcomes, redaction, sources, stances, turns
from bot.storage.jobs import BRAIN, JobKind
from bot.storage.journal import note_keys
from bot.storage.ledger_entries import EntryKind
from memory import crash
from memory.db import lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from bot.storage.journal import Journal
    from bot.storage.ledger import Ledger
    from memory.db import Database, Tx
    from memory.model import Note
    from memory.store import Memory


def erase(
    tx: Tx,
    memory: Memory,
    ledger: Ledger,
    journal: Journal,
    did: str,
    now: datetime,
    *,
    wished_at: datetime | None = None,
    keep: Collection[str] = (),
) -> int:
    """Erase the person, because of a wish of `wished_at` (else of `now`). Returns how many rows of memory.

    `keep` are mentions that are still to be answered.
    """
    lock_person(tx, did)
    journal.add(tx, wished_at or now, did)
    erased = memory.erase(tx, did)
    erase_outside_memory(tx, memory, ledger, journal, did, now, keep=keep, hide=True)
    crash.reach("erasing")
    return erased


def lock_person(tx: Tx, did: str) -> None:
    """Until the transaction ends, nobody else erases this person or stores what they said."""
    lock(tx, f"erasure {did}")


def erase_outside_memory(
    tx: Tx,
    memory: Memory,
    ledger: Ledger,
    journal: Journal,
    did: str,
    now: datetime,
    *,
    keep: Collection[str] = (),
    hide: bool = False,
) -> None:
    """Erase what the rest of the bot has of a person whom memory has erased.

    The ledger is written before the commit, so that a replay of the stream brings nothing back. The brain is
    told by a job, because it may be unreachable, or run in another process.
    """
    theirs, threads = mentions.uris_of(tx, did), redaction.in_threads_of(tx, did)
    posts = [*theirs, *threads, *sources.by_author(tx, did)]
    erase_repeats(tx, memory, posts, did, now, hide_in=journal if hide else None)
    redaction.hide_threads(tx, threads, journal.pseudonym)
    forget_mentions(tx, ledger, [uri for uri in theirs if uri not in keep], now)
    turns.erase(tx, did)
    sources.erase(tx, did)
    consent.forget_hidden(tx, did)
    consent.forget_memory_wish(tx, did)
    stances.erase(tx, did)
    jobs.cancel_all(tx, did)
    jobs.add(tx, JobKind.FORGET, BRAIN, now)


def forget_some_mentions(tx: Tx, memory: Memory, ledger: Ledger, did: str, now: datetime, limit: int) -> bool:
    """Forget so many mentions of this person, if they have more. False if not: nothing is done then."""
    some = mentions.uris_of(tx, did, limit + 1)
    if len(some) <= limit:
        return False
    erase_repeats(tx, memory, some[:limit], did, now)
    forget_mentions(tx, ledger, some[:limit], now)
    return True


@contextmanager
def propagate_erasure(tx: Tx, memory: Memory, journal: Journal, did: str, now: datetime) -> Iterator[None]:
    """Notes of this person that are erased within the block are erased from turns and from the brain too."""
    before = _notes(tx, memory, did)
    yield
    left = _notes(tx, memory, did)
    erased = [note for number, note in before.items() if number not in left]
    if erased:
        journal.add(tx, now, *(key for note in erased for key in note_keys(note)))
        posts = {receipt.uri for note in erased for receipt in note.receipts}
        redaction.erase_words(tx, posts)
        erase_repeats(tx, memory, posts, did, now, hide_in=journal)
        jobs.add(tx, JobKind.FORGET, BRAIN, now)


def _notes(tx: Tx, memory: Memory, did: str) -> dict[int, Note]:
    return {note.id: note for note in memory.notes(tx, did)}


def forget_post(tx: Tx, memory: Memory, journal: Journal, did: str, uri: str, now: datetime) -> int:
    """Erase what comes from a deleted post of this person. Returns how many notes and turns."""
    with propagate_erasure(tx, memory, journal, did, now):
        notes = memory.forget_post(tx, uri, now)
        if turn := merging.merged_into(tx, uri):  # its notes may come from any of these posts
            notes += memory.forget_post(tx, turn, now)
    gone = notes + erase_repeats(tx, memory, [uri], did, now, hide_in=journal)
    if gone or edits.cids_of(tx, [uri]):
        journal.add(tx, now, uri)
    return gone


def forget_mentions(tx: Tx, ledger: Ledger, uris: list[str], now: datetime) -> None:
    ledger.add(EntryKind.ERASED, *uris)
    consent.withdraw(tx, uris, now)
    outcomes.decline_all(tx, uris, "forgotten", now)
    redaction.anonymize(tx, uris, ledger.pseudonym)


def erase_person(
    db: Database, memory: Memory, ledger: Ledger, journal: Journal, did: str, now: datetime
) -> int:
    """`erase` in a transaction of its own."""
    with db.write() as tx:
        return erase(tx, memory, ledger, journal, did, now)
