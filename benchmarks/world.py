"""The bot of a bad fortnight: on a real PDS behind a server of faults, with people of whom it has notes."""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the rigs are those of the tests
from support.harness import Harness

from benchmarks import faults
from bot.brains.guard import Guarded
from bot.brains.llm import Model, ModelOptions
from bot.devnet.localnet import LocalNet
from bot.domain.uris import POST
from bot.network.bluesky import Bluesky
from bot.worker.jobs import JobRunner
from bot.worker.worker import Worker
from memory.db import DATABASE_ERRORS, Database
from memory.model import Receipt, Remember

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AsyncExitStack

    from benchmarks.faults import Faults
    from benchmarks.fortnight import Kind
    from bot.devnet.people import Actor
    from memory.db import Tx

TIMEOUT, BRAIN_TIMEOUT = 1.0, 2.0  # seconds; in use they are 20 and 60
WORKERS = 4
NOTE = "lives in Lisbon"


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
    def read(self, person: str | None = None) -> Iterator[Tx]:
        self._stumble()
        with super().read(person) as tx:
            yield tx

    @contextmanager
    def write(self, person: str | None = None) -> Iterator[Tx]:
        self._stumble()
        with super().write(person) as tx:
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


def stamp(world: World) -> str:
    return world.time.isoformat().replace("+00:00", "Z")


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
    with ThreadPoolExecutor(WORKERS) as pool:
        actors = list(pool.map(net.actor, (f"person{number}" for number in range(people))))
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
