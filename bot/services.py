"""The parts that every worker needs. `bot.factory` makes them once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from bot.domain.approval import Approve
from bot.domain.consent import Consent

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.clock import Clock
    from bot.domain.limits import Limits, Pace
    from bot.domain.tracked import Tracked
    from bot.ports import Brain, DirectMessages, Network
    from bot.storage.journal import Journal
    from bot.storage.ledger import Ledger
    from memory.db import Database, Tx
    from memory.store import Memory

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """Options of one turn.

    `persona`: its text in the prompt. `thread_posts`: how many posts above the mention are read.
    `reply_parts`: how many posts a reply may have. `link_hosts`: the hosts that a reply may link to;
    `allow_tags`: whether it may have tags. `consent`: when people are remembered.
    `muted`: DIDs, handles and AT URIs of lists; they are not answered. `no_bots_words`: who has one of them
    in their bio is left alone.
    `approve`, `review`: whose drafts, and new notes, wait for the operator.
    `prompt_tokens`: the limit of a prompt, with the descriptions of its tools.
    """

    persona: str
    thread_posts: int
    reply_parts: int
    link_hosts: frozenset[str]
    allowed_bots: frozenset[str]
    lease: timedelta
    prompt_tokens: int = 12_000
    vision: bool = False
    retain_turns: timedelta = timedelta(days=30)
    allow_tags: bool = False
    consent: Consent = Consent.ASK
    approve: Approve = Approve.NONE
    review: Approve = Approve.NONE
    muted: frozenset[str] = frozenset()
    no_bots_words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Services:
    """All parts. `tracked` grows with each mention, and with each post that a turn shows to the brain.

    `direct_messages` is None if the operator does not want them.
    """

    db: Database
    memory: Memory
    ledger: Ledger
    journal: Journal
    network: Network
    brain: Brain
    clock: Clock
    limits: Limits
    pace: Pace
    options: TurnOptions
    tracked: Tracked
    direct_messages: DirectMessages | None = None

    async def read(self, work: Callable[[Tx], T], person: str | None = None) -> T:
        """Run `work` in a reading transaction, in a thread of its own. `person`: see `Database.read`."""

        def run() -> T:
            with self.db.read(person) as tx:
                return work(tx)

        return await asyncio.to_thread(run)

    async def write(self, work: Callable[[Tx], T], person: str | None = None) -> T:
        """Run `work` in a writing transaction, in a thread of its own. `person`: see `Database.write`."""

        def run() -> T:
            with self.db.write(person) as tx:
                return work(tx)

        return await asyncio.to_thread(run)
