"""From a claimed mention to a stored reply: check policy, ask the brain, store."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bot.counts import DELAYED
from bot.domain import policy, reply
from bot.domain.mention import Claim, Command, Part, State
from bot.domain.turn import Lesson
from bot.errors import FenceLost
from bot.ingest.edits import OPPOSITES
from bot.log import log_bug
from bot.privacy.repeats import hide_marked_answer
from bot.storage import (
    claimed,
    consent,
    drafts,
    introductions,
    mentions,
    outbox,
    outcomes,
    queue,
    sources,
    spending,
)
from bot.storage.ledger_entries import EntryKind
from bot.storage.spending import SpendKind
from bot.worker.ask import Ready, ask_brain
from bot.worker.burst import read_burst
from bot.worker.learning import forget_at_once, is_remembered, learn, waits
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
from memory import crash
from memory.db import DATABASE_ERRORS, after_commit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from datetime import datetime

    from bot.domain.mention import Mention, Profile
    from bot.services import Services
    from bot.worker.ask import Asked
    from bot.worker.preflight import Preflight
    from memory.db import Tx


def begin(services: Services, tx: Tx, claim: Claim) -> tuple[Claim, Step | policy.Go | None]:
    """The first answer of policy, in the transaction that claims the mention. On a go its place is reserved.

    None: policy was not asked, for the reply is ready, or a bug came between.
    """
    if claim.state is not State.THINKING:
        return claim, None
    try:
        return claim, _admit(services, tx, claim)
    except DATABASE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001 - asked again with the claim, it counts against this mention only
        log_bug("mention.bug", error, uri=claim.mention.uri, attempts=claim.attempts)
        return claim, None


async def draft(services: Services, claim: Claim, go: policy.Go | None = None) -> Step:
    """Take a claimed mention to its draft, or to an outcome without one. `go`: the first answer of policy.

    Raises NetworkError, BrainError and FenceLost.
    """
    async with _unspent(services, claim):
        ready = await _prepare(services, claim, go)
    if isinstance(ready, Step):
        return ready
    claim, profile = ready.claim, ready.profile
    crash.reach("admitted")
    asked = await ask_brain(services, ready)
    crash.reach("thought")
    try:
        step = await services.write(lambda tx: _store(services, tx, claim, profile, asked))
    except FenceLost:  # what the turn has cost counts all the same
        await asked.turn.settle()
        raise
    crash.reach("drafted")
    return step


@asynccontextmanager
async def _unspent(services: Services, claim: Claim) -> AsyncGenerator[None]:
    """If an exception leaves this context, the brain was not asked: what was reserved is free again."""
    try:
        yield
    except (Exception, asyncio.CancelledError):
        who = spending.attempt(services.journal, claim.mention, claim.fence)
        with suppress(*DATABASE_ERRORS):  # then the reservation stands
            await asyncio.shield(services.write(lambda tx: spending.drop(tx, who)))
        raise


async def _prepare(services: Services, claim: Claim, go: policy.Go | None) -> Step | Ready:
    """Read what the network says of the mention, and ask policy again."""
    adopted = await _adopt(services, claim)
    if adopted:
        return adopted
    budget = new_budget()
    preflight = await run_preflight(services, claim, budget)
    edited = await requeue_if_edited(services, preflight.claim, preflight)
    if edited:
        return edited
    async with in_time(budget):
        profile = await services.network.profile(claim.mention.did, budget=budget)
    moved = preflight.claim.mention.root != claim.mention.root
    claim = preflight.claim
    if moved or go is None or not await services.read(partial(_holds, services, claim, preflight, profile)):
        admitted = await services.write(lambda tx: _admit(services, tx, claim, preflight, profile))
        if isinstance(admitted, Step):
            return admitted
        go = admitted
    assert preflight.post is not None
    burst = await read_burst(services, claim.mention, budget)
    return Ready(claim, preflight.post, burst, profile, budget, go.short)


def _holds(services: Services, claim: Claim, preflight: Preflight, profile: Profile, tx: Tx) -> bool:
    """Whether the first go holds, now that it is known what the network says. Raises FenceLost.

    Of an allowed bot it has to be asked anew: fewer posts in a thread are for it.
    """
    claimed.require(tx, claim)
    now, mention = services.clock(), claim.mention
    known = decision_facts(services, tx, mention, preflight, now, spent=False)
    known = replace(known, labels=profile.labels)
    return isinstance(policy.decide(known, services.limits, now, admitted=True), policy.Go)


def _admit(
    services: Services,
    tx: Tx,
    claim: Claim,
    preflight: Preflight | None = None,
    profile: Profile | None = None,
) -> Step | policy.Go:
    """Ask policy, and reserve what the turn may take: it counts whatever comes of the turn.

    `preflight` and `profile` are None as long as the network was not asked.
    """
    now, mention = services.clock(), claim.mention
    who = spending.attempt(services.journal, mention, claim.fence)
    if preflight is not None:
        claimed.lock(tx, claim)
    if preflight is not None or claim.fence > 1:
        spending.release(tx, who)  # of an earlier attempt the place of its reply, of this one all
    known = decision_facts(services, tx, mention, preflight, now)
    known = replace(
        known,
        labels=profile.labels if profile else None,
        allowed_bot=mention.did in services.options.allowed_bots,
    )
    match policy.decide(known, services.limits, now):
        case policy.Go() as go:
            spending.reserve(tx, who, known, services.limits, now, SpendKind.TURN)
            return go
        case policy.Later(until, why, scope):
            mentions.postpone(tx, claim, until, why, failed=False)
            after_commit(tx, partial(DELAYED.add, why))
            after_commit(tx, partial(_hold, services, mention, until, scope))
            return Step(State.WAITING, why, until)
        case policy.No(why, state):
            outcomes.finish(tx, claim, state, why, now)
            erase_if_deleted(services, tx, mention, preflight)
            erase_if_denied(tx, mention, policy.No(why, state))
            return Step(state, why)


def _meet(services: Services, tx: Tx, mention: Mention, profile: Profile, now: datetime) -> None:
    known = services.memory.people.meet(tx, mention.did, mention.said_at)
    if profile.handle and profile.handle != known:
        services.memory.people.rename(tx, mention.did, profile.handle, now)


def _hold(services: Services, mention: Mention, until: datetime, scope: policy.Scope) -> None:
    """Let all wait whom the limit concerns, so that none is judged in vain.

    In a transaction of its own: whoever claims a mention holds a person's row, and waits for the limits.
    """
    if scope is policy.Scope.MENTION:
        return
    who = {policy.Scope.PERSON: mention.did, policy.Scope.NEWCOMERS: queue.NEWCOMERS}.get(scope)
    with suppress(*DATABASE_ERRORS), services.db.write() as tx:
        queue.hold(tx, until, who)


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
        spending.release(tx, spending.attempt(services.journal, mention, claim.fence))
        sources.add(tx, mention.uri, [sources.UNKNOWN], now)
        outbox.write_parts(tx, mention.uri, [Part(0, "", ())])
        if outbox.mark_posted(tx, claim, Part(0, "", (), rkey=rkey, ref=answer.ref), now).marked:
            parts = services.memory, services.journal
            hide_marked_answer(tx, *parts, mention.uri, answer.ref.uri, now)
        outcomes.finish(tx, claim, State.ANSWERED, "adopted", now)
        return Step(State.ANSWERED, "adopted")

    await asyncio.to_thread(services.ledger.add, EntryKind.ANSWERED, mention.uri)
    return await services.write(store)


def _store(services: Services, tx: Tx, claim: Claim, profile: Profile, asked: Asked) -> Step:
    """Store the edits of memory and the parts of the reply with its notice, in one transaction."""
    now, mention, result = services.clock(), claim.mention, asked.result
    kept = asked.turn.store(tx)
    _meet(services, tx, mention, profile, now)
    if result.refuse and not consent.is_overruled(tx, mention, *OPPOSITES[Command.REFUSE]):
        consent.set_memory_wish(tx, mention.did, now, wanted=False)
    text = reply.clean(result.reply or "")
    key = f"{mention.uri}@{claim.fence}"  # an edited post can have more than one turn
    lesson = Lesson(key, result.edits, text)
    remembers = asked.remembers and is_remembered(services, tx, mention.did)  # the wish may be a new one
    held = bool(text) and waits(services.options.approve, tx, mention.did)
    if remembers and not asked.notice and not held:
        learn(services, tx, mention, lesson, now, exchange=kept)
    else:
        lesson = forget_at_once(services, tx, mention, lesson, now)
    who = spending.attempt(services.journal, mention, claim.fence)
    if not text:
        spending.settle(tx, who, result.usage, services.limits.price)
        spending.release_reply(tx, who)
        outcomes.finish(tx, claim, State.SILENT, result.why, now)
        if result.stop and not consent.is_overruled(tx, mention, *OPPOSITES[Command.STOP]):
            consent.stop(tx, mention.did, now)
        return Step(State.SILENT, result.why)
    if asked.notice or held:
        introductions.put(tx, mention.uri, lesson if remembers else None, tells=bool(asked.notice))
    parts = _make_parts(text, asked.notice, profile, services.options.link_hosts)
    spending.settle(tx, who, result.usage, services.limits.price, posts=len(parts))
    if held:
        outbox.draft_held(tx, claim, parts, now, drafts.WAITS)
        return Step(State.DRAFTED, drafts.WAITS)
    pace, hours, lease = services.pace, services.limits.hours, services.options.lease
    drafted = outbox.draft(tx, claim, parts, pace, now, lease, hours)
    if isinstance(drafted, Claim):
        return Step(State.POSTING, claim=drafted)
    return Step(State.DRAFTED, due_at=drafted)


def _make_parts(text: str, notice: str, asker: Profile, link_hosts: frozenset[str]) -> list[Part]:
    return [
        Part(index, part_text, reply.facets(part_text, asker.did, asker.handle, link_hosts))
        for index, part_text in enumerate(reply.split(text, notice=notice))
    ]
