"""A second look at somebody of whom something is held, for when the stream told too little."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from bot.domain.events import ACTIVE_ACCOUNT, AccountChanged, Blocked, PostCreated, PostDeleted, RecordDeleted
from bot.privacy.erasure import scrub
from bot.storage import consent, edits

if TYPE_CHECKING:
    from bot.domain.events import Event
    from bot.ingest.handler import Hearing
    from bot.services import Bench
    from memory.db import Tx

# Of one person. More have words here only if they said over thirty a day for the month that words are kept:
# of those who did, the posts of notes are looked at before the others, and the newest before older ones.
MOST_POSTS = 1000
REVERSIBLE = frozenset(
    {"deactivated", "deleted"}
)  # by the person; their server knows nothing of a relay's takedown

log = structlog.get_logger()


async def rename(bench: Bench, did: str) -> None:
    """Ask whose handle is whose: an event only claims it. Raises NetworkTrouble."""
    handle = (await bench.network.profile(did, fresh=True)).handle
    await bench.write(lambda tx: bench.memory.rename(tx, did, handle or "handle.invalid", bench.clock()))


async def recheck(bench: Bench, hearing: Hearing, did: str) -> None:
    """Do the account, its posts that matter, and its blocks stand as we know them? Raises NetworkTrouble."""
    if not await _is_shown(bench, hearing, did):
        return  # nothing of theirs is shown: what is gone cannot be told from what is hidden
    await rename(bench, did)
    await _blocks(bench, hearing, did)
    held = await bench.read(lambda tx: _held(bench, tx, did))
    for uri, cid in held:
        post = await bench.network.post(uri)
        now = bench.clock()
        if post is None:
            await _hear(bench, hearing, PostDeleted(0, uri, did, now))
        elif post.ref.cid != cid:
            await _hear(bench, hearing, PostCreated(0, post.ref, did, post.record, now, edited=True))
    log.info("person.rechecked", did=did, posts=len(held))


async def _is_shown(bench: Bench, hearing: Hearing, did: str) -> bool:
    """Whether the account is active; what is news of that is kept."""
    found = await bench.network.status(did)
    known = await bench.read(lambda tx: bench.memory.status(tx, did))
    if found == ACTIVE_ACCOUNT and known is not None and known not in REVERSIBLE:
        return False
    if found != (known or ACTIVE_ACCOUNT):
        active = found == ACTIVE_ACCOUNT
        event = AccountChanged(0, did, active, None if active else found, bench.clock())
        await _hear(bench, hearing, event)
    return found == ACTIVE_ACCOUNT


async def _blocks(bench: Bench, hearing: Hearing, did: str) -> None:
    known = await bench.read(lambda tx: consent.blocks_of(tx, did))
    found = await bench.network.blocked_by(did)
    if found is not None and found not in known:
        await _hear(bench, hearing, Blocked(0, found, did, bench.clock()))
    for uri in known:
        if uri != found and await bench.network.record(uri) is None:
            await _hear(bench, hearing, RecordDeleted(0, uri, did, bench.clock()))


def _held(bench: Bench, tx: Tx, did: str) -> list[tuple[str, str]]:
    """Posts that still have words here, oldest first: URI and CID."""
    noted, said = bench.memory.source_posts(tx, did), edits.with_words(tx, did)
    others = [(uri, cid) for uri, cid in said.items() if uri not in noted]
    return [*others, *noted.items()][-MOST_POSTS:]


async def _hear(bench: Bench, hearing: Hearing, event: Event) -> None:
    heard = await bench.write(lambda tx: hearing.hear(tx, event, bench.clock()))
    if heard.erased:
        await asyncio.to_thread(scrub, bench.db)
