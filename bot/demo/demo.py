"""Runs the demo: starts a network and the daemon, lets people talk, and checks the answers."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.demo.daemon import Daemon
from bot.demo.script import LABELLED, SCRIPT
from bot.demo.summary import Summary, print_verdict
from bot.devnet.localnet import LocalNet
from bot.devnet.node import install_once
from bot.domain.mention import OUTCOMES, State
from bot.errors import NotFound, ScrubjayError
from bot.storage import views
from bot.storage.ledger import Ledger
from memory.db import Database
from memory.files import sqlite_url
from memory.store import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.demo.script import ScriptedPost
    from bot.devnet.people import Actor
    from bot.domain.mention import Entry, Post, StrongRef

OUTCOME_TIMEOUT = 60.0  # seconds; then the mention counts as lost
POLL_SECONDS = 0.05
BETWEEN_KILLS = (0.3, 2.0)  # seconds


class DemoError(ScrubjayError):
    """The demo could not be held:"""


def run(*, as_json: bool = False, keep: bool = False, kills: int = 0, seed: int | None = None) -> int:
    """Run the demo; return the exit code. `kills`: how often the daemon is killed (SIGKILL) meanwhile."""
    begun = time.monotonic()
    os.environ.setdefault("NO_PROXY", "localhost,127.0.0.1")  # a proxy cannot reach this machine's loopback
    console = Console(stderr=as_json, highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="scrubjay-demo-"))
    with ExitStack() as stack:
        if not keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        demo = Demo(folder, console, stack)
        demo.open()
        asyncio.run(demo.run_conversation(kills, random.Random(seed)))  # noqa: S311 - when to kill is no secret
        demo.close()
        summary = demo.judge(time.monotonic() - begun, kills)
        demo.show_memory()
    if as_json:
        print(json.dumps(asdict(summary)))  # noqa: T201 - data goes to stdout
    print_verdict(console, summary, folder if keep else None)
    return 0 if summary.good else 1


class Demo:
    """The network, the people, the daemon and its database."""

    def __init__(self, folder: Path, console: Console, stack: ExitStack) -> None:
        self._folder = folder
        self._console = console
        self._stack = stack
        self._posted: dict[str, StrongRef] = {}
        self._answers: dict[str, list[Post]] = {}

    def open(self) -> None:
        self._announce("starting a PLC directory and a PDS on loopback")
        install_once()
        self._net = self._stack.enter_context(LocalNet(self._folder / "network"))
        names = ["jay", *dict.fromkeys(scripted.who for scripted in SCRIPT)]
        self._announce(f"signing up @jay.test, which labels itself a bot, and {', '.join(names[1:])}")
        with ThreadPoolExecutor(4) as pool:
            actors = list(pool.map(self._net.actor, names))
        self._people = dict(zip(names, actors, strict=True))
        for name in ("jay", *LABELLED):
            self._people[name].label("bot")
        self._bot = self._people.pop("jay")
        self._daemon = Daemon(self._folder, self._net, self._bot.account)
        self._announce("starting the daemon: scrubjay run")
        self._daemon.start()
        self._stack.callback(self._daemon.kill)
        self._db = self._open_database()
        self._ledger = Ledger(self._daemon.data / "ledger", lambda: datetime.now(UTC))

    def _open_database(self) -> Database:
        """Wait until the daemon has created its database, and open it."""
        url = sqlite_url(self._daemon.data / "scrubjay.db")
        deadline = time.monotonic() + OUTCOME_TIMEOUT
        while time.monotonic() < deadline and self._daemon.alive():
            if (self._daemon.data / "ledger").exists():
                db = Database(url)
                self._stack.callback(db.close)
                return db
            time.sleep(POLL_SECONDS)
        raise DemoError(f"the daemon did not start. Its log:\n{self._daemon.log.read_text()[-2000:]}")

    async def run_conversation(self, kills: int, chance: random.Random) -> None:
        """Let all people post at the same time, each in order."""
        self._announce("they talk\n")
        killer = asyncio.create_task(self._kill_daemon(kills, chance))
        await asyncio.gather(*(self._post_in_order(who) for who in self._people))
        await killer

    async def _post_in_order(self, who: str) -> None:
        """Post one after another. A missing answer that the next post needs ends it: the rest is lost."""
        for scripted in (each for each in SCRIPT if each.who == who):
            if any(not self._answers.get(name) for name in (scripted.to, scripted.quote) if name):
                return
            await self._post_and_wait(scripted)

    async def _post_and_wait(self, scripted: ScriptedPost) -> None:
        actor = self._people[scripted.who]
        ref = await asyncio.to_thread(self._post, actor, scripted)
        self._posted[scripted.name] = ref
        self._print(scripted.who, scripted.text)
        if scripted.deleted_at_once:
            await asyncio.to_thread(actor.delete, ref)
            self._print(scripted.who, "(deletes that)", dim=True)
        if not scripted.addressed:
            return
        entry = await self._outcome(ref.uri)
        answer = await asyncio.to_thread(self._find_answer, ref.uri)
        self._answers[scripted.name] = answer
        for post in answer:
            self._print(f"jay → {scripted.who}", post.text, bot=True)
        if not answer:
            state, why = (entry.state, entry.why) if entry else ("lost", None)
            self._print(f"jay → {scripted.who}", f"({state}{f': {why}' if why else ''})", dim=True)

    def _post(self, actor: Actor, scripted: ScriptedPost) -> StrongRef:
        last = self._answers[scripted.to][-1].ref if scripted.to else None
        own = self._posted[scripted.under] if scripted.under else None
        quoted = self._answers[scripted.quote][0].ref if scripted.quote else None
        mentions = [self._bot] if f"@{self._bot.handle}" in scripted.text else []
        return actor.post(scripted.text, mentions=mentions, reply_to=last or own, quote=quoted)

    async def _outcome(self, uri: str) -> Entry | None:
        deadline = time.monotonic() + OUTCOME_TIMEOUT
        while time.monotonic() < deadline:
            entry = await asyncio.to_thread(self._entry, uri)
            if entry is not None and entry.state in OUTCOMES:
                return entry
            await asyncio.sleep(POLL_SECONDS)
        return None

    def _entry(self, uri: str) -> Entry | None:
        """Return the mention's entry in the database. An erased mention is found under its pseudonym."""
        with self._db.read() as tx:
            for name in (uri, self._ledger.pseudonym(uri)):
                try:
                    return views.entry(tx, name)
                except NotFound:
                    continue
        return None

    def _find_answer(self, uri: str) -> list[Post]:
        """Return the bot's posts on the PDS that answer this one, part by part."""
        by_parent = {_parent(post): post for post in self._bot.posts()}
        found: list[Post] = []
        while post := by_parent.get(found[-1].ref.uri if found else uri):
            found.append(post)
        return found

    async def _kill_daemon(self, kills: int, chance: random.Random) -> None:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(*BETWEEN_KILLS))
            await asyncio.to_thread(self._daemon.kill)
            self._print("kill -9", "the daemon dies and is started again", dim=True)
            self._daemon.start()

    def close(self) -> None:
        self._announce("\nstopping the daemon (SIGTERM)")
        code = self._daemon.stop()
        if code:
            raise DemoError(f"the daemon ended with {code}. Its log:\n{self._daemon.log.read_text()[-2000:]}")

    def judge(self, seconds: float, kills: int) -> Summary:
        """Compare what is expected with the daemon's database and with the PDS."""
        addressed = [scripted for scripted in SCRIPT if scripted.addressed]
        parents = [_parent(post) for post in self._bot.posts()]
        uris = {each.name: self._posted[each.name].uri for each in addressed if each.name in self._posted}
        replies = {name: parents.count(uri) for name, uri in uris.items()}
        entries = {each.name: self._entry(uris.get(each.name, "")) for each in addressed}
        wrong = [
            problem for scripted in addressed for problem in self._problems(scripted, entries[scripted.name])
        ]
        with self._db.read() as tx:
            notes = sum(count for _, count in Memory().people.recent(tx))
        return Summary(
            mentions=len(addressed),
            answered=sum(
                bool(self._answers.get(scripted.name)) for scripted in addressed
            ),  # though a stop took it back
            double=sum(max(0, count - 1) for count in replies.values()),
            lost=sum(
                entry is None
                or entry.state not in OUTCOMES
                or (entry.state is State.ANSWERED and not self._answers.get(name))
                for name, entry in entries.items()
            ),
            notes=notes,
            seconds=round(seconds, 1),
            kills=kills,
            wrong=tuple(wrong),
        )

    def _problems(self, scripted: ScriptedPost, entry: Entry | None) -> Iterator[str]:
        if entry is not None and entry.state != scripted.expect:
            yield f"{scripted.name}: {entry.state} ({entry.why}), expected {scripted.expect}"
        answer = self._answers.get(scripted.name, [])
        text = " ".join(post.text for post in answer)
        if (scripted.expect is State.ANSWERED) != bool(answer):
            yield f"{scripted.name}: {len(answer)} posts in answer, expected {scripted.expect}"
        if scripted.expect is State.ANSWERED and len(answer) < scripted.parts:
            yield f"{scripted.name}: the answer takes {len(answer)} posts, expected {scripted.parts}"
        yield from (
            f"{scripted.name}: the answer lacks {word!r}" for word in scripted.says if word not in text
        )
        yield from (
            f"{scripted.name}: the answer holds {word!r}" for word in scripted.without if word in text
        )

    def show_memory(self) -> None:
        """Print what is remembered of each person, every line with its receipt."""
        self._console.print(Text("\nWhat it remembers, and where each line comes from:", style="bold"))
        memory = Memory()
        with self._db.read() as tx:
            for person, count in memory.people.recent(tx):
                self._console.print(
                    Text(f"\n@{person.handle}", style="bold cyan"), Text(person.did, style="dim")
                )
                if not count:
                    self._console.print(Text("  nothing", style="dim"))
                for note in memory.recall(tx, person.did).notes:
                    old = [
                        f"{other.name} {other.text!r}"
                        for other in memory.chain(tx, note.id)
                        if other.id != note.id
                    ]
                    instead = f"  (instead of {', '.join(old)})" if old else ""
                    self._console.print(Text(f"  {note.name:>4}  {note.text}"), Text(instead, style="yellow"))
                    self._console.print(Text(f"        {note.receipt.uri}", style="dim"))

    def _announce(self, what: str) -> None:
        self._console.print(Text(what, style="dim"))

    def _print(self, who: str, text: str, *, bot: bool = False, dim: bool = False) -> None:
        row = Table.grid(padding=(0, 2))
        row.add_column(width=12, justify="right")
        row.add_row(
            Text(who, style="bold green" if bot else "bold cyan"),
            Text(text.replace("\n\n", " "), style="dim" if dim else "green" if bot else ""),
        )
        self._console.print(row)


def _parent(post: Post) -> str | None:
    reply = post.record.get("reply")
    return reply["parent"]["uri"] if reply else None
