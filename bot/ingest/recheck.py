"""A second look at somebody of whom something is held, for when the stream told too little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot.domain.events import ACTIVE_ACCOUNT, AccountChanged, Blocked, PostCreated, PostDeleted, RecordDeleted
from bot.storage import consent, edits

if TYPE_CHECKING:
    from bot.domain.events import Event
    from bot.ingest.handler import EventHandler
    from bot.services import Services
    from memory.db import Tx

# Of one person. More have words here only if they said over thirty a day for the month that words are kept:
# of those who did, the posts of notes are looked at before the others, and the newest before older ones.
MOST_POSTS = 1000
REVERSIBLE = frozenset(
    {"deactivated", "deleted"}
)  # by the person; their server knows nothing of a relay's takedown

log = structlog.get_logger()


async def rename(services: Services, did: str) -> None:
    """Ask whose handle is whose: an event only claims it. Raises TransientNetworkError."""
    handle = (await services.network.profile(did, fresh=True)).handle
    await services.write(
        lambda tx: services.memory.rename(tx, did, handle or "handle.invalid", services.clock())
    )


async def recheck(services: Services, handler: EventHandler, did: str) -> None:
    """Do the account, its posts that matter, and its blocks stand as we know them?

    Raises TransientNetworkError.
    """
    if not await _is_shown(services, handler, did):
        return  # nothing of theirs is shown: what is gone cannot be told from what is hidden
    await rename(services, did)
    await _blocks(services, handler, did)
    held = await services.read(lambda tx: _held(services, tx, did))
    for uri, cid in held:
        post = await services.network.post(uri)
        now = services.clock()
        if post is None:
            if await services.network.status(did) != ACTIVE_ACCOUNT:
                return  # it was hidden meanwhile, and may come back
            await _handle(services, handler, PostDeleted(0, uri, did, now))
        elif post.ref.cid != cid:
            await _handle(services, handler, PostCreated(0, post.ref, did, post.record, now, edited=True))
    log.info("person.rechecked", did=did, posts=len(held))


async def _is_shown(services: Services, handler: EventHandler, did: str) -> bool:
    """Whether the account is active; what is news of that is kept."""
    found = await services.network.status(did)
    known = await services.read(lambda tx: services.memory.status(tx, did))
    if found == ACTIVE_ACCOUNT and known is not None and known not in REVERSIBLE:
        return False
    if found != (known or ACTIVE_ACCOUNT):
        active = found == ACTIVE_ACCOUNT
        event = AccountChanged(0, did, active, None if active else found, services.clock())
        await _handle(services, handler, event)
    return found == ACTIVE_ACCOUNT


async def _blocks(services: Services, handler: EventHandler, did: str) -> None:
    known = await services.read(lambda tx: consent.blocks_of(tx, did))
    found = await services.network.blocked_by(did)
    if found is not None and found not in known:
        await _handle(services, handler, Blocked(0, found, did, services.clock()))
    for uri in known:
        if uri != found and await services.network.record(uri) is None:
            await _handle(services, handler, RecordDeleted(0, uri, did, services.clock()))


def _held(services: Services, tx: Tx, did: str) -> list[tuple[str, str]]:
    """Posts that still have words here, oldest first: URI and CID."""
    noted, said = services.memory.source_posts(tx, did), edits.with_words(tx, did)
    others = [(uri, cid) for uri, cid in said.items() if uri not in noted]
    return [*others, *noted.items()][-MOST_POSTS:]


async def _handle(services: Services, handler: EventHandler, event: Event) -> None:
    verdict = handler.judge(event)
    await services.write(lambda tx: handler.handle(tx, event, verdict, services.clock()))
