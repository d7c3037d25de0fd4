"""Reads from the network, before policy is asked, whether a mention still stands and its thread is open."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bot.domain import addressing, policy, threadgate
from bot.domain.events import ACTIVE_ACCOUNT as ACTIVE
from bot.domain.events import PostCreated
from bot.domain.mention import State
from bot.domain.uris import author, is_by
from bot.errors import TransientNetworkError
from bot.ingest import wishes
from bot.ingest.edits import apply_edit
from bot.ingest.stores import Stores
from bot.privacy.erasure import forget_post
from bot.storage import consent, edits, facts, mentions, outbox, redaction, spending
from bot.wording.parse import own_names, parse
from bot.worker.root import correct_root
from bot.worker.step import Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime, timedelta

    from bot.domain.budget import ReadBudget
    from bot.domain.mention import Claim, Mention, Post
    from bot.domain.threadgate import Gate
    from bot.services import Services
    from memory.db import Tx


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the network says of one mention.

    `claim` has the mention with its true root. `post` is the mention as it stands now, or None if the network
    does not show it. `deleted`: it is not shown because its author deleted it. `gated`: the threadgate does
    not let the bot reply. `muted`, `no_bots`: as in `policy.Facts`.
    """

    claim: Claim
    post: Post | None
    deleted: bool = False
    gated: bool = False
    muted: bool = False
    no_bots: bool = False


async def run_preflight(
    services: Services, claim: Claim, budget: ReadBudget, max_age: timedelta = wishes.RECENT
) -> Preflight:
    """Read the post, its root, the threadgate and what people wish, within the budget.

    Blocks and bios may be `max_age` old. What people declare is stored. Raises NetworkError and FenceLost.
    """
    mention = claim.mention
    by_program = claim.state is State.POSTING and mention.command is not None
    async with in_time(budget):
        post = await services.network.post(mention.uri, budget)
        if post is None:
            return Preflight(claim, None, deleted=await services.network.status(mention.did) == ACTIVE)
        if by_program or claim.state is not State.POSTING:  # else it is known since the draft
            claim = await correct_root(services, claim, budget)
            mention = claim.mention
        gate = await _read_gate(services, mention, budget)
        gated = gate is not None and not await _may_reply(services, mention, gate, budget)
        declared = None if by_program else wishes.RECENT  # the program itself shows no model anything
        muted, no_bots = await _read_wishes(services, mention, budget, max_age, declared)
        return Preflight(claim, post, gated=gated, muted=muted, no_bots=no_bots)


async def _read_wishes(
    services: Services, mention: Mention, budget: ReadBudget, max_age: timedelta, declared: timedelta | None
) -> tuple[bool, bool]:
    """Read what the asker and the thread's first author wish, and what the asker declares.

    Returns (muted, no bots).
    """
    muted = no_bots = False
    for did in sorted({mention.did, author(mention.root.uri)} - {services.network.did}):
        theirs = declared if did == mention.did else None
        await wishes.read_wishes(services, did, budget, max_age, declared=theirs)
        muted = muted or await wishes.is_muted(services, did, budget)
        no_bots = no_bots or await wishes.wants_no_bots(services, did, budget, max_age)
    return muted, no_bots


@asynccontextmanager
async def in_time(budget: ReadBudget) -> AsyncIterator[None]:
    """End what is read within the block at the deadline. Raises TransientNetworkError then."""
    try:
        async with asyncio.timeout_at(budget.deadline):
            yield
    except TimeoutError as error:
        raise TransientNetworkError("what the mention needs could not be read in time") from error


def decision_facts(
    services: Services,
    tx: Tx,
    mention: Mention,
    preflight: Preflight | None,
    now: datetime,
    *,
    spent: bool = True,
) -> policy.Facts:
    """Return what policy decides by. `preflight` is None as long as the network was not asked.

    Without `spent` the limits are not asked for: the mention was admitted.
    """
    who, read = spending.attempt(services.journal, mention), preflight is not None
    known = facts.gather(tx, mention, who, services.limits, now, read=read, spent=spent)
    if preflight is None:
        return known
    return replace(
        known,
        gone=preflight.post is None,
        gated=preflight.gated,
        muted=known.muted or preflight.muted,
        no_bots=preflight.no_bots,
    )


async def requeue_if_edited(services: Services, claim: Claim, preflight: Preflight) -> Step | None:
    """Give the mention back with its new text, if its author edited it since it was stored. None: go on."""
    mention, post = claim.mention, preflight.post
    if post is None or post.ref.cid == mention.ref.cid:
        return None
    event = PostCreated(0, post.ref, post.did, post.record, mention.said_at)
    names = own_names(services.network.handle)
    verdict = addressing.judge(event, services.network.did, partial(parse, names=names))

    def store_edit(tx: Tx) -> Step:
        now = services.clock()
        mentions.renew(tx, claim, now + services.options.lease)
        if claim.state is State.THINKING:  # the brain was not asked
            spending.release(tx, spending.attempt(services.journal, mention, claim.fence))
        parts = services.memory, services.ledger, services.journal, services.limits
        stores = Stores(*parts, services.options.consent)
        edit = apply_edit(tx, stores, post.ref, verdict, now)
        return Step(State.WAITING, "edited", now) if edit.waiting else Step(State.DECLINED, "edited")

    return await services.write(store_edit)


def erase_if_deleted(services: Services, tx: Tx, mention: Mention, preflight: Preflight | None) -> None:
    """Erase the mention's text and the notes that come from it, if its author deleted the post."""
    if preflight is not None and preflight.deleted:
        now = services.clock()
        edits.retract(tx, mention.uri, policy.PolicyReason.GONE, now)
        forget_post(tx, services.memory, services.journal, mention.did, mention.uri, now)


def erase_if_denied(tx: Tx, mention: Mention, verdict: policy.No) -> None:
    """Erase the words of a mention that no model may be shown, and of the answer to it."""
    if verdict.reason is policy.PolicyReason.DENIED:
        redaction.erase_words(tx, [mention.uri])
        redaction.erase_answers(tx, [mention.uri])


async def _read_gate(services: Services, mention: Mention, budget: ReadBudget) -> Gate | None:
    """Return the threadgate as it stands; the one that was stored last, if it cannot be read now.

    If none was stored either, the mention waits: a gate that cannot be read is not an open one. Raises
    NetworkError.
    """
    root = mention.root.uri
    if is_by(root, services.network.did):
        return None
    try:
        record = await services.network.record(threadgate.gate_uri(root), budget)
    except TransientNetworkError:
        known = await services.read(lambda tx: consent.gate_of(tx, root))
        if known is None:
            raise
        return known
    return threadgate.read(record, services.network.did, mention.did) if record is not None else None


async def _may_reply(services: Services, mention: Mention, gate: Gate, budget: ReadBudget) -> bool:
    root = mention.root.uri
    bot_posts = await services.read(lambda tx: outbox.bot_posts_in_thread(tx, root))
    posts = bot_posts | {mention.uri}
    asks_mentioned = threadgate.MENTION_RULE in (gate.allow or ())
    mentioned = asks_mentioned and await _root_mentions_bot(services, root, budget)
    opens = gate.allows_reply(mentioned=mentioned, posts=posts)
    return bool(await services.network.may_reply(root) if opens is None else opens)


async def _root_mentions_bot(services: Services, root: str, budget: ReadBudget) -> bool:
    post = await services.network.post(root, budget)
    return post is not None and addressing.mentions(post.record, services.network.did)
