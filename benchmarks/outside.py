"""Runs the bot through a bad fortnight, and counts what came of it: `python -m benchmarks.outside --json`.

The clock is a fake one. The network is a real PDS on loopback; in front of it stands a server that gives, by
a script, what firewalls, proxies, hostile hosts and sick providers give (`benchmarks.faults`). The bot's own
account, database, ledger and clock have their troubles too. Every mention, note and post is then compared
with the script (`benchmarks.fortnight`). The exit code is 1 if a number is not as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import stamina
import structlog
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the rigs are those of the tests
from support.harness import Harness

from benchmarks import faults, fortnight
from benchmarks.faults import SENTENCE, Fault
from benchmarks.fortnight import Kind
from bot.brains.guard import TRIES, Guarded
from bot.brains.llm import Model, ModelOptions
from bot.devnet.localnet import LocalNet
from bot.domain.addressing import MENTION
from bot.domain.commands import introduce
from bot.domain.events import AccountChanged, Blocked, PostCreated, RepoSync
from bot.domain.mention import OPEN, State
from bot.domain.threadgate import GATE
from bot.domain.uris import BLOCK, POST, record_key
from bot.network.bluesky import Bluesky
from bot.storage.tables import JobRow, MentionRow
from bot.worker.jobs import JobRunner
from bot.worker.worker import Worker
from memory.db import DATABASE_ERRORS, Database
from memory.model import Receipt, Remember

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.faults import Faults
    from benchmarks.fortnight import Said, Script, Slot
    from bot.devnet.people import Actor
    from memory.db import Tx

TIMEOUT, BRAIN_TIMEOUT = 1.0, 2.0  # seconds; in use they are 20 and 60
READS = 10  # of hosts, one after another, in one step
DEADLINE = READS * TIMEOUT + 1.5 * BRAIN_TIMEOUT + BRAIN_TIMEOUT  # with a last try, and a check of its health
WORKERS = 4
STEP = timedelta(seconds=30)  # the clock goes on at least so far when nothing is due
QUIET = timedelta(days=1)  # after the script, so that all can end
RECHECKED = 3  # people of a slot
MB_ALLOWED = 60
NOTE = "lives in Lisbon"
MUST_BE_ZERO = (
    *("erased_wrongly", "posted_wrongly", "lost", "double"),
    *("failed_by_others", "ended_wrongly", "bugs"),
)
ALLOWED_TEXTS = frozenset({SENTENCE, introduce(SENTENCE)})


class Disk(type(Path())):  # type: ignore[misc]  # the class of this machine's paths
    """A path whose files cannot be appended to while the disk is full."""

    full = False

    def open(self, mode: str = "r", *others: Any, **more: Any) -> Any:
        if Disk.full and "a" in mode:
            raise OSError(28, "No space left on device")
        return super().open(mode, *others, **more)


class Unsteady(Database):
    """A database that, while it is `sick`, ends half of the transactions at their begin or commit."""

    sick = False
    _count = 0

    def _stumble(self) -> None:
        self._count += 1
        if self.sick and self._count % 4 == 0:
            raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))

    @contextmanager
    def read(self) -> Iterator[Tx]:
        self._stumble()
        with super().read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Tx]:
        self._stumble()
        with super().write() as tx:
            yield tx
            self._stumble()


class Timed(Worker):
    """A worker that keeps how long its longest step held it, in seconds."""

    longest = 0.0

    async def work(self) -> bool:
        began = time.perf_counter()
        try:
            return await super().work()
        finally:
            self.longest = max(self.longest, time.perf_counter() - began)


@dataclass
class World:
    """The bot, the people, and all that the script has done so far. `skew`: how wrong the clock is."""

    net: LocalNet
    faults: Faults
    db: Unsteady
    bot: Actor
    people: list[Actor]
    network: Bluesky
    harness: Harness
    team: list[Timed]
    begin: datetime
    skew: timedelta = timedelta(0)
    backlog: list[Any] = field(default_factory=list)
    said: dict[str, Kind] = field(default_factory=dict)

    @property
    def time(self) -> datetime:
        """The time as it is, also while the bot's clock is wrong."""
        return self.harness.clock.now - self.skew

    def hear(self, event: type, *values: Any) -> None:
        self.backlog.append((event, values))
        self.listen()

    def listen(self) -> None:
        """Handle what was not handled yet, as the listener does: in order, again after trouble."""
        while self.backlog:
            event, values = self.backlog[0]
            try:
                self.harness.send(event, *values, self.harness.clock())
            except DATABASE_ERRORS:
                return
            self.backlog.pop(0)

    def set_skew(self, skew: timedelta) -> None:
        self.harness.clock.now += skew - self.skew
        self.skew = skew


# What the people do.


def say(world: World, said: Said) -> None:
    """Post the mention, with what makes it one that must not be answered, and let the bot hear of it."""
    person = world.people[said.who]
    if said.kind is Kind.BLOCK:
        record = {"$type": BLOCK, "subject": world.bot.did, "createdAt": stamp(world)}
        world.hear(Blocked, person.write(record, collection=BLOCK).uri, person.did)
    name = f"@{world.bot.handle}"
    feature = {"$type": MENTION, "did": world.bot.did}
    facet = {"index": {"byteStart": 0, "byteEnd": len(name)}, "features": [feature]}
    text = "stop" if said.kind is Kind.STOP else f"how was walk {len(world.said)}?"
    record = {"$type": POST, "text": f"{name} {text}", "facets": [facet], "createdAt": stamp(world)}
    ref = person.write(record)
    world.said[ref.uri] = said.kind
    if said.kind is Kind.GATED:
        gate = {"$type": GATE, "post": ref.uri, "allow": [], "createdAt": stamp(world)}
        person.write(gate, rkey=record_key(ref.uri), collection=GATE)
    if said.kind is Kind.DELETED:
        person.delete(ref)
    world.hear(PostCreated, ref, person.did, record)


def stamp(world: World) -> str:
    return world.time.isoformat().replace("+00:00", "Z")


# What the faults do.


def start_fault(world: World, slot: Slot) -> None:
    victims = [world.people[who] for who in sorted(slot.victims)]
    world.faults.set(Fault(slot.fault, tuple(person.did for person in victims)))
    match slot.fault:
        case "suspended":
            suspend(world, applied=True)
        case "revoked":
            set_password(world, "another-password")
            session = world.network._session._client._session
            session.access_jwt = session.refresh_jwt = "refused"
        case "full_disk":
            Disk.full = True
        case "database":
            world.db.sick = True
        case "clock_ahead":
            world.set_skew(timedelta(hours=1))
    for person in victims[:RECHECKED]:
        world.hear(RepoSync, person.did, "benchmark")
    for who in range(2):  # the silent: a relay says that they are deleted, which is not true
        world.hear(AccountChanged, world.people[who].did, False, "deleted")


def end_fault(world: World, slot: Slot) -> None:
    world.faults.set(Fault())
    match slot.fault:
        case "suspended":
            suspend(world, applied=False)
        case "revoked":
            set_password(world, world.bot.account.password)
    world.network._session._refused_at.clear()  # they are counted by the real clock
    Disk.full = world.db.sick = False
    world.set_skew(timedelta(0))
    world.listen()


def administer(world: World, method: str, body: dict[str, Any]) -> None:
    auth = ("admin", (world.net.data_dir / "admin-password").read_text())
    url = f"{world.net.pds_url}/xrpc/com.atproto.admin.{method}"
    httpx.post(url, auth=auth, json=body, timeout=30).raise_for_status()


def suspend(world: World, *, applied: bool) -> None:
    subject = {"$type": "com.atproto.admin.defs#repoRef", "did": world.bot.did}
    body = {"subject": subject, "takedown": {"applied": applied, "ref": "benchmark"}}
    administer(world, "updateSubjectStatus", body)


def set_password(world: World, password: str) -> None:
    administer(world, "updateAccountPassword", {"did": world.bot.did, "password": password})


# How the time passes.


async def live(world: World, until: datetime) -> None:
    """Let workers and jobs work whenever something is due."""
    while world.time < until:
        await asyncio.to_thread(world.listen)
        await asyncio.gather(*(exhaust(each) for each in (*world.team, world.harness.jobs)))
        due = next_due(world)
        soon = world.time + STEP
        world.harness.clock.now = world.skew + min(until, max(soon, due - world.skew) if due else until)


async def exhaust(runner: Any, steps: int = 500) -> None:
    try:
        for _ in range(steps):
            if not await runner.work():
                return
    except DATABASE_ERRORS:
        return  # as the scheduler does


def next_due(world: World) -> datetime | None:
    with Database.read(world.db) as tx:
        due = [tx.execute(select(func.min(row.due_at))).scalar() for row in (MentionRow, JobRow)]
    return min((at for at in due if at), default=None)


async def play(world: World, script: Script) -> None:
    """Everything that the script holds, in the order of its time; then a quiet end."""
    acts = [(slot.begin, start_fault, slot) for slot in script.slots]
    acts += [(slot.end, end_fault, slot) for slot in script.slots]
    acts += [(said.at, say, said) for said in script.said]
    for number, (at, act, what) in enumerate(sorted(acts, key=lambda act: act[0])):
        await live(world, world.begin + at)
        await asyncio.to_thread(act, world, what)
        if number % 100 == 0:
            print(f"{number} of {len(acts)} acts, {world.time:%d %H:%M}", file=sys.stderr)
    await live(world, world.begin + fortnight.SPAN + QUIET)


# What came of it.


def count(world: World, script: Script) -> dict[str, Any]:
    """Compare all that the bot has and has posted with the script."""
    with Database.read(world.db) as tx:
        states = {uri: State(state) for uri, state in tx.execute(select(MentionRow.uri, MentionRow.state))}
        whys = dict(tx.execute(select(MentionRow.uri, MentionRow.why)).tuples())
        memory = world.harness.services.memory
        noted = sum(any(n.text == NOTE for n in memory.notes(tx, person.did)) for person in world.people)
    posts = world.bot.posts()
    answers = Counter(post.record["reply"]["parent"]["uri"] for post in posts)
    ended = {uri: states[uri] for uri in world.said if uri in states}
    plain = [uri for uri, kind in world.said.items() if kind is Kind.PLAIN]
    refused = set(world.said) - set(plain)
    failed = [uri for uri, state in ended.items() if state is State.FAILED]
    wrong = [uri for uri in plain if ended.get(uri) in {State.DECLINED, State.EXPIRED, State.SILENT}]
    lost = [uri for uri in world.said if uri not in ended or ended[uri] in OPEN]
    for uri in (*failed, *wrong, *lost):
        print(world.said[uri], states.get(uri), whys.get(uri), file=sys.stderr)
    return {
        "mentions": len(script.said),
        "outcomes": dict(Counter(ended.values())),
        "posts": len(posts),
        "erased_wrongly": len(world.people) - noted,
        "posted_wrongly": sum(not may_stand(post, refused) for post in posts),
        "lost": len(lost),
        "double": sum(number - 1 for number in answers.values()),
        "failed_by_others": len(failed),
        "ended_wrongly": len(wrong),
    }


def may_stand(post: Any, refused: set[str]) -> bool:
    parent = post.record["reply"]["parent"]["uri"]
    return post.text in ALLOWED_TEXTS and parent not in refused


def memory_mb(name: str) -> float:
    """VmRSS or VmHWM (its peak) of this process."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def forget_peak() -> None:
    """Let VmHWM begin at what is used now (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


# The setup.


async def make_world(stack: AsyncExitStack, people: int) -> World:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    net = stack.enter_context(LocalNet(folder / "net"))
    front = stack.enter_context(faults.serving(net.pds_url, net.plc_url))
    bot = net.actor("jay")
    bot.label("bot")
    network = await Bluesky.connect(
        handle=bot.handle,
        password=bot.account.password,
        pds_url=front.url,
        plc_url=front.url,
        load=lambda: None,
        save=lambda _: None,
        timeout=TIMEOUT,
    )
    stack.push_async_callback(network.close)
    db = Unsteady(f"sqlite:///{folder}/outside.db")
    stack.callback(db.close)
    db.upgrade()
    harness = make_harness(db, Disk(folder), network)
    brain = await make_brain(stack, harness, front.url)
    harness.with_brain(brain)
    team = [Timed(str(n), harness.services, harness.scheduler, lambda: 0.5) for n in range(WORKERS)]
    actors = [net.actor(f"person{number}") for number in range(people)]
    return World(net, front, db, bot, actors, network, harness, team, harness.clock())


def make_harness(db: Database, folder: Path, network: Bluesky) -> Harness:
    """Deleted accounts are purged at once, if their own server confirms it."""
    harness = Harness(db, folder, network=network)
    harness.handler = replace(harness.handler, purge_grace=timedelta(0))
    harness.listener = replace(harness.listener, handler=harness.handler)
    return harness


async def make_brain(stack: AsyncExitStack, harness: Harness, url: str) -> Guarded:
    options = ModelOptions(
        name="openai-compatible:double",
        url=f"{url}/v1",
        key=SecretStr("key"),
        max_tokens=400,
        timeout=timedelta(seconds=BRAIN_TIMEOUT),
    )
    brain = Guarded(Model(options), timeout=timedelta(seconds=BRAIN_TIMEOUT), clock=harness.clock)
    await brain.start()
    stack.push_async_callback(brain.close)
    harness.services = replace(harness.services, brain=brain)
    harness.jobs = JobRunner(harness.services, harness.handler, lambda: 0.5)
    return brain


def meet(world: World, person: Actor) -> None:
    """The bot has a note of this person, from a post that stands."""
    ref = person.write({"$type": POST, "text": "I live in Lisbon.", "createdAt": stamp(world)})
    memory, now = world.harness.services.memory, world.harness.clock()
    with world.db.write() as tx:
        memory.people.meet(tx, person.did, now)
        receipt = Receipt(ref.uri, ref.cid, person.did, now)
        memory.apply(tx, person.did, [Remember(NOTE)], receipt, key=ref.uri, actor="benchmark", at=now)


async def measure(mentions: int, seed: int) -> dict[str, Any]:
    script, began, bugs = fortnight.write(mentions, seed), time.monotonic(), list[dict[str, Any]]()
    structlog.configure(processors=[watch_for(bugs)])
    async with AsyncExitStack() as stack:
        stack.enter_context(stamina.set_testing(True, attempts=TRIES))
        world = await make_world(stack, script.people)
        for person in world.people:
            await asyncio.to_thread(meet, world, person)
        forget_peak()
        start = memory_mb("VmRSS")
        await play(world, script)
        peak = memory_mb("VmHWM")
        found = await asyncio.to_thread(count, world, script)
    held = max(worker.longest for worker in world.team)
    return {
        "benchmark": "outside",
        "seed": seed,
        "people": script.people,
        "faults": len(script.slots),
        **found,
        "bugs": len(bugs),
        "peak_mb_above_start": round(peak - start, 1),
        "longest_worker_hold_s": round(held, 1),
        "worker_deadline_s": DEADLINE,
        "seconds": round(time.monotonic() - began),
    }


def watch_for(bugs: list[dict[str, Any]]) -> Any:
    """A processor of structlog that keeps bugs, and shows them and nothing else."""

    def process(_: object, __: str, event: dict[str, Any]) -> dict[str, Any]:
        if str(event.get("event")).endswith(".bug"):
            bugs.append(event)
            print(event, file=sys.stderr)
        raise structlog.DropEvent

    return process


def is_good(found: dict[str, Any]) -> bool:
    return (
        not any(found[name] for name in MUST_BE_ZERO)
        and found["peak_mb_above_start"] <= MB_ALLOWED
        and found["longest_worker_hold_s"] <= DEADLINE
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--mentions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = asyncio.run(measure(options.mentions, options.seed))
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:22} {value}" for name, value in found.items()))
    sys.exit(not is_good(found))


if __name__ == "__main__":
    main()
