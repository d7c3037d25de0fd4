"""From drafted to answered: each part of a reply under its reserved key, once, whatever crashes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.domain import pacing, policy, reply
from bot.domain.mention import Command, State
from bot.errors import FenceLost, KeyTaken, NotFound, PermanentNetworkError
from bot.privacy.erasure import forget_mentions
from bot.storage import consent, jobs, mentions, outbox, outcomes, views
from bot.storage.jobs import JobKind
from bot.storage.ledger import Recorded
from bot.worker.preflight import SALTS, decision_facts, find_answer, forget_words, look, read_again
from bot.worker.step import Step

if TYPE_CHECKING:
    from bot.domain.mention import Claim, Part, StrongRef
    from bot.services import Services
    from bot.worker.preflight import Preflight
    from memory.db import Tx


MISSED = "its slot was missed"


async def say(services: Services, claim: Claim) -> Step:
    """Put what was drafted, unless something speaks against it by now.

    Raises NetworkError, BrainError and FenceLost. What was put stays known: the next try goes on from there.
    """
    mention = claim.mention
    if services.ledger.has(Recorded.ANSWERED, mention.uri):
        return await services.write(lambda tx: _finish(services, tx, claim, State.ANSWERED, "in the ledger"))
    parts = await services.read(lambda tx: outbox.parts(tx, mention.uri))
    postponed = await _keep_slot(services, claim, parts)
    if postponed:
        return postponed
    seen = await look(services, mention)
    edited = None if any(part.ref for part in parts) else await read_again(services, claim, seen)
    refused = edited or await services.write(lambda tx: _last_check(services, tx, claim, parts, seen))
    if refused:
        return refused
    parent = mention.ref
    for part in parts:
        parent = part.ref or await _put(services, claim, part, parent)
    await asyncio.to_thread(services.ledger.add, Recorded.ANSWERED, mention.uri)
    return await services.write(lambda tx: _finish(services, tx, claim, State.ANSWERED, None))


async def _keep_slot(services: Services, claim: Claim, parts: tuple[Part, ...]) -> Step | None:
    """If its slot was missed, take the next free one: what an outage held up must not go out at once."""
    if not pacing.is_missed(claim.post_at or claim.seen_at, services.clock()) or any(p.ref for p in parts):
        return None

    def take(tx: Tx) -> Step | None:
        now = services.clock()
        slot = outbox.reschedule(tx, claim, services.plan, now)
        if slot <= now:
            return None
        mentions.postpone(tx, claim, slot, MISSED, failed=False)
        return Step(State.DRAFTED, MISSED, slot)

    return await services.write(take)


def _last_check(
    services: Services, tx: Tx, claim: Claim, parts: tuple[Part, ...], seen: Preflight
) -> Step | None:
    now, mention = services.clock(), claim.mention
    verdict = policy.judge(
        decision_facts(services, tx, mention, seen, now), services.limits, now, admitted=True
    )
    if not isinstance(verdict, policy.No):
        return None
    consent.withdraw(tx, mention.uri, now)
    said = sum(part.ref is not None for part in parts)
    if said:
        step = _finish(services, tx, claim, State.ANSWERED, f"{verdict.reason}: {said} of {len(parts)} parts")
    else:
        step = _finish(services, tx, claim, verdict.state, verdict.reason)
    forget_words(services, tx, mention, seen)
    return step


async def _put(services: Services, claim: Claim, part: Part, parent: StrongRef) -> StrongRef:
    """Put one part; its bytes are fixed before they are first sent."""
    network = services.network
    for _ in range(SALTS):
        if part.rkey is None or part.record is None:
            part = await _fix(services, claim, part, parent)
        rkey, record = part.rkey, part.record
        assert rkey is not None
        assert record is not None
        try:
            ref = part.ref or await network.put(rkey, record)
        except KeyTaken:
            part = replace(part, rkey=None, record=None)  # ours by another hand, or somebody else's: look
            continue
        try:
            await services.write(partial(_keep, services, claim, replace(part, ref=ref)))
        except FenceLost:
            await services.write(partial(_take_back, services, claim, rkey))
            raise
        return ref
    raise PermanentNetworkError(f"part {part.index} found no free record key")


async def _fix(services: Services, claim: Claim, part: Part, parent: StrongRef) -> Part:
    """Settle key and bytes for good; `ref` is set if our answer stands there already."""
    rkey, answer = await find_answer(services.network, claim.mention.uri, parent.uri, part.index)
    fixed = replace(
        part, rkey=rkey, record=_record(services, claim, part, parent), ref=answer.ref if answer else None
    )
    await services.write(lambda tx: outbox.fix_record(tx, claim, fixed))
    return fixed


def _keep(services: Services, claim: Claim, part: Part, tx: Tx) -> None:
    outbox.mark_posted(tx, claim, part, services.clock())


def _take_back(services: Services, claim: Claim, rkey: str, tx: Tx) -> None:
    """The mention was ended between the last check and the put: what stands there now must go."""
    try:
        ended = views.entry(tx, claim.mention.uri).state in {State.DECLINED, State.EXPIRED}
    except NotFound:  # forgotten
        ended = True
    if ended:
        jobs.add(tx, JobKind.WITHDRAW, rkey, services.clock())


def _record(services: Services, claim: Claim, part: Part, parent: StrongRef) -> str:
    """Dated when it is first sent: readers are not told of what is older than what they have seen."""
    created_at = services.clock() + timedelta(milliseconds=part.index)
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
