"""Reads conversations, and questions about them, from a file, and records them in memory.

A line is {"kind": "turn", "corpus", "i", "session", "time", "author", "text"} or {"kind": "query", "corpus",
"text", "gold": [i], "category"}. `gold` are the turns that hold the answer.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from memory.identifiers import thread_id
from memory.model import Passage

if TYPE_CHECKING:
    from pathlib import Path

    from memory.db import Tx
    from memory.store import Memory

NOT_KNOWN = (
    "I don't know that yet. Tell me?",
    "No idea, you haven't told me!",
    "I don't remember you mentioning it, sorry.",
    "Hmm, I have nothing about that in my notes.",
    "You never said, so I can't say.",
    "Sorry, I can't answer that: {}",
    "I'm not sure. Would you like to share it with me?",
)  # what a bot says to a question that it cannot answer
ROLES = {"person", "bot", "user", "assistant"}  # authors that are no names


@dataclass(frozen=True)
class Query:
    text: str
    gold: frozenset[int]
    category: str


@dataclass(frozen=True)
class Dialogue:
    """One corpus: all that a person and those they spoke with said, and the questions about it."""

    name: str
    turns: list[dict[str, Any]] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)

    @cached_property
    def person(self) -> str:
        """The author who is the person: so called, or who spoke first."""
        authors = [turn["author"] for turn in self.turns]
        return next((author for author in authors if author in {"person", "user"}), authors[0])

    @cached_property
    def did(self) -> str:
        return did_of(f"{self.name}/{self.person}")

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of the authors, by DID."""
        return {self.author(turn): turn["author"] for turn in self.turns if turn["author"] not in ROLES}

    def author(self, turn: dict[str, Any]) -> str:
        return did_of(f"{self.name}/{turn['author']}")

    def uri(self, turn: dict[str, Any]) -> str:
        key = letters(f"{self.name}/{turn['i']}", 13)
        return f"at://{self.did}/app.bsky.feed.post/{key}"

    def passages(self) -> list[Passage]:
        return [
            Passage(
                did=self.did,
                kind="said" if turn["author"] == self.person else "answer",
                author=self.author(turn),
                text=turn["text"],
                thread=thread_id(f"{self.name}/{turn['session']}"),
                uri=self.uri(turn),
                at=_time(turn["time"]),
            )
            for turn in self.turns
        ]

    def asked(self) -> list[Passage]:
        """Every question, asked by the person in a thread of its own, and a bot that did not know."""
        begin = _time(self.turns[-1]["time"])
        said = []
        for number, query in enumerate(self.queries):
            key = f"{self.name}/asked/{number}"
            thread, at = thread_id(key), begin + timedelta(minutes=number + 1)
            uri = f"at://{self.did}/app.bsky.feed.post/{letters(key, 13)}"
            words = NOT_KNOWN[number % len(NOT_KNOWN)].format(query.text)
            said += [
                Passage(self.did, "said", self.did, query.text, thread, uri, at),
                Passage(self.did, "answer", did_of("bot"), words, thread, uri, at + timedelta(seconds=9)),
            ]
        return said

    def feed(self, memory: Memory, tx: Tx) -> None:
        """Record every turn as the bot would, an exchange a turn."""
        said = self.passages()
        memory.people.meet(tx, self.did, said[0].at)
        for passage in said:
            memory.retrieval.record(tx, passage)


def load(path: Path) -> list[Dialogue]:
    found: dict[str, Dialogue] = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in map(json.loads, lines):
            dialogue = found.setdefault(line["corpus"], Dialogue(line["corpus"]))
            if line["kind"] == "turn":
                dialogue.turns.append(line)
            elif line["gold"]:
                dialogue.queries.append(
                    Query(line["text"], frozenset(line["gold"]), str(line.get("category", "")))
                )
    return list(found.values())


def did_of(name: str) -> str:
    return f"did:plc:{letters(name, 24)}"


def letters(name: str, count: int) -> str:
    return base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()[:count]


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
