"""Reads what people wish of the bot: their blocks, their declarations, their bio. What it finds is stored.

What was read some minutes ago may be used again while a mention is thought about. Before a post blocks are
read anew. If something cannot be read, what was read last holds. If it was never read, the mention waits, as
with any trouble.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.domain import declarations
from bot.domain.declarations import Reader
from bot.domain.mention import Relation
from bot.domain.profiles import bio, has_word
from bot.domain.uris import profile_uri
from bot.errors import PermanentNetworkError, TransientNetworkError
from bot.storage import consent, stances

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    from bot.domain.budget import ReadBudget
    from bot.services import Services
    from bot.storage.stances import Stance
    from memory.db import Tx

RECENT = timedelta(minutes=10)
AT_ONCE = timedelta(0)  # read anew, however fresh the last answer is
STILL_FRESH = RECENT / 2  # what was stored so lately and is still the same need not be stored again
SECONDS = 8.0  # for one person's blocks or declarations; all that a mention needs has 30


async def read_wishes(
    services: Services,
    did: str,
    budget: ReadBudget | None,
    max_age: timedelta = RECENT,
    *,
    declared: timedelta | None = None,
) -> None:
    """Know whether this person blocks the bot, by their repo and the AppView.

    With `declared` know also what they declare about AI; that may be so old. Raises NetworkError.
    """
    async with _reading(services, did, budget) as reading:
        if declared is not None:
            await reading.unless_recent(reading.known.declared_at, declared, reading.declarations)
        await reading.unless_recent(reading.known.blocks_at, max_age, reading.blocks)


async def read_bystander(services: Services, did: str, budget: ReadBudget | None) -> None:
    """The same for somebody whom the bot does not answer: their repo is read only without an AppView."""
    async with _reading(services, did, budget) as reading:
        await reading.unless_recent(reading.known.blocks_at, RECENT, reading.relation)
        await reading.unless_recent(reading.known.declared_at, RECENT, reading.declarations)


async def wants_no_bots(
    services: Services, did: str, budget: ReadBudget | None, max_age: timedelta = RECENT
) -> bool:
    """Whether one of the operator's words stands in this person's bio. Raises NetworkError."""
    words = services.options.no_bots_words
    if not words:
        return False
    if max_age:
        return has_word((await services.network.profile(did, budget=budget)).description, words)
    return has_word(bio(await services.network.record(profile_uri(did), budget)), words)


async def is_muted(services: Services, did: str, budget: ReadBudget | None) -> bool:
    """Whether the operator's settings name this person, or a list that holds them. Raises NetworkError."""
    named = services.options.muted
    if not named or did in named:
        return bool(named)
    for uri in sorted(name for name in named if name.startswith("at://")):
        if did in await services.network.members(uri, budget):
            return True
    handles = any("/" not in name and not name.startswith("did:") for name in named)
    return handles and (await services.network.profile(did, budget=budget)).handle in named


@asynccontextmanager
async def _reading(services: Services, did: str, budget: ReadBudget | None) -> AsyncIterator[_Reading]:
    """Read this person's wishes within the block. What was found is stored in one go, however that ends."""
    reading = _Reading(services, did, budget, await services.read(lambda tx: stances.get(tx, did)))
    try:
        yield reading
    finally:
        if reading.found:
            await services.write(lambda tx: [store(tx) for store in reading.found])


@dataclass
class _Reading:
    """What is read of one person. `known`: what was read last; `found`: what is to be stored."""

    services: Services
    did: str
    budget: ReadBudget | None
    known: Stance
    found: list[Callable[[Tx], object]] = field(default_factory=list)

    async def unless_recent(
        self, read_at: datetime | None, max_age: timedelta, read: Callable[[], Awaitable[None]]
    ) -> None:
        """Read, unless that was done within `max_age`. Trouble is passed over if it was done ever."""
        if read_at is not None and self.services.clock() - read_at < max_age:
            return
        try:
            async with asyncio.timeout(SECONDS):
                await read()
        except (TransientNetworkError, PermanentNetworkError, TimeoutError) as error:
            if read_at is None:
                raise TransientNetworkError(
                    str(error), retry_after=getattr(error, "retry_after", None)
                ) from error

    async def blocks(self) -> None:
        uri = await self.services.network.blocked_by(self.did, self.budget)
        if uri is not None:
            self._block(uri)
        await self.relation(direct=False)

    async def relation(self, *, direct: bool = True) -> None:
        """What the AppView knows. Without one the repo: blocks by lists and, if `direct`, direct ones."""
        network = self.services.network
        relation = await network.relation(self.did)
        if relation is None:
            uri = await network.blocked_by(self.did, self.budget) if direct else None
            uri = uri or await network.list_blocked_by(self.did, self.budget)
            if uri is not None:
                self._block(uri)
        said, now = relation or Relation(), self.services.clock()
        if not stances.says_so(self.known, said, now - STILL_FRESH):
            self.found.append(partial(stances.put_relation, did=self.did, relation=said, at=now))

    def _block(self, uri: str) -> None:
        self.found.append(partial(consent.add_block, uri=uri, at=self.services.clock()))
        self.services.tracked.add_posts([uri])  # its end is heard

    async def declarations(self) -> None:
        network, now = self.services.network, self.services.clock()
        records = await network.declarations(self.did, self.budget)
        reader = Reader(network.did, network.handle)
        read = {uri: declarations.read(record, reader) for uri, record in records.items()}
        memory = self.services.memory
        self.found.append(lambda tx: stances.put_statements(tx, memory, self.did, read, now))
