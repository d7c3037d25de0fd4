"""Talk to the bot in a terminal: the same ears, inbox, brain, memory and outbox, another network."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import re
import select
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from bot import app, clock, factory
from bot.domain.addressing import MENTION
from bot.domain.events import PostCreated
from bot.domain.mention import OUTCOMES, StrongRef
from bot.domain.reply import tid
from bot.domain.uris import POST
from bot.network.in_memory import InMemoryNetwork
from bot.storage import views
from memory.errors import UnknownPerson

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bot.config.settings import Settings
    from bot.domain.events import Event
    from bot.domain.mention import Entry, Post
    from bot.services import Services
    from memory.db import Tx

LOOK_EVERY = 0.02  # seconds
ME = "did:web:scrubjay.invalid"
HELP = (
    "Just write. /memory shows what I hold about you, /quit ends. “forget me” and “stop” work as on Bluesky."
)
# A person at a keyboard is no flood: no pauses, no limits that a conversation would meet.
UNHURRIED = {
    "think_delay": 0.0,
    "post_delay": 0.0,
    "person_spacing": 0.0,
    "spacing": 0.0,
    "person_per_hour": 10_000,
    "person_per_day": 10_000,
    "thread_posts": 10_000,
    "partner_posts": 10_000,
    "per_hour": 10_000,
    "per_day": 10_000,
    "notes_per_day": 1_000,
    "database_url": None,  # its own database, below the data directory
}


class Keyboard:
    """The EventStream: what is typed, as posts that mention the bot. They form one thread."""

    host = "terminal"

    def __init__(self, network: InMemoryNetwork, did: str) -> None:
        self._network = network
        self._did = did
        self._typed: asyncio.Queue[Event] = asyncio.Queue()
        self._root: StrongRef | None = None
        self._last: StrongRef | None = None
        self._heard: set[str] = set()

    def say(self, text: str) -> StrongRef:
        """Post what was typed, in reply to the last post; return its reference."""
        name, now = f"@{self._network.handle}", clock.now()
        record: dict[str, object] = {
            "$type": POST,
            "text": f"{name} {text}",
            "createdAt": now.isoformat(),
            "facets": [
                {
                    "index": {"byteStart": 0, "byteEnd": len(name.encode())},
                    "features": [{"$type": MENTION, "did": ME}],
                }
            ],
        }
        if self._root and self._last:
            record["reply"] = {"root": self._root.to_json(), "parent": self._last.to_json()}
        ref = self._network.write(self._did, record, rkey=tid(now))
        self._root, self._last = self._root or ref, ref
        self._typed.put_nowait(PostCreated(0, ref, self._did, record, now))
        return ref

    def heard_back(self) -> list[Post]:
        """What the bot has posted since this was last asked, in order."""
        fresh = [post for post in self._network.posts(ME) if post.ref.uri not in self._heard]
        fresh.sort(key=lambda post: str(post.record["createdAt"]))
        self._heard |= {post.ref.uri for post in fresh}
        self._last = fresh[-1].ref if fresh else self._last
        return fresh

    async def events(self, cursor: int | None) -> AsyncGenerator[Event]:  # noqa: ARG002 - it begins anew
        while True:
            yield await self._typed.get()


def run(settings: Settings) -> int:
    """Converse until the end of input. Returns the exit code."""
    settings = settings.model_copy(update=UNHURRIED | {"data_dir": settings.data_dir / "chat"})
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_converse(settings, Console(highlight=False)))
    return 0


async def _converse(settings: Settings, console: Console) -> None:
    name = re.sub(r"[^a-z0-9-]", "", getpass.getuser().lower()) or "you"
    did = f"did:web:{name}.invalid"
    network = InMemoryNetwork(did=ME, handle="scrubjay.invalid")
    network.set_handle(did, f"{name}.invalid")
    brain = factory.make_brain(settings)
    await factory.start_brain(brain)
    db = await asyncio.to_thread(factory.open_database, settings)
    services = factory.make_services(settings, db, network, brain)
    keyboard, stopping = Keyboard(network, did), asyncio.Event()
    serving = asyncio.create_task(app.serve(settings, services, keyboard, stopping))
    try:
        await _talk(services, keyboard, did, console, serving)
    finally:
        stopping.set()
        await serving
        await brain.close()
        db.close()


async def _talk(
    services: Services, keyboard: Keyboard, did: str, console: Console, serving: asyncio.Task[None]
) -> None:
    console.print(Text(HELP, style="dim"))
    lines = _typed(sys.stdin.fileno())
    while not serving.done():
        if console.is_terminal:
            console.print(Text("you  ", style="bold"), end="")
        text = (await anext(lines, "/quit")).strip()
        if text == "/quit":
            return
        if text == "/memory":
            await _show_memory(services, did, console)
        elif text.startswith("/"):
            console.print(Text(HELP, style="dim"))
        elif text:
            mention = keyboard.say(text)
            entry = await _outcome(services, mention, serving)
            _show(entry, keyboard.heard_back(), console)


async def _typed(file: int) -> AsyncGenerator[str]:
    """Yield the lines of a file descriptor. It is polled: a blocked read would hold up Ctrl-C."""
    rest = b""
    while True:
        if not select.select([file], [], [], 0)[0]:
            await asyncio.sleep(LOOK_EVERY)
            continue
        chunk = os.read(file, 65_536)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines if chunk else [rest]:
            yield line.decode(errors="replace")
        if not chunk:
            return


async def _outcome(services: Services, mention: StrongRef, serving: asyncio.Task[None]) -> Entry | None:
    """Wait for what becomes of the mention; a forgotten one is found under its pseudonym."""
    names = (mention.uri, services.ledger.pseudonym(mention.uri))

    def look(tx: Tx) -> Entry | None:
        found = (entry for entry in views.entries(tx, limit=3) if entry.mention.uri in names)
        return next((entry for entry in found if entry.state in OUTCOMES), None)

    while not serving.done():
        if entry := await services.read(look):
            return entry
        await asyncio.sleep(LOOK_EVERY)
    return None


def _show(entry: Entry | None, answers: list[Post], console: Console) -> None:
    for answer in answers:
        console.print(Text.assemble(("jay  ", "bold green"), answer.text), end="\n\n")
    if not answers and entry is not None:
        console.print(Text(f"     ({entry.state}{f': {entry.why}' if entry.why else ''})", style="dim"))


async def _show_memory(services: Services, did: str, console: Console) -> None:
    try:
        notes = (await services.read(lambda tx: services.memory.recall(tx, did))).notes
    except UnknownPerson:
        notes = ()
    for note in notes:
        console.print(Text.assemble((f"{note.name:>4} ", "cyan"), note.text))
        console.print(Text(f"     {note.receipt.said_at:%Y-%m-%d %H:%M} {note.receipt.uri}", style="dim"))
    if not notes:
        console.print(Text("     (nothing)", style="dim"))
