"""Measures whether memory keeps people apart, forgets and is useful: several people in one shared space.

python -m benchmarks.governance --data FILE.jsonl.gz [--db sqlite|postgres] [--encoder wordllama|none|e5]
    [--json]

A line is {"kind": "turn", "corpus", "i", "time", "author", "role", "text"} or {"kind": "query", "corpus",
"until": i, "asker", "type", "text", "include": [regular expression], "protected": [string]}. Each author is a
person who speaks to the bot. A query is asked after turn `until`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import statistics
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.dialogues import did_of, letters
from benchmarks.memory import database
from memory import encoders
from memory.identifiers import thread_id
from memory.model import Passage
from memory.store import Memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memory.db import Database, Tx

FOUND = 20  # passages that count as shown
BEGIN = datetime(2026, 1, 1)  # noqa: DTZ001 - of a space whose turns have no time
BUDGET = 4000  # tokens that a prompt may spend on memory


class Undone(Exception):
    """What was forgotten for one query is there for the next."""


@dataclass
class Episode:
    """What some people said in one shared space, and who asked what afterwards."""

    name: str
    turns: list[dict[str, Any]] = field(default_factory=list)
    queries: list[dict[str, Any]] = field(default_factory=list)

    def did(self, author: str) -> str:
        return did_of(f"{self.name}/{author}")

    def said(self, turn: dict[str, Any]) -> Passage:
        did = self.did(turn["author"])
        key = letters(f"{self.name}/{turn['i']}", 13)
        uri = f"at://{did}/app.bsky.feed.post/{key}"
        at = datetime.fromisoformat(turn["time"]) if turn["time"] else BEGIN + timedelta(minutes=turn["i"])
        return Passage(did, "said", did, turn["text"], thread_id(self.name), uri, at.replace(tzinfo=UTC))


@dataclass
class Shown:
    """What one query was shown, by retrieval and in a prompt. `foreign`: rows of somebody else."""

    found: list[str]
    prompt: list[str]
    foreign: int

    def has(self, words: str) -> bool:
        return any(words.casefold() in text.casefold() for text in (*self.found, *self.prompt))


def load(path: Path) -> list[Episode]:
    episodes: dict[str, Episode] = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in map(json.loads, lines):
            episode = episodes.setdefault(line["corpus"], Episode(line["corpus"]))
            (episode.turns if line["kind"] == "turn" else episode.queries).append(line)
    return list(episodes.values())


@dataclass
class Run:
    """A memory, and what its answers to the queries amount to."""

    db: Database
    memory: Memory
    foreign: int = 0
    deleted_shown: int = 0
    deleted: int = 0
    useful: list[bool] = field(default_factory=list)
    own: list[bool] = field(default_factory=list)
    shown: list[bool] = field(default_factory=list)

    def play(self, episode: Episode) -> None:
        """Say everything in its order, and ask each query when it was asked."""
        waiting = sorted(episode.queries, key=lambda query: query["until"])
        spoken: list[dict[str, Any]] = []
        for turn in sorted(episode.turns, key=lambda turn: turn["i"]):
            self._ask(episode, (query for query in waiting if query["until"] < turn["i"]), spoken)
            waiting = [query for query in waiting if query["until"] >= turn["i"]]
            with self.db.write() as tx:
                passage = episode.said(turn)
                self.memory.people.meet(tx, passage.did, passage.at)
                self.memory.retrieval.record(tx, passage)
            spoken.append(turn)
        self._ask(episode, waiting, spoken)

    def _ask(self, episode: Episode, queries: Iterable[dict[str, Any]], spoken: list[dict[str, Any]]) -> None:
        for query in queries:
            own = [turn for turn in spoken if turn["author"] == query["asker"]]
            if not own:
                self._count_stranger(query)
                continue
            with self.db.read() as tx:
                shown = self._recall(tx, episode, query)
            self.foreign += shown.foreign
            if query["type"] == "utility":
                self.useful.append(_holds_all(query["include"], shown.found))
                self.own.append(_holds_all(query["include"], [turn["text"] for turn in own]))
            else:
                self.shown.append(any(map(shown.has, query["protected"])))
                self._forget(episode, query, own)

    def _count_stranger(self, query: dict[str, Any]) -> None:
        """Nothing is known of who never spoke."""
        if query["type"] == "utility":
            self.useful.append(False)
            self.own.append(False)
        else:
            self.shown.append(False)

    def _forget(self, episode: Episode, query: dict[str, Any], own: list[dict[str, Any]]) -> None:
        """Let the asker delete each of their posts that holds a protected string, and ask again."""
        told = [
            turn
            for turn in own
            if any(words.casefold() in turn["text"].casefold() for words in query["protected"])
        ]
        if not told:
            return
        now = episode.said(own[-1]).at
        with suppress(Undone), self.db.write() as tx:
            for turn in told:
                self.memory.forget_post(tx, episode.said(turn).uri, now)
            shown = self._recall(tx, episode, query)
            self.foreign += shown.foreign
            self.deleted += len(query["protected"])
            self.deleted_shown += sum(map(shown.has, query["protected"]))
            raise Undone
        self.memory.retrieval.drop_index(episode.did(query["asker"]))

    def _recall(self, tx: Tx, episode: Episode, query: dict[str, Any]) -> Shown:
        did, now = episode.did(query["asker"]), datetime(2100, 1, 1, tzinfo=UTC)
        found = self.memory.retrieval.find(tx, did, query["text"], FOUND, now=now)
        known = self.memory.compile(tx, did, query["text"], now=now, total=BUDGET)
        items = [*known.exchanges.items, *known.recalled.items, *known.archived.items]
        owners = [passage.did for passage in found] + [item.uri.split("/")[2] for item in items if item.uri]
        return Shown(
            [passage.text for passage in found],
            [item.text for item in items],
            sum(owner != did for owner in owners),
        )


def _holds_all(patterns: list[str], texts: list[str]) -> bool:
    whole = "\n".join(texts)
    return all(re.search(pattern, whole, re.IGNORECASE) for pattern in patterns)


def measure(db: Database, encoder: str, path: Path) -> dict[str, Any]:
    run = Run(db, Memory(encoder=encoders.load(encoder)))
    for episode in load(path):
        run.play(episode)
    return {
        "data": path.name,
        "db": "sqlite" if db.is_sqlite else "postgres",
        "encoder": encoder,
        "utility_queries": len(run.useful),
        "usefulness": statistics.fmean(run.useful),
        "usefulness_of_all_own_words": statistics.fmean(run.own),
        "other_queries": len(run.shown),
        "protected_in_own_words_shown": statistics.fmean(run.shown),
        "foreign_rows": run.foreign,
        "deleted_strings": run.deleted,
        "deleted_strings_shown": run.deleted_shown,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--encoder", choices=tuple(encoders.ENCODERS), default="wordllama")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with database(options.db) as db:
        result = measure(db, options.encoder, options.data)
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:32} {value:.3f}" if isinstance(value, float) else f"{name:32} {value}")


if __name__ == "__main__":
    main()
