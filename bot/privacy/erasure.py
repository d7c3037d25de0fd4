"""Forget a person: their memory, their words in the queue and in turns, and what was said to them."""

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
    """Erase within `tx` and return how many rows of memory went. `keep` is a mention to be answered first."""
    erased = memory.erase(tx, did)
    erase_beside(tx, ledger, did, now, keep=keep)
    return erased


def erase_beside(tx: Tx, ledger: Ledger, did: str, now: datetime, *, keep: str = "") -> None:
    """Erase what is held of a person whom memory has forgotten.

    The ledger learns of it before the commit: a replay of the stream must not bring anything back. The brain
    is told by a job: it may be out of reach, or of another process.
    """
    forget_mentions(tx, ledger, [uri for uri in mentions.uris_of(tx, did) if uri != keep], now)
    turns.erase(tx, did)
    jobs.cancel_all(tx, did)
    jobs.add(tx, JobKind.FORGET, BRAIN, now)


@contextmanager
def forgetting(tx: Tx, memory: Memory, did: str, now: datetime) -> Iterator[None]:
    """Whatever notes of this person are erased within go out of turns and brain, too."""
    before = _sources(tx, memory, did)
    yield
    gone = before - _sources(tx, memory, did)
    turns.redact(tx, {uri for _, uri in gone})
    if gone:
        jobs.add(tx, JobKind.FORGET, BRAIN, now)


def _sources(tx: Tx, memory: Memory, did: str) -> set[tuple[int, str]]:
    """Each note of this person: its id, and the URI of its post."""
    return {(note.id, note.receipt.uri) for note in memory.notes(tx, did)}


def forget_post(tx: Tx, memory: Memory, did: str, uri: str, now: datetime) -> int:
    """A post of this person was deleted. Returns how many notes and turns that took along."""
    with forgetting(tx, memory, did, now):
        notes = memory.forget_post(tx, uri, now)
    return notes + turns.redact(tx, [uri])


def forget_mentions(tx: Tx, ledger: Ledger, uris: list[str], now: datetime) -> None:
    ledger.add(EntryKind.ERASED, *uris)
    outcomes.anonymize(tx, uris, ledger.pseudonym, now)


def erase_person(db: Database, memory: Memory, ledger: Ledger, did: str, now: datetime) -> int:
    """Erase the person in a transaction of its own. Returns how many rows of memory went."""
    with db.write() as tx:
        return erase(tx, memory, ledger, did, now)
