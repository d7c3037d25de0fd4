"""What the network says now of a mention that is to be thought about or answered: read before each check."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain import policy, reply
from bot.domain.mention import State
from bot.errors import NetworkRefused
from bot.storage import consent, edits, facts, mentions, outbox
from bot.worker.step import Step

if TYPE_CHECKING:
    from bot.domain.mention import Claim, Post
    from bot.ports import Network
    from bot.services import Bench
    from memory.db import Tx


from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain import addressing, commands, threadgate
from bot.domain.events import ACTIVE_ACCOUNT as ACTIVE
from bot.domain.events import PostCreated
from bot.domain.uris import is_by
from bot.errors import NetworkTrouble
from bot.ingest.edits import take_edit
from bot.privacy.erasure import forget_post, scrub

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Claim, Mention, Post
    from bot.domain.threadgate import Gate
    from bot.services import Bench
    from memory.db import Tx


@dataclass(frozen=True, slots=True)
class Look:
    """`post`: the mention as it stands, None if it is not shown; `deleted`: because its author took it back.

    `gated`: the thread's gate shuts the bot out.
    """

    post: Post | None
    deleted: bool = False
    gated: bool = False


async def look(bench: Bench, mention: Mention) -> Look:
    """Raises NetworkError."""
    post = await bench.network.post(mention.uri)
    if post is None:
        return Look(None, deleted=await bench.network.status(mention.did) == ACTIVE)
    gate = await _gate(bench, mention)
    return Look(post, gated=gate is not None and not await _opens(bench, mention, gate))


def decision_facts(bench: Bench, tx: Tx, mention: Mention, seen: Look | None, now: datetime) -> policy.Facts:
    """All that is known now for a decision about this mention; None: the network was not asked yet."""
    known = facts.gather(tx, mention, bench.limits, now)
    known = replace(known, hidden=bench.memory.status(tx, mention.did) is not None)
    return known if seen is None else replace(known, gone=seen.post is None, gated=seen.gated)


async def read_again(bench: Bench, claim: Claim, seen: Look) -> Step | None:
    """If the post was edited since it was read: give the mention back, to be thought about anew."""
    mention, post = claim.mention, seen.post
    if post is None or post.ref.cid == mention.ref.cid:
        return None
    event = PostCreated(0, post.ref, post.did, post.record, mention.said_at)
    verdict = addressing.judge(event, bench.network.did, commands.command)

    def take(tx: Tx) -> Step:
        now = bench.clock()
        mentions.renew(tx, claim, now + bench.options.lease)
        edit = take_edit(tx, bench.memory, bench.ledger, post.ref, verdict, now)
        return Step(State.WAITING, "edited", now) if edit.waiting else Step(State.DECLINED, "edited")

    step = await bench.write(take)
    await asyncio.to_thread(scrub, bench.db)  # the old words may have been taken back
    return step


def forget_words(bench: Bench, tx: Tx, mention: Mention, seen: Look | None) -> None:
    """What its author took back is not kept."""
    if seen is not None and seen.deleted:
        now = bench.clock()
        edits.take_back(tx, mention.uri, policy.Why.GONE, now)
        forget_post(tx, bench.memory, mention.did, mention.uri, now)


async def _gate(bench: Bench, mention: Mention) -> Gate | None:
    """The thread's gate as it stands; as it was last heard of, if its author's server does not answer."""
    root = mention.root.uri
    if is_by(root, bench.network.did):
        return None
    try:
        record = await bench.network.record(threadgate.gate_uri(root))
    except NetworkTrouble:
        return await bench.read(lambda tx: consent.gate_of(tx, root))
    return threadgate.read(record) if record is not None else None


async def _opens(bench: Bench, mention: Mention, gate: Gate) -> bool:
    root = mention.root.uri
    ours = await bench.read(lambda tx: outbox.ours_in(tx, root))
    mentioned = await _mentions_us(bench, root) if threadgate.MENTIONED in (gate.allow or ()) else False
    opens = gate.opens(mentioned=mentioned, ours=ours)
    return bool(await bench.network.may_reply(root) if opens is None else opens)


async def _mentions_us(bench: Bench, root: str) -> bool:
    post = await bench.network.post(root)
    return post is not None and addressing.mentions(post.record, bench.network.did)


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
    raise NetworkRefused(f"all {SALTS} record keys of part {part} are occupied")
