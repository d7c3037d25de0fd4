"""Reads what people wish of the bot: their blocks, their declarations, their bio. What it finds is stored.

What was read some minutes ago may be used again while a mention is thought about. Before a post blocks are
read anew. If something cannot be read, what was read last holds. If it was never read, the mention waits, as
with any trouble.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.domain import declarations
from bot.domain.declarations import Reader
from bot.domain.mention import Relation
from bot.domain.profiles import bio, has_word
from bot.domain.uris import profile_uri
from bot.errors import PermanentNetworkError, TransientNetworkError
from bot.storage import consent, stances

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bot.domain.budget import ReadBudget
    from bot.services import Services
    from bot.storage.stances import Stance

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
    known = await services.read(lambda tx: stances.get(tx, did))
    if declared is not None:
        await _unless_recent(
            services, known.declared_at, declared, lambda: _read_declarations(services, did, budget)
        )
    await _unless_recent(
        services, known.blocks_at, max_age, lambda: _read_blocks(services, did, budget, known)
    )


async def read_bystander(services: Services, did: str, budget: ReadBudget | None) -> None:
    """The same for somebody whom the bot does not answer: their repo is read only without an AppView."""
    known = await services.read(lambda tx: stances.get(tx, did))
    await _unless_recent(
        services, known.blocks_at, RECENT, lambda: _read_relation(services, did, budget, known)
    )
    await _unless_recent(
        services, known.declared_at, RECENT, lambda: _read_declarations(services, did, budget)
    )


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


async def _unless_recent(
    services: Services, read_at: datetime | None, max_age: timedelta, read: Callable[[], Awaitable[None]]
) -> None:
    """Read, unless that was done within `max_age`. Trouble is passed over if it was done ever."""
    if read_at is not None and services.clock() - read_at < max_age:
        return
    try:
        async with asyncio.timeout(SECONDS):
            await read()
    except (TransientNetworkError, PermanentNetworkError, TimeoutError) as error:
        if read_at is None:
            raise TransientNetworkError(
                str(error), retry_after=getattr(error, "retry_after", None)
            ) from error


async def _read_blocks(services: Services, did: str, budget: ReadBudget | None, known: Stance) -> None:
    uri = await services.network.blocked_by(did, budget)
    if uri is not None:
        await _store_block(services, uri)
    await _read_relation(services, did, budget, known, direct=False)


async def _read_relation(
    services: Services, did: str, budget: ReadBudget | None, known: Stance, *, direct: bool = True
) -> None:
    """What the AppView knows. Without one the repo is read: blocks by lists and, if `direct`, direct ones."""
    network = services.network
    relation = await network.relation(did)
    if relation is None:
        uri = await network.blocked_by(did, budget) if direct else None
        uri = uri or await network.list_blocked_by(did, budget)
        if uri is not None:
            await _store_block(services, uri)
    found, now = relation or Relation(), services.clock()
    if not stances.says_so(known, found, now - STILL_FRESH):
        await services.write(lambda tx: stances.put_relation(tx, did, found, now))


async def _store_block(services: Services, uri: str) -> None:
    await services.write(lambda tx: consent.add_block(tx, uri, services.clock()))
    services.tracked.add_posts([uri])  # its end is heard


async def _read_declarations(services: Services, did: str, budget: ReadBudget | None) -> None:
    records = await services.network.declarations(did, budget)
    reader = Reader(services.network.did, services.network.handle)
    statements = {uri: declarations.read(record, reader) for uri, record in records.items()}
    await services.write(
        lambda tx: stances.put_statements(tx, services.memory, did, statements, services.clock())
    )
