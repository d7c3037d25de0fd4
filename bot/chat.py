"""Talk to the bot in a terminal: the same ears, inbox, brain, memory and outbox; the terminal is the network."""

from __future__ import annotations

import asyncio
import getpass
import re
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from bot import app, brains, inbox
from bot.attention import MENTION_FEATURE
from bot.model import OUTCOMES, PostCreated, StrongRef
from bot.terminal import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.bench import Bench
    from bot.model import Entry, Event
    from bot.settings import Settings

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
}


class Keyboard:
    """The Source: what is typed, as posts that mention the bot. They form one thread."""

    host = "terminal"

    def __init__(self, network: MemoryNetwork, did: str) -> None:
        self._network = network
        self._did = did
        self._typed: asyncio.Queue[Event] = asyncio.Queue()
        self._count = 0

    def say(self, text: str, parent: StrongRef | None, root: StrongRef | None) -> StrongRef:
        """Post what was typed; return its reference."""
        name = f"@{self._network.handle}"
        record: dict[str, object] = {
            "$type": "app.bsky.feed.post",
            "text": f"{name} {text}",
            "createdAt": app.clock().isoformat(),
            "facets": [
                {
                    "index": {"byteStart": 0, "byteEnd": len(name.encode())},
                    "features": [{"$type": MENTION_FEATURE, "did": ME}],
                }
            ],
        }
        if parent and root:
            record["reply"] = {"parent": parent.to_json(), "root": root.to_json()}
        ref = self._network.write(self._did, record)
        self._count += 1
        self._typed.put_nowait(PostCreated(self._count, ref, self._did, record, app.clock()))
        return ref

    async def events(self, cursor: int | None) -> AsyncIterator[Event]:  # noqa: ARG002 - nothing was typed before
        while True:
            yield await self._typed.get()


def run(settings: Settings) -> int:
    """Converse until the end of input. Returns the exit code."""
    settings = settings.model_copy(update=UNHURRIED | {"data_dir": settings.data_dir / "chat"})
    return asyncio.run(_converse(settings, Console(highlight=False)))


async def _converse(settings: Settings, console: Console) -> int:
    name = re.sub(r"[^a-z0-9-]", "", getpass.getuser().lower()) or "you"
    did = f"did:web:{name}.invalid"
    network = MemoryNetwork(did=ME, handle="scrubjay.invalid")
    network.name(did, f"{name}.invalid")
    db = await asyncio.to_thread(app.open_database, settings)
    bench = app.make_bench(settings, db, network, brains.make(settings.brain))
    keyboard, stopping = Keyboard(network, did), asyncio.Event()
    serving = asyncio.create_task(app.serve(settings, bench, keyboard, stopping))
    try:
        await _talk(bench, keyboard, did, console, serving)
    finally:
        stopping.set()
        await serving
        db.close()
    return 0


async def _talk(
    bench: Bench, keyboard: Keyboard, did: str, console: Console, serving: asyncio.Task[None]
) -> None:
    console.print(Text(HELP, style="dim"))
    parent: StrongRef | None = None
    root: StrongRef | None = None
    while not serving.done() and (line := await asyncio.to_thread(_ask)) is not None:
        text = line.strip()
        if text == "/quit":
            return
        if text == "/memory":
            await _show_memory(bench, did, console)
        elif text.startswith("/"):
            console.print(Text(HELP, style="dim"))
        elif text:
            ref = keyboard.say(text, parent, root)
            root = root or ref
            entry = await _outcome(bench, ref, serving)
            _show(entry, console)
            parent = entry.parts[-1].ref if entry and entry.parts else ref


def _ask() -> str | None:
    try:
        return input("\x1b[1myou\x1b[0m  " if sys.stdin.isatty() and sys.stdout.isatty() else "")
    except EOFError:
        return None


async def _outcome(bench: Bench, ref: StrongRef, serving: asyncio.Task[None]) -> Entry | None:
    """Wait for what becomes of the mention; a forgotten one is found under its pseudonym."""
    names = (ref.uri, bench.ledger.pseudonym(ref.uri))
    while not serving.done():
        found = await bench.read(
            lambda tx: [e for e in inbox.mentions(tx, limit=3) if e.mention.uri in names]
        )
        if found and found[0].state in OUTCOMES:
            return found[0]
        await asyncio.sleep(0.02)
    return None
