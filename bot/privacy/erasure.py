"""Erase a person: their memory, their texts in the queue and in turns, and the replies to them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.storage import jobs, mentions, outcomes, turns
from bot.storage.jobs import BRAIN, JobKind
from bot.storage.ledger import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.storage.ledger import Ledger
    from memory.db import Database, Tx
    from memory.store import Memory


def erase(tx: Tx, memory: Memory, ledger: Ledger, did: str, now: datetime, *, keep: str = "") -> int:
    """Erase the person. Returns how many rows of memory. `keep` is a mention that is still to be answered."""
    erased = memory.erase(tx, did)
    erase_outside_memory(tx, ledger, did, now, keep=keep)
    return erased


def erase_outside_memory(tx: Tx, ledger: Ledger, did: str, now: datetime, *, keep: str = "") -> None:
    """Erase what the rest of the bot has of a person whom memory has erased.

    The ledger is written before the commit, so that a replay of the stream brings nothing back. The brain is
    told by a job, because it may be unreachable, or run in another process.
    """
    forget_mentions(tx, ledger, [uri for uri in mentions.uris_of(tx, did) if uri != keep], now)
    turns.erase(tx, did)
    jobs.cancel_all(tx, did)
    jobs.add(tx, JobKind.FORGET, BRAIN, now)


@contextmanager
def propagate_erasure(tx: Tx, memory: Memory, did: str, now: datetime) -> Iterator[None]:
    """Notes of this person that are erased within the block are erased from turns and from the brain too."""
    before = _sources(tx, memory, did)
    yield
    erased = before - _sources(tx, memory, did)
    turns.redact(tx, {uri for _, uri in erased})
    if erased:
        jobs.add(tx, JobKind.FORGET, BRAIN, now)


def _sources(tx: Tx, memory: Memory, did: str) -> set[tuple[int, str]]:
    """Each note of this person: its id, and the AT URI of its post."""
    return {(note.id, note.receipt.uri) for note in memory.notes(tx, did)}


def forget_post(tx: Tx, memory: Memory, did: str, uri: str, now: datetime) -> int:
    """Erase what comes from a deleted post of this person. Returns how many notes and turns."""
    with propagate_erasure(tx, memory, did, now):
        notes = memory.forget_post(tx, uri, now)
    return notes + turns.redact(tx, [uri])


def forget_mentions(tx: Tx, ledger: Ledger, uris: list[str], now: datetime) -> None:
    ledger.add(EntryKind.ERASED, *uris)
    outcomes.anonymize(tx, uris, ledger.pseudonym, now)


def erase_person(db: Database, memory: Memory, ledger: Ledger, did: str, now: datetime) -> int:
    """`erase` in a transaction of its own."""
    with db.write() as tx:
        return erase(tx, memory, ledger, did, now)
