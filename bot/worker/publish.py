"""From a draft to posts on the network: each part stands once under its record key, whatever crashes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.domain import policy, reply
from bot.domain.mention import Command, State
from bot.errors import FenceLost, KeyTaken, NotFound, PermanentNetworkError
from bot.privacy.erasure import forget_mentions
from bot.storage import consent, jobs, outbox, outcomes, views
from bot.storage.jobs import JobKind
from bot.storage.ledger import EntryKind
from bot.worker.preflight import decision_facts, erase_if_deleted, requeue_if_edited, run_preflight
from bot.worker.record_keys import MAX_SALTS, find_record_key
from bot.worker.step import Step

if TYPE_CHECKING:
    from bot.domain.mention import Claim, Part, StrongRef
    from bot.services import Services
    from bot.worker.preflight import Preflight
    from memory.db import Tx


async def publish(services: Services, claim: Claim) -> Step:
    """Put the parts of the draft, unless policy no longer allows it.

    Raises NetworkError and FenceLost. The next attempt goes on after the last part that was put.
    """
    mention = claim.mention
    if services.ledger.has(EntryKind.ANSWERED, mention.uri):
        return await services.write(lambda tx: _finish(services, tx, claim, State.ANSWERED, "in the ledger"))
    parts = await services.read(lambda tx: outbox.parts(tx, mention.uri))
    preflight = await run_preflight(services, mention)
    begun = any(part.ref for part in parts)
    edited = None if begun else await requeue_if_edited(services, claim, preflight)
    refused = edited or await services.write(lambda tx: _last_check(services, tx, claim, parts, preflight))
    if refused:
        return refused
    parent = mention.ref
    for part in parts:
        parent = part.ref or await _put_part(services, claim, part, parent)
    await asyncio.to_thread(services.ledger.add, EntryKind.ANSWERED, mention.uri)
    return await services.write(lambda tx: _finish(services, tx, claim, State.ANSWERED, None))


def _last_check(
    services: Services, tx: Tx, claim: Claim, parts: tuple[Part, ...], preflight: Preflight
) -> Step | None:
    """Ask policy once more. On a no the parts that stand already count as the answer. None: go on."""
    now, mention = services.clock(), claim.mention
    verdict = policy.decide(
        decision_facts(services, tx, mention, preflight, now), services.limits, now, admitted=True
    )
    if not isinstance(verdict, policy.No):
        return None
    consent.withdraw(tx, mention.uri, now)
    put = sum(part.ref is not None for part in parts)
    if put:
        step = _finish(services, tx, claim, State.ANSWERED, f"{verdict.reason}: {put} of {len(parts)} parts")
    else:
        step = _finish(services, tx, claim, verdict.state, verdict.reason)
    erase_if_deleted(services, tx, mention, preflight)
    return step


async def _put_part(services: Services, claim: Claim, part: Part, parent: StrongRef) -> StrongRef:
    """Put one part; its bytes are fixed before they are first sent."""
    network = services.network
    for _ in range(MAX_SALTS):
        if part.rkey is None or part.record is None:
            part = await _fix_record(services, claim, part, parent)
        rkey, record = part.rkey, part.record
        assert rkey is not None
        assert record is not None
        try:
            ref = part.ref or await network.put(rkey, record)
        except KeyTaken:
            part = replace(part, rkey=None, record=None)  # by another worker, or not ours: look
            continue
        try:
            await services.write(partial(_mark_posted, services, claim, replace(part, ref=ref)))
        except FenceLost:
            await services.write(partial(_withdraw_if_declined, services, claim, rkey))
            raise
        return ref
    raise PermanentNetworkError(f"part {part.index} found no free record key")


async def _fix_record(services: Services, claim: Claim, part: Part, parent: StrongRef) -> Part:
    """Store record key and bytes, which then never change. `ref` is set if the part stands there already."""
    rkey, posted = await find_record_key(services.network, claim.mention.uri, parent.uri, part.index)
    record = _make_record(claim, part, parent)
    fixed = replace(part, rkey=rkey, record=record, ref=posted.ref if posted else None)
    await services.write(lambda tx: outbox.fix_record(tx, claim, fixed))
    return fixed


def _mark_posted(services: Services, claim: Claim, part: Part, tx: Tx) -> None:
    outbox.mark_posted(tx, claim, part, services.clock())


def _withdraw_if_declined(services: Services, claim: Claim, rkey: str, tx: Tx) -> None:
    """Add a job that deletes the part, if a stop or an erasure came between the last check and the put."""
    try:
        declined = views.entry(tx, claim.mention.uri).state is State.DECLINED
    except NotFound:  # erased
        declined = True
    if declined:
        jobs.add(tx, JobKind.WITHDRAW, rkey, services.clock())


def _make_record(claim: Claim, part: Part, parent: StrongRef) -> str:
    created_at = (claim.post_at or claim.seen_at) + timedelta(milliseconds=part.index)
    mention = claim.mention
    return reply.record(
        part.text, part.facets, root=mention.root, parent=parent, created_at=created_at, langs=mention.langs
    )


def _finish(services: Services, tx: Tx, claim: Claim, state: State, why: str | None) -> Step:
    now = services.clock()
    outcomes.finish(tx, claim, state, why, now)
    if claim.mention.command is Command.FORGET:
        forget_mentions(tx, services.ledger, [claim.mention.uri], now)
    return Step(state, why)
