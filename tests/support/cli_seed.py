"""A database as a bot leaves it: Iris said two things and was answered once, Mallory's mention failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.domain.events import Gap
from bot.storage import gaps
from bot.storage.tables import MentionRow, OutboxRow
from memory.model import Limits, Receipt, Remember, Revise

if TYPE_CHECKING:
    from memory.db import Database

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BOT = "did:plc:scrubjayscrubjayscrubjay"
IRIS = "did:plc:irisirisirisirisirisiris"
MALLORY = "did:plc:mallorymallorymallorymal"
HELLO = f"at://{IRIS}/app.bsky.feed.post/3kirisirisaaa"
AGAIN = f"at://{IRIS}/app.bsky.feed.post/3kirisirisbbb"
EVIL = f"at://{MALLORY}/app.bsky.feed.post/3kmallorymaaa"
REPLY = f"at://{BOT}/app.bsky.feed.post/3kscrubjayaaa"
HOSTILE = "\x1b[31mred\x1b[0m [bold]loud[/bold] \u202egnorw\x9b"


def fill(db: Database) -> None:
    from memory.store import Memory

    memory = Memory(Limits(), 2000)
    with db.write() as tx:
        for did, handle in ((IRIS, "iris.test"), (MALLORY, "mallory.test")):
            memory.people.meet(tx, did, NOON)
            memory.people.rename(tx, did, handle, NOON)
        dog = Remember("My dog is called Biscuit, and he is afraid of the vacuum cleaner but not of thunder.")
        receipt = Receipt(HELLO, "bafyhello", IRIS, NOON)
        memory.apply(tx, IRIS, [dog, Remember("Lives in Porto")], receipt, key=HELLO, actor="rules", at=NOON)
        later = Receipt(AGAIN, "bafyagain", IRIS, NOON + timedelta(hours=1))
        memory.apply(
            tx, IRIS, [Revise(2, "Lives in Lisbon")], later, key=AGAIN, actor="rules", at=later.said_at
        )
        mention(tx, HELLO, IRIS, "Hi! My dog is called Biscuit and I live in Porto.", "answered", 0)
        mention(tx, AGAIN, IRIS, "I moved: I live in Lisbon now.", "waiting", 60)
        mention(tx, EVIL, MALLORY, HOSTILE, "failed", 30, why="no brain")
        answer = {
            "mention_uri": HELLO,
            "part": 0,
            "text": "Hello Iris!",
            "facets": "[]",
            "rkey": "3kscrubjayaaa",
        }
        sent = {"record": '{"text":"Hello Iris!"}', "uri": REPLY, "cid": "bafyreply", "posted_at": NOON}
        tx.execute(OutboxRow.__table__.insert().values(**answer, **sent))
        for number, (why, replayed) in enumerate((("closed 1001", True), ("OutdatedCursor", False))):
            at = NOON + timedelta(minutes=number)
            gap = Gap(0, "bsky.network", 31_600_000_000 + number, None, why, at, replayed)
            gaps.record(tx, gap, at)


def mention(tx, uri, did, text, state, minutes, why=None) -> None:
    at = NOON + timedelta(minutes=minutes)
    refs = {"uri": uri, "cid": "bafy", "root_uri": uri, "root_cid": "bafy"}
    times = {"said_at": at, "seen_at": at, "due_at": at if state == "waiting" else None}
    counts = {"fence": 1, "attempts": 1, "tokens_in": 0, "tokens_out": 0}
    said = {"did": did, "reason": "mention", "text": text, "langs": "en", "state": state, "why": why}
    tx.execute(MentionRow.__table__.insert().values(**refs, **times, **counts, **said))
