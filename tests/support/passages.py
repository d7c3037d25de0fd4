"""Passages that were said, recorded and found."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from memory.identifiers import thread_id
from memory.model import Passage, Remember, Revise
from support.memory_people import ALICE, MEMORY, later, receipt

if TYPE_CHECKING:
    from memory.db import Database
    from memory.store import Memory

BOT = "did:plc:jay"
NUMBERS = itertools.count()


def said(
    text: str, post: str | None = None, *, did: str = ALICE, thread: str = "t", hours: float = 0, **more
):
    uri = f"at://{did}/app.bsky.feed.post/{post or f's{next(NUMBERS)}'}"
    return Passage(did, "said", did, text, thread_id(thread), uri, later(hours), **more)


def answer(to: Passage, text: str) -> Passage:
    return replace(to, kind="answer", author=BOT, text=text)


def record(db: Database, *each: Passage, memory: Memory = MEMORY) -> None:
    with db.write() as tx:
        memory.retrieval.record(tx, *each)


def find(db: Database, query: str, did: str = ALICE, *, memory: Memory = MEMORY, hours=1000, **more):
    with db.read() as tx:
        return [each.text for each in memory.retrieval.find(tx, did, query, now=later(hours), **more)]


def supersede(db: Database, memory: Memory, *pairs: tuple[str, str]) -> None:
    """Write the first of each pair as a note, and supersede it by the second 100 hours later."""
    with db.write() as tx:
        for number, (old, new) in enumerate(pairs):
            told = receipt(post=f"o{number}", said_at=later(number))
            (note,) = memory.apply(tx, ALICE, [Remember(old)], told, key=told.uri, actor="a", at=told.said_at)
            told = receipt(post=f"n{number}", said_at=later(100 + number))
            edits = [Revise(note.id, new)]
            memory.apply(tx, ALICE, edits, told, key=told.uri, actor="a", at=told.said_at)
