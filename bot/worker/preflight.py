"""What the network says now of a mention that is to be thought about or answered: read before each check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain import policy, reply
from bot.domain.mention import State
from bot.errors import PermanentNetworkError
from bot.storage import consent, edits, facts, mentions, outbox
from bot.worker.step import Step

if TYPE_CHECKING:
    from bot.domain.mention import Claim, Post
    from bot.ports import Network
    from bot.services import Services
    from memory.db import Tx


from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain import addressing, commands, threadgate
from bot.domain.events import ACTIVE_ACCOUNT as ACTIVE
from bot.domain.events import PostCreated
from bot.domain.uris import is_by
from bot.errors import TransientNetworkError
from bot.ingest.edits import take_edit
from bot.privacy.erasure import forget_post

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Claim, Mention, Post
    from bot.domain.threadgate import Gate
    from bot.services import Services
    from memory.db import Tx


@dataclass(frozen=True, slots=True)
class Preflight:
    """`post`: the mention as it stands, None if it is not shown; `deleted`: because its author took it back.

    `gated`: the thread's gate shuts the bot out.
    """

    post: Post | None
    deleted: bool = False
    gated: bool = False


async def look(services: Services, mention: Mention) -> Preflight:
    """Raises NetworkError."""
    post = await services.network.post(mention.uri)
    if post is None:
        return Preflight(None, deleted=await services.network.status(mention.did) == ACTIVE)
    gate = await _gate(services, mention)
    return Preflight(post, gated=gate is not None and not await _opens(services, mention, gate))


def decision_facts(
    services: Services, tx: Tx, mention: Mention, seen: Preflight | None, now: datetime
) -> policy.Facts:
    """All that is known now for a decision about this mention; None: the network was not asked yet."""
    known = facts.gather(tx, mention, services.limits, now)
    known = replace(known, hidden=services.memory.status(tx, mention.did) is not None)
    return known if seen is None else replace(known, gone=seen.post is None, gated=seen.gated)


async def read_again(services: Services, claim: Claim, seen: Preflight) -> Step | None:
    """If the post was edited since it was read: give the mention back, to be thought about anew."""
    mention, post = claim.mention, seen.post
    if post is None or post.ref.cid == mention.ref.cid:
        return None
    event = PostCreated(0, post.ref, post.did, post.record, mention.said_at)
    verdict = addressing.judge(event, services.network.did, commands.command)

    def take(tx: Tx) -> Step:
        now = services.clock()
        mentions.renew(tx, claim, now + services.options.lease)
        edit = take_edit(tx, services.memory, services.ledger, post.ref, verdict, now)
        return Step(State.WAITING, "edited", now) if edit.waiting else Step(State.DECLINED, "edited")

    return await services.write(take)


def forget_words(services: Services, tx: Tx, mention: Mention, seen: Preflight | None) -> None:
    """What its author took back is not kept."""
    if seen is not None and seen.deleted:
        now = services.clock()
        edits.take_back(tx, mention.uri, policy.Why.GONE, now)
        forget_post(tx, services.memory, mention.did, mention.uri, now)


async def _gate(services: Services, mention: Mention) -> Gate | None:
    """The thread's gate as it stands. Raises NetworkError.

    If it cannot be read, the one that was heard of last counts. If none ever was, the mention waits: a gate
    that cannot be read is not an open one.
    """
    root = mention.root.uri
    if is_by(root, services.network.did):
        return None
    try:
        record = await services.network.record(threadgate.gate_uri(root))
    except TransientNetworkError:
        known = await services.read(lambda tx: consent.gate_of(tx, root))
        if known is None:
            raise
        return known
    return threadgate.read(record) if record is not None else None


async def _opens(services: Services, mention: Mention, gate: Gate) -> bool:
    root = mention.root.uri
    ours = await services.read(lambda tx: outbox.ours_in(tx, root))
    mentioned = await _mentions_us(services, root) if threadgate.MENTIONED in (gate.allow or ()) else False
    opens = gate.opens(mentioned=mentioned, ours=ours)
    return bool(await services.network.may_reply(root) if opens is None else opens)


async def _mentions_us(services: Services, root: str) -> bool:
    post = await services.network.post(root)
    return post is not None and addressing.mentions(post.record, services.network.did)


SALTS = 8  # nobody occupies eight of our keys by chance


async def find_answer(
    network: Network, mention_uri: str, parent_uri: str, part: int
) -> tuple[str, Post | None]:
    """Return the record key for this part, and what of ours stands under it already, answering `parent_uri`.

    A key that something else occupies is passed over (salt + 1).
    """
    for salt in range(SALTS):
        rkey = reply.reserved_key(network.did, mention_uri, part, salt)
        there = await network.own(rkey)
        if there is None or reply.answers(there.record, parent_uri):
            return rkey, there
    raise PermanentNetworkError(f"all {SALTS} record keys of part {part} are occupied")
