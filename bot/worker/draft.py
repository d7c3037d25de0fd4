"""From a claimed mention to a stored reply: check policy, ask the brain, store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain import policy, reply
from bot.domain.limits import POINTS_PER_POST
from bot.domain.mention import Command, Part, State
from bot.domain.turn import Lesson
from bot.ingest.edits import OPPOSITES
from bot.storage import (
    consent,
    introductions,
    mentions,
    outbox,
    outcomes,
    queue,
    redaction,
    sources,
    spending,
)
from bot.storage.ledger import EntryKind
from bot.storage.spending import SpendKind
from bot.worker.ask import ask_brain
from bot.worker.learning import forget_at_once, is_remembered, learn
from bot.worker.preflight import (
    decision_facts,
    erase_if_deleted,
    erase_if_denied,
    in_time,
    requeue_if_edited,
    run_preflight,
)
from bot.worker.record_keys import find_record_key
from bot.worker.step import Step
from bot.worker.thread import new_budget

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Claim, Mention, Profile
    from bot.services import Services
    from bot.worker.ask import Asked
    from bot.worker.preflight import Preflight
    from memory.db import Tx


async def draft(services: Services, claim: Claim) -> Step:
    """Take a claimed mention to its draft, or to an outcome without one.

    Raises NetworkError, BrainError and FenceLost.
    """
    mention = claim.mention
    admitted = await services.write(lambda tx: _admit(services, tx, claim))
    if isinstance(admitted, Step):
        return admitted
    adopted = await _adopt(services, claim)
    if adopted:
        return adopted
    budget = new_budget()
    preflight = await run_preflight(services, claim, budget)
    claim, mention = preflight.claim, preflight.claim.mention
    edited = await requeue_if_edited(services, claim, preflight)
    if edited:
        return edited
    async with in_time(budget):
        profile = await services.network.profile(mention.did, budget=budget)
    admitted = await services.write(lambda tx: _admit(services, tx, claim, preflight, profile.labels))
    if isinstance(admitted, Step):
        return admitted
    assert preflight.post is not None
    asked = await ask_brain(services, claim, preflight.post, profile, budget, short=admitted.short)
    return await services.write(lambda tx: _store(services, tx, claim, profile, asked))


def _admit(
    services: Services,
    tx: Tx,
    claim: Claim,
    preflight: Preflight | None = None,
    labels: frozenset[str] | None = None,
) -> Step | policy.Go:
    """Ask policy, and reserve what the turn may take: it counts whatever comes of the turn."""
    spending.lock_limits(tx)
    now, mention = services.clock(), claim.mention
    who = spending.attempt(services.journal, mention, claim.fence)
    spending.release(tx, who)  # of an earlier attempt the place of its reply, of this one all: decided anew
    known = decision_facts(services, tx, mention, preflight, now)
    known = replace(known, labels=labels, allowed_bot=mention.did in services.options.allowed_bots)
    match policy.decide(known, services.limits, now):
        case policy.Go() as go:
            mentions.admit(tx, claim, now)
            spending.reserve(tx, who, known, services.limits, now, SpendKind.TURN)
            return go
        case policy.Later(until, why, scope):
            mentions.postpone(tx, claim, until, why, failed=False)
            _hold(tx, mention, until, scope)
            return Step(State.WAITING, why, until)
        case policy.No(why, state):
            outcomes.finish(tx, claim, state, why, now)
            erase_if_deleted(services, tx, mention, preflight)
            erase_if_denied(tx, mention, policy.No(why, state))
            return Step(state, why)


def _hold(tx: Tx, mention: Mention, until: datetime, scope: policy.Scope) -> None:
    """Let all wait whom the limit concerns, so that none is judged in vain."""
    match scope:
        case policy.Scope.PERSON:
            queue.hold(tx, until, mention.did)
        case policy.Scope.NEWCOMERS:
            queue.hold(tx, until, queue.NEWCOMERS)
        case policy.Scope.ALL:
            queue.hold(tx, until)
        case policy.Scope.MENTION:
            pass


async def _adopt(services: Services, claim: Claim) -> Step | None:
    """Take over a reply that the bot posted before this database knew of it, if there is one.

    Its text is not stored, as nobody knows any more what it was made of.
    """
    mention = claim.mention
    rkey, posted = await find_record_key(services.network, mention.uri, mention.uri, 0)
    if posted is None:
        return None
    answer = posted

    def store(tx: Tx) -> Step:
        now = services.clock()
        sources.add(tx, mention.uri, [sources.UNKNOWN], now)
        outbox.write_parts(tx, mention.uri, [Part(0, "", ())])
        outbox.mark_posted(tx, claim, Part(0, "", (), rkey=rkey, ref=answer.ref), now)
        outcomes.finish(tx, claim, State.ANSWERED, "adopted", now)
        return Step(State.ANSWERED, "adopted")

    await asyncio.to_thread(services.ledger.add, EntryKind.ANSWERED, mention.uri)
    return await services.write(store)


def _store(services: Services, tx: Tx, claim: Claim, profile: Profile, asked: Asked) -> Step:
    """Store the edits of memory and the parts of the reply with its notice, in one transaction."""
    now, mention, result = services.clock(), claim.mention, asked.result
    mentions.add_usage(tx, claim, services.brain.name, result.usage)
    if not redaction.is_marked(tx, mention.uri):
        sources.add(tx, mention.uri, asked.sources, now)
    if result.refuse and not consent.is_overruled(tx, mention, *OPPOSITES[Command.REFUSE]):
        consent.set_memory_wish(tx, mention.did, now, wanted=False)
    text = reply.clean(result.reply or "")
    key = f"{mention.uri}@{claim.fence}"  # an edited post can have more than one turn
    lesson = Lesson(key, result.edits, text)
    remembers = asked.remembers and is_remembered(services, tx, mention.did)  # the wish may be a new one
    if remembers and not asked.notice:
        learn(services, tx, mention, lesson, now)
    else:
        lesson = forget_at_once(services, tx, mention, lesson, now)
    if not text:
        spending.release_reply(tx, spending.attempt(services.journal, mention))
        outcomes.finish(tx, claim, State.SILENT, result.why, now)
        if result.stop and not consent.is_overruled(tx, mention, *OPPOSITES[Command.STOP]):
            consent.stop(tx, mention.did, now)
        return Step(State.SILENT, result.why)
    if asked.notice:
        introductions.put(tx, mention.uri, lesson if remembers else None)
    parts = _make_parts(text, asked.notice, profile, services.options.link_hosts)
    who = spending.attempt(services.journal, mention, claim.fence)
    spending.settle_posts(tx, who, len(parts), len(parts) * POINTS_PER_POST)
    return Step(State.DRAFTED, due_at=outbox.draft(tx, claim, parts, services.pace, now))


def _make_parts(text: str, notice: str, asker: Profile, link_hosts: frozenset[str]) -> list[Part]:
    return [
        Part(index, part_text, reply.facets(part_text, asker.did, asker.handle, link_hosts))
        for index, part_text in enumerate(reply.split(text, notice=notice))
    ]
