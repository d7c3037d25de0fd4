"""Recheck a person: read their account, posts, blocks and declarations, after a gap or a sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot.domain.events import ACTIVE_ACCOUNT, AccountChanged, Blocked, PostCreated, PostDeleted, RecordDeleted
from bot.ingest import wishes
from bot.storage import consent, edits

if TYPE_CHECKING:
    from bot.domain.events import Event
    from bot.ingest.handler import EventHandler
    from bot.services import Services
    from memory.db import Tx

# Of one person. Only who writes thirty mentions a day for a month has more stored. Then posts of notes are
# rechecked before others, and newer posts before older ones.
MAX_POSTS = 1000
# What a person can undo. A takedown by a relay is not known to their own server, which calls them active.
REVERSIBLE = frozenset({"deactivated", "deleted"})

log = structlog.get_logger()


async def refresh_handle(services: Services, did: str) -> None:
    """Look up the person's handle and store it. Raises TransientNetworkError."""
    handle = (await services.network.profile(did, fresh=True)).handle
    await services.write(
        lambda tx: services.memory.people.rename(tx, did, handle or "handle.invalid", services.clock())
    )


async def recheck(services: Services, handler: EventHandler, did: str) -> None:
    """Compare the account, its stored posts and its blocks with the network, and handle each difference.

    Raises TransientNetworkError.
    """
    if not await _is_active(services, handler, did):
        return  # their server shows no posts, so a deleted one cannot be told from a hidden one
    await refresh_handle(services, did)
    await _recheck_blocks(services, handler, did)
    await wishes.read_wishes(services, did, None, wishes.AT_ONCE, declared=wishes.AT_ONCE)
    held = await services.read(lambda tx: _stored_posts(services, tx, did))
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


async def _is_active(services: Services, handler: EventHandler, did: str) -> bool:
    """Whether the account is active. A changed status is handled as an event."""
    current = await services.network.status(did)
    stored = await services.read(lambda tx: services.memory.people.status(tx, did))
    if current == ACTIVE_ACCOUNT and stored is not None and stored not in REVERSIBLE:
        return False
    if current != (stored or ACTIVE_ACCOUNT):
        active = current == ACTIVE_ACCOUNT
        event = AccountChanged(0, did, active, None if active else current, services.clock())
        await _handle(services, handler, event)
    return current == ACTIVE_ACCOUNT


async def _recheck_blocks(services: Services, handler: EventHandler, did: str) -> None:
    stored = await services.read(lambda tx: consent.blocks_of(tx, did))
    current = await services.network.blocked_by(did)
    if current is not None and current not in stored:
        await _handle(services, handler, Blocked(0, current, did, services.clock()))
    for uri in stored:
        if uri != current and await services.network.record(uri) is None:
            await _handle(services, handler, RecordDeleted(0, uri, did, services.clock()))


def _stored_posts(services: Services, tx: Tx, did: str) -> list[tuple[str, str]]:
    """Posts whose text is stored or that notes come from: URI and CID. The last ones matter most."""
    of_notes, mentions = services.memory.source_posts(tx, did), edits.cids_with_text(tx, did)
    others = [(uri, cid) for uri, cid in mentions.items() if uri not in of_notes]
    return [*others, *of_notes.items()][-MAX_POSTS:]


async def _handle(services: Services, handler: EventHandler, event: Event) -> None:
    verdict = handler.judge(event)
    await services.write(lambda tx: handler.handle(tx, event, verdict, services.clock()))
