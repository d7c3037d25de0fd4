"""Talk to the bot in a terminal. All parts are the bot's own, but the network is in memory."""

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
from bot.domain.hearing import Hearing
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

POLL_SECONDS = 0.02
BOT_DID = "did:web:scrubjay.invalid"
HELP = "Just write. /memory shows what I hold about you, /quit ends. “help” and the like work as on Bluesky."
# one person at a keyboard: no pauses, and limits that no conversation reaches
NO_LIMITS = {
    "tempo": "at once",
    "active_hours": None,
    "quiet_days": (),
    "think_delay": 0.0,
    "post_delay": 0.0,
    "person_spacing": 0.0,
    "spacing": 0.0,
    "person_per_hour": 10_000,
    "person_per_day": 10_000,
    "thread_posts": 10_000,
    "partner_posts": 10_000,
    "automatic_answers": 10_000,  # lines may be pasted
    "per_hour": 10_000,
    "per_day": 10_000,
    "notes_per_day": 1_000,
    "database_url": None,  # its own database, below the data directory
}


class KeyboardStream:
    """An EventStream of typed lines: each is a post that mentions the bot. All posts form one thread."""

    host = "terminal"

    def __init__(self, network: InMemoryNetwork, did: str) -> None:
        self._network = network
        self._did = did
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._root: StrongRef | None = None
        self._last: StrongRef | None = None
        self._shown: set[str] = set()

    def post(self, text: str) -> StrongRef:
        """Post the text as a reply to the last post; return its reference."""
        name, now = f"@{self._network.handle}", clock.now()
        record: dict[str, object] = {
            "$type": POST,
            "text": f"{name} {text}",
            "createdAt": now.isoformat(),
            "facets": [
                {
                    "index": {"byteStart": 0, "byteEnd": len(name.encode())},
                    "features": [{"$type": MENTION, "did": BOT_DID}],
                }
            ],
        }
        if self._root and self._last:
            record["reply"] = {"root": self._root.to_json(), "parent": self._last.to_json()}
        ref = self._network.write(self._did, record, rkey=tid(now))
        self._root, self._last = self._root or ref, ref
        self._queue.put_nowait(PostCreated(0, ref, self._did, record, now))
        return ref

    def new_replies(self) -> list[Post]:
        """Return what the bot has posted since the last call, oldest first."""
        new = [post for post in self._network.posts(BOT_DID) if post.ref.uri not in self._shown]
        new.sort(key=lambda post: str(post.record["createdAt"]))
        self._shown |= {post.ref.uri for post in new}
        self._last = new[-1].ref if new else self._last
        return new

    def hearing(self) -> Hearing:
        return Hearing(connected=True, contact=0.0, silence=None, lag=0.0)

    async def events(self, cursor: int | None) -> AsyncGenerator[Event]:  # noqa: ARG002 - there is nothing to resume
        while True:
            yield await self._queue.get()


def run(settings: Settings) -> int:
    """Answer lines from stdin until it ends. Returns the exit code."""
    settings = settings.model_copy(update=NO_LIMITS | {"data_dir": settings.data_dir / "chat"})
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(settings, Console(highlight=False)))
    return 0


async def _serve(settings: Settings, console: Console) -> None:
    name = re.sub(r"[^a-z0-9-]", "", getpass.getuser().lower()) or "you"
    did = f"did:web:{name}.invalid"
    network = InMemoryNetwork(did=BOT_DID, handle="scrubjay.invalid")
    network.set_handle(did, f"{name}.invalid")
    brain = factory.make_brain(settings)
    await factory.start_brain(brain)
    db = await asyncio.to_thread(factory.open_database, settings)
    services = factory.make_services(settings, db, network, brain)
    keyboard, stopping = KeyboardStream(network, did), asyncio.Event()
    serving = asyncio.create_task(app.serve(settings, services, keyboard, stopping))
    try:
        await _read_and_answer(services, keyboard, did, console, serving)
    finally:
        stopping.set()
        await serving
        await brain.close()
        db.close()


async def _read_and_answer(
    services: Services, keyboard: KeyboardStream, did: str, console: Console, serving: asyncio.Task[None]
) -> None:
    console.print(Text(HELP, style="dim"))
    lines = _read_lines(sys.stdin.fileno())
    while not serving.done():
        if console.is_terminal:
            console.print(Text("you  ", style="bold"), end="")
        text = (await anext(lines, "/quit")).strip()
        if text == "/quit":
            return
        if text == "/memory":
            await _print_memory(services, did, console)
        elif text.startswith("/"):
            console.print(Text(HELP, style="dim"))
        elif text:
            mention = keyboard.post(text)
            entry = await _wait_for_outcome(services, mention, serving)
            _print_replies(entry, keyboard.new_replies(), console)


async def _read_lines(file: int) -> AsyncGenerator[str]:
    """Yield the lines of a file descriptor. It is polled, because a blocked read would delay Ctrl-C."""
    rest = b""
    while True:
        if not select.select([file], [], [], 0)[0]:
            await asyncio.sleep(POLL_SECONDS)
            continue
        chunk = os.read(file, 65_536)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines if chunk else [rest]:
            yield line.decode(errors="replace")
        if not chunk:
            return


async def _wait_for_outcome(
    services: Services, mention: StrongRef, serving: asyncio.Task[None]
) -> Entry | None:
    """Wait for the outcome of the mention. An erased mention is found under its pseudonym."""
    names = (mention.uri, services.ledger.pseudonym(mention.uri))

    def find_entry(tx: Tx) -> Entry | None:
        found = (entry for entry in views.entries(tx, limit=3) if entry.mention.uri in names)
        return next((entry for entry in found if entry.state in OUTCOMES), None)

    while not serving.done():
        if entry := await services.read(find_entry):
            return entry
        await asyncio.sleep(POLL_SECONDS)
    return None


def _print_replies(entry: Entry | None, replies: list[Post], console: Console) -> None:
    for reply in replies:
        console.print(Text.assemble(("jay  ", "bold green"), reply.text), end="\n\n")
    if not replies and entry is not None:
        console.print(Text(f"     ({entry.state}{f': {entry.why}' if entry.why else ''})", style="dim"))


async def _print_memory(services: Services, did: str, console: Console) -> None:
    try:
        notes = (await services.read(lambda tx: services.memory.recall(tx, did))).notes
    except UnknownPerson:
        notes = ()
    for note in notes:
        console.print(Text.assemble((f"{note.name:>4} ", "cyan"), note.text))
        console.print(Text(f"     {note.receipt.said_at:%Y-%m-%d %H:%M} {note.receipt.uri}", style="dim"))
    if not notes:
        console.print(Text("     (nothing)", style="dim"))
