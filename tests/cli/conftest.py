"""A database as a bot leaves it, and commands run against it as an operator would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.tables import MentionRow, OutboxRow
from memory.db import Database
from memory.model import Limits, Receipt, Remember, Revise

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BOT = "did:plc:scrubjayscrubjayscrubjay"
IRIS = "did:plc:irisirisirisirisirisiris"
MALLORY = "did:plc:mallorymallorymallorymal"
HELLO = f"at://{IRIS}/app.bsky.feed.post/3kirisirisaaa"
AGAIN = f"at://{IRIS}/app.bsky.feed.post/3kirisirisbbb"
EVIL = f"at://{MALLORY}/app.bsky.feed.post/3kmallorymaaa"
REPLY = f"at://{BOT}/app.bsky.feed.post/3kscrubjayaaa"
HOSTILE = "\x1b[31mred\x1b[0m [bold]loud[/bold] \u202egnorw\x9b"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """Runs `scrubjay` as a process of its own, without a terminal."""

    home: Path

    def __call__(self, *args: str, **env: str) -> Done:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SCRUBJAY_")}
        command = [
            sys.executable,
            "-W",
            "error",
            "-c",
            "from bot.cli import main; main(prog_name='scrubjay')",
        ]
        done = subprocess.run(
            [*command, *args],
            cwd=self.home,
            env={**kept, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """Iris, who said two things and was answered; Mallory, whose mention failed."""
    pytest.importorskip("memory.store")
    pytest.importorskip("bot.inbox")
    (cli.home / "data").mkdir()
    db = Database(f"sqlite:///{cli.home}/data/scrubjay.db")
    db.upgrade()
    fill(db)
    db.close()
    return cli


def fill(db: Database) -> None:
    from memory.store import Memory

    memory = Memory(Limits(), 2000)
    with db.write() as tx:
        for did, handle in ((IRIS, "iris.test"), (MALLORY, "mallory.test")):
            memory.meet(tx, did, NOON)
            memory.rename(tx, did, handle, NOON)
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


def mention(tx, uri, did, text, state, minutes, why=None) -> None:
    at = NOON + timedelta(minutes=minutes)
    refs = {"uri": uri, "cid": "bafy", "root_uri": uri, "root_cid": "bafy"}
    times = {"said_at": at, "seen_at": at, "due_at": at if state == "waiting" else None}
    counts = {"fence": 1, "attempts": 1, "tokens_in": 0, "tokens_out": 0}
    said = {"did": did, "reason": "mention", "text": text, "langs": "en", "state": state, "why": why}
    tx.execute(MentionRow.__table__.insert().values(**refs, **times, **counts, **said))
