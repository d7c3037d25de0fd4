"""What a search takes among the passages of a person who said very much."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import TYPE_CHECKING

from memory.encoders import WordLlama
from memory.model import Passage
from memory.store import Memory

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Database

WORDS = itertools.cycle(
    ("boats", "bread", "cats", "rain", "chess", "tea", "maps", "owls", "trains", "figs", "jazz")
)


def measure(db: Database, now: datetime, passages: int) -> dict[str, float]:
    """The times of a search in milliseconds: the first, the next, and after an exchange."""
    memory, did, number = Memory(encoder=WordLlama()), "did:plc:talker", itertools.count()
    with db.write() as tx:
        memory.people.meet(tx, did, now)

    def say(count: int) -> None:
        texts = [f"{next(WORDS)} {next(WORDS)} and {next(WORDS)} are what I like" for _ in range(count)]
        uris = [f"at://{did}/app.bsky.feed.post/3i{next(number):011d}" for _ in texts]
        pairs = zip(uris, texts, strict=True)
        said = [Passage(did, "said", did, text, len(text), uri, now) for uri, text in pairs]
        with db.write() as tx:
            memory.retrieval.record(tx, *said)

    def search() -> float:
        began = time.perf_counter()
        with db.read() as tx:
            memory.retrieval.find(tx, did, "what do I like?", now=now)
        return (time.perf_counter() - began) * 1000

    say(passages)
    found: dict[str, list[float]] = {"built": [], "same": [], "after an exchange": []}
    for _ in range(5):
        memory.retrieval.drop_index(did)
        found["built"].append(search())
        found["same"].append(search())
        say(2)
        found["after an exchange"].append(search())
    with db.write() as tx:
        memory.erase(tx, did)
    return {"passages": passages, **{name: round(statistics.median(each), 1) for name, each in found.items()}}
