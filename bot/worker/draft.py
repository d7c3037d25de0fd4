"""From a claimed mention to a stored reply: check policy, compose the prompt, ask the brain, store."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.domain import commands, links, policy, reply, turn
from bot.domain.gate import of_prompt
from bot.domain.limits import POINTS_PER_POST
from bot.domain.mention import Part, State
from bot.privacy.erasure import propagate_erasure
from bot.prompt import compose
from bot.storage import mentions, outbox, outcomes, queue, redaction, spending
from bot.storage.ledger import EntryKind
from bot.storage.spending import SpendKind
from bot.tools.toolbox import Toolbox
from bot.worker import thread
from bot.worker.preflight import decision_facts, erase_if_deleted, in_time, requeue_if_edited, run_preflight
from bot.worker.record_keys import find_record_key
from bot.worker.recorder import Recorder, record_turn
from bot.worker.reserving import reserve_more
from bot.worker.step import Step
from memory.identifiers import thread_id
from memory.model import Forget, Passage, Receipt
from memory.recollection import Shown
from memory.text import tokens

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.budget import ReadBudget
    from bot.domain.gate import Gate
    from bot.domain.mention import Claim, Mention, Post, Profile
    from bot.domain.prompt import ThreadPost, TurnResult
    from bot.services import Services
    from bot.tools.overlay import IsOthers
    from bot.worker.preflight import Preflight
    from memory.db import Tx
    from memory.model import Limits
    from memory.recollection import Recollection


REPEATS_WITHIN = timedelta(hours=24)  # an answer to a person is not given again so soon
REPEATS_AMONG = 12  # their last answers


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
    budget = thread.new_budget()
    preflight = await run_preflight(services, mention, budget)
    edited = await requeue_if_edited(services, claim, preflight)
    if edited:
        return edited
    async with in_time(budget):
        profile = await services.network.profile(mention.did, budget=budget)
    admitted = await services.write(lambda tx: _admit(services, tx, claim, preflight, profile.labels))
    if isinstance(admitted, Step):
        return admitted
    assert preflight.post is not None
    result, gate = await _ask_brain(services, claim, preflight.post, profile, budget, short=admitted.short)
    return await services.write(lambda tx: _store(services, tx, claim, profile, result, gate.notice))


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
    """Take over a reply that the bot posted before this database knew of it, if there is one."""
    mention = claim.mention
    rkey, posted = await find_record_key(services.network, mention.uri, mention.uri, 0)
    if posted is None:
        return None
    answer = posted

    def store(tx: Tx) -> Step:
        now = services.clock()
        outbox.write_parts(tx, mention.uri, [Part(0, answer.text, ())])
        outbox.mark_posted(tx, claim, Part(0, answer.text, (), rkey=rkey, ref=answer.ref), now)
        outcomes.finish(tx, claim, State.ANSWERED, "adopted", now)
        return Step(State.ANSWERED, "adopted")

    await asyncio.to_thread(services.ledger.add, EntryKind.ANSWERED, mention.uri)
    return await services.write(store)


async def _ask_brain(
    services: Services, claim: Claim, post: Post, profile: Profile, budget: ReadBudget, *, short: bool
) -> tuple[TurnResult, Gate]:
    mention, options, found = claim.mention, services.options, list[Passage]()
    reader = thread.ThreadReader(services.network, mention.did, budget, partial(_is_erased, services))
    above, shown = await reader.read(mention, post, options.thread_posts)
    recollection, limits, answers = await services.write(
        lambda tx: _compile_memory(services, tx, mention, profile, above)
    )
    if short:
        recollection = replace(recollection, recalled=Shown(), archived=Shown())

    async def search(query: str) -> tuple[Passage, ...]:
        if short:
            return ()
        passages = await services.read(
            lambda tx: services.memory.retrieval.find(
                tx, mention.did, query, now=services.clock(), names=_names(services)
            )
        )
        found.extend(passages)
        return passages

    parts = 1 if short else options.reply_parts
    now, reply_limit = services.clock(), parts * reply.MAX_GRAPHEMES
    prompt = compose.compose(
        options.persona,
        recollection,
        above,
        mention,
        now,
        post=shown,
        total=_prompt_tokens(services),
        vision=options.vision,
    )
    prompt = await reader.fetch_images(prompt)
    allowed = _allowed(services, profile)
    gate = of_prompt(prompt, Toolbox.specs, allowed, answers=answers, parts=parts)
    tools = Toolbox(
        recollection,
        _receipt(mention),
        now,
        limits=limits,
        search=search,
        reply_limit=reply_limit,
        gate=gate,
        is_others=_others_notes(services, mention.did, gate),
    )
    recorder = Recorder(tools, services.clock, found, partial(reserve_more, services, claim))
    told = turn.turn_input(prompt, limits, reply_limit, allowed)
    async with record_turn(services, claim, prompt, told, recorder):
        await services.brain.think(prompt, recorder)
        recorder.result = result = tools.thought()
    return result, gate


def _others_notes(services: Services, did: str, gate: Gate) -> IsOthers:
    """Ask memory whether a text repeats a note of somebody else than `did`."""
    retrieval = services.memory.retrieval

    async def is_others(text: str, shortest: int) -> bool:
        return await services.read(lambda tx: retrieval.is_others(tx, did, text, gate.own, shortest))

    return is_others


def _allowed(services: Services, asker: Profile) -> links.Allowed:
    """The addresses that may be said: hosts of the list, the asker's handle and DID, and the bot's own."""
    me, options = services.network, services.options
    handles = frozenset(handle.lower() for handle in (asker.handle, me.handle) if handle)
    dids = frozenset({asker.did.lower(), me.did.lower()})
    return links.Allowed(options.link_hosts, handles, dids, options.allow_tags)


def _is_erased(services: Services, post: Post) -> bool:
    """Whether somebody wished this post to be forgotten. On the network it may still stand."""
    return services.journal.names_post(post.ref.uri, post.record.get("createdAt"), services.clock())


def _compile_memory(
    services: Services, tx: Tx, mention: Mention, profile: Profile, above: tuple[ThreadPost, ...]
) -> tuple[Recollection, Limits, tuple[str, ...]]:
    """Store that the person was met. Returns what memory puts into the prompt, limits, last answers."""
    now, memory = services.clock(), services.memory
    memory.people.meet(tx, mention.did, mention.said_at)
    if profile.handle:
        memory.people.rename(tx, mention.did, profile.handle, now)
    seen = {mention.uri, *(post.uri for post in above)}
    total = compose.memory_budget(services.options.persona, _prompt_tokens(services))
    known = memory.compile(
        tx, mention.did, mention.text, now=now, total=total, seen=seen, names=_names(services)
    )
    answers = memory.retrieval.answers(tx, mention.did, now - REPEATS_WITHIN, REPEATS_AMONG)
    return known, memory.remaining_limits(tx, mention.did, now), answers


def _names(services: Services) -> dict[str, str]:
    return {services.network.did: services.network.handle}


def _prompt_tokens(services: Services) -> int:
    """Return how many tokens a prompt may have, without the descriptions of its tools."""
    tools = sum(tokens(f"{spec.description}{json.dumps(spec.parameters)}") for spec in Toolbox.specs)
    return max(0, services.options.prompt_tokens - tools)


def _receipt(mention: Mention) -> Receipt:
    return Receipt(mention.uri, mention.ref.cid, mention.did, mention.said_at)


def _store(
    services: Services, tx: Tx, claim: Claim, profile: Profile, result: TurnResult, notice: str
) -> Step:
    """Store the edits of memory and the parts of the reply with its notice, in one transaction."""
    now, mention = services.clock(), claim.mention
    mentions.add_usage(tx, claim, services.brain.name, result.usage)
    with propagate_erasure(tx, services.memory, services.journal, mention.did, now):
        services.memory.apply(
            tx,
            mention.did,
            result.edits,
            _receipt(mention),
            key=f"{mention.uri}@{claim.fence}",  # an edited post can have more than one turn
            actor=f"brain:{services.brain.name}",
            at=now,
        )
    text = reply.clean(result.reply or "")
    _record_exchange(services, tx, mention, result, text, now)
    if not text:
        spending.release_reply(tx, spending.attempt(services.journal, mention))
        outcomes.finish(tx, claim, State.SILENT, result.why, now)
        return Step(State.SILENT, result.why)
    if notice:
        services.memory.people.mark_introduced(tx, mention.did, now)
    text = commands.introduce(text, notice)
    parts = _make_parts(text, profile, services.options.link_hosts)
    who = spending.attempt(services.journal, mention, claim.fence)
    spending.settle_posts(tx, who, len(parts), len(parts) * POINTS_PER_POST)
    return Step(State.DRAFTED, due_at=outbox.draft(tx, claim, parts, services.pace, now))


def _record_exchange(
    services: Services, tx: Tx, mention: Mention, result: TurnResult, answer: str, now: datetime
) -> None:
    """Store the exchange for retrieval, unless it may tell of what was erased in it or meanwhile."""
    if any(isinstance(edit, Forget) for edit in result.edits) or redaction.is_marked(tx, mention.uri):
        return
    thread = thread_id(mention.root.uri)
    lang = mention.langs[0] if len(mention.langs) == 1 else None
    said = Passage(
        mention.did, "said", mention.did, mention.text, thread, mention.uri, mention.said_at, lang=lang
    )
    answered = replace(said, kind="answer", author=services.network.did, text=answer, at=now)
    services.memory.retrieval.record(tx, said, *([answered] if answer else []))


def _make_parts(text: str, asker: Profile, link_hosts: frozenset[str]) -> list[Part]:
    return [
        Part(index, part_text, reply.facets(part_text, asker.did, asker.handle, link_hosts))
        for index, part_text in enumerate(reply.split(text))
    ]
