"""A person's life with the bot, on a network on loopback with an AppView, as docs/life.md shows it."""

from __future__ import annotations

import re
import tempfile
import textwrap
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.demo.daemon import Daemon
from bot.devnet.localnet import LocalNet
from bot.domain.mention import OUTCOMES
from bot.errors import NotFound
from bot.storage import views
from memory.db import Database
from support import transcript

if TYPE_CHECKING:
    from bot.devnet.people import Actor
    from bot.domain.mention import Post

WIDTH, MARGIN, PATIENCE = 110, 11, 60.0
SAID = (  # ten of them are answered, as many as one person gets in an hour
    "Hi @jay.test! I live in Lisbon. My cat is called Miso.",
    "@jay.test what do you know about me?",
    "@jay.test correct: I live in Porto",
    "@jay.test where do I live?",
    "@jay.test why?",
    "@jay.test don't remember anything about me",
    "@jay.test export my data",
    "@jay.test もう返信しないでください",
    "@jay.test are you still there?",
    "@jay.test start",
    "@jay.test forget me",
    "@jay.test what do you know about me?",
)


@dataclass(frozen=True)
class Bot:
    """The bot's account, its daemon and its database."""

    actor: Actor
    db: Database

    def wait(self, uri: str) -> None:
        """Wait until the mention has ended. Of one that was forgotten nothing but its answer is known."""
        until = time.monotonic() + PATIENCE
        while not self._has_ended(uri):
            assert time.monotonic() < until, f"no outcome of {uri}"
            time.sleep(0.1)

    def _has_ended(self, uri: str) -> bool:
        try:
            with self.db.read() as tx:
                return views.entry(tx, uri).state in OUTCOMES
        except NotFound:
            return bool(self.answer(uri))

    def answer(self, uri: str) -> list[Post]:
        by_parent = {post.record["reply"]["parent"]["uri"]: post for post in self.actor.posts()}
        found: list[Post] = []
        while post := by_parent.get(found[-1].ref.uri if found else uri):
            found.append(post)
        return found


def live() -> str:
    """Let Ana live with the bot, for some 40 seconds. Returns what both said."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scrubjay-life-")))
        net = stack.enter_context(LocalNet(folder / "network", appview=True))
        jay, ana = net.actor("jay"), net.actor("ana")
        jay.label("bot")
        daemon = Daemon(folder, net, jay.account)
        daemon.start()
        stack.callback(daemon.kill)
        bot = Bot(jay, _database(stack, daemon))
        return "\n".join(line for text in SAID for line in _exchange(bot, ana, text))


def _database(stack: ExitStack, daemon: Daemon) -> Database:
    while not (daemon.data / "ledger").exists():
        assert daemon.alive(), daemon.log.read_text()
        time.sleep(0.1)
    db = Database(f"sqlite:///{daemon.data / 'scrubjay.db'}")
    stack.callback(db.close)
    return db


def _exchange(bot: Bot, person: Actor, text: str) -> list[str]:
    ref = person.post(text, mentions=[bot.actor])
    bot.wait(ref.uri)
    answers = [post.text for post in bot.answer(ref.uri)] or ["(no answer)"]
    said = [("ana", text), *(("jay", answer) for answer in answers)]
    return [line for who, what in said for line in _wrapped(who, what)]


def _wrapped(who: str, text: str) -> list[str]:
    rows = [row for line in text.splitlines() for row in textwrap.wrap(line, WIDTH - MARGIN) or [""]]
    return [f"{who if at == 0 else '':>{MARGIN - 2}}  {row}".rstrip() for at, row in enumerate(rows)]


def stable(block: str) -> str:
    """The block without what another run may say in another way: addresses, days, phrases, line breaks."""
    return re.sub(r"https://\S+|\d{4}-\d\d-\d\d", "#", transcript.stable(block))
