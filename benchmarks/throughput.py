"""How many mentions a second are answered, with a network in memory and a brain that answers at once.

`python -m benchmarks.throughput URL FOLDER WORKERS NOW FIRST COUNT NAME` is one process of several: it writes
the posts into its own network, answers one, prints a line when it is ready, and works once it is told to by a
line: what is loaded for the first answer is loaded once in months.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the rigs are those of the tests
from support.factory import LIMITS
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain

from benchmarks.store import did_of
from benchmarks.turn import NO_LIMIT, UNLIMITED, NoScheduler
from bot.domain.mention import Mention, Reason, State, StrongRef
from bot.log import configure
from bot.storage import mentions
from bot.storage.tables import MentionRow, SpendRow
from bot.worker.worker import Worker
from memory.db import Database

ROOT = Path(__file__).parents[1]


def make_harness(db: Database, folder: Path, now: datetime) -> Harness:
    """The bot of the tests over this database, at `now`, without limits."""
    limits = replace(LIMITS, **dict.fromkeys(UNLIMITED, NO_LIMIT))
    harness = Harness(db, folder, ScriptedBrain(REMEMBER, REPLY), limits=limits)
    harness.clock.now = now
    return harness


def write_posts(harness: Harness, people: range, name: str) -> list[StrongRef]:
    """One post of each person to the bot. They are the same in every process."""
    post = {"text": f"Number {name} lives in Lisbon.", "createdAt": harness.clock().isoformat()}
    return [harness.network.write(did_of(each), dict(post), rkey=f"3z{name}{each:09d}") for each in people]


def accept(harness: Harness, refs: list[StrongRef]) -> None:
    """Let these posts wait. What was spent is forgotten: limits are another matter."""
    now = harness.clock()
    with harness.services.db.write() as tx:
        tx.execute(delete(SpendRow))
        for ref in refs:
            did = ref.uri.split("/")[2]
            said = Mention(ref, did, Reason.MENTION, "I live in Lisbon.", ref, None, now)
            mentions.accept(tx, said, now=now, due_at=now)


def count_open(url: str, refs: list[StrongRef]) -> int:
    """How many of these mentions were not answered."""
    uris = [ref.uri for ref in refs]
    with closing(Database(url)) as db, db.read() as tx:
        answered = select(func.count()).where(MentionRow.uri.in_(uris), MentionRow.state == State.ANSWERED)
        return len(uris) - (tx.scalar(answered) or 0)


async def drain(harness: Harness, workers: int) -> None:
    """Work with so many workers until nothing is due."""
    services = harness.services
    team = [Worker(f"w{number}", services, NoScheduler(), random.random) for number in range(workers)]

    async def work(worker: Worker) -> None:
        while await worker.work() or await services.read(lambda tx: mentions.is_due(tx, services.clock())):
            pass  # what another process was about to claim may still be there

    await asyncio.gather(*map(work, team))


def measure(url: str, folder: Path, now: datetime, people: range, *, workers: int, processes: int) -> float:
    """Mentions a second of so many processes with so many workers each."""
    harness = make_harness(Database(url), folder, now)
    name = f"{processes}{workers}{os.getpid()}"  # the store may have been measured before
    refs = write_posts(harness, people, name)
    harness.services.db.close()
    module = [sys.executable, "-m", "benchmarks.throughput", url, str(folder), str(workers)]
    more = [now.isoformat(), str(people.start), str(len(people)), name]
    running = [
        subprocess.Popen([*module, *more], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        process.stdout.readline()
    accept(harness, refs)
    began = time.perf_counter()
    for process in [*map(_begin, running)]:
        assert process.stdout is not None
        process.stdout.readline()
    seconds = time.perf_counter() - began
    for process in running:
        process.communicate()
    if left := count_open(url, refs):
        raise SystemExit(f"{left} of {len(refs)} mentions were not answered")
    return len(refs) / seconds


def _begin(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process


def main(arguments: list[str]) -> None:
    url, folder, workers, now, first, count, name = arguments
    configure("error")
    harness = make_harness(Database(url), Path(folder), datetime.fromisoformat(now))
    people = range(int(first), int(first) + int(count))
    write_posts(harness, people, name)
    accept(harness, write_posts(harness, people[-1:], f"{name}w{os.getpid()}"))
    asyncio.run(drain(harness, workers=1))
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(drain(harness, int(workers)))
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
