"""From claimed to drafted: may we, what do we know, what do we say, what do we keep."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain import commands, policy, reply, turn
from bot.domain.mention import Part, State
from bot.privacy.erasure import forgetting
from bot.prompt import compose
from bot.storage import mentions, outbox, outcomes
from bot.storage.ledger import Recorded
from bot.tools.toolbox import Toolbox
from bot.worker import thread
from bot.worker.preflight import decision_facts, find_answer, forget_words, look, read_again
from bot.worker.recorder import Recorder, recorded
from bot.worker.step import Step
from memory.db import lock
from memory.model import Forget, Passage, Receipt, tokens
from memory.rows.passages import thread_of

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Claim, Mention, Post, Profile
    from bot.domain.prompt import Thought, ThreadPost
    from bot.services import Services
    from bot.worker.preflight import Preflight
    from memory.db import Tx
    from memory.model import Limits, Recollection


async def think(services: Services, claim: Claim) -> Step:
    """Take a claimed mention to its draft, or to an outcome without one.

    Raises NetworkError, BrainError and FenceLost.
    """
    mention = claim.mention
    refused = await services.write(lambda tx: _admit(services, tx, claim))
    if refused:
        return refused
    adopted = await _adopt(services, claim)
    if adopted:
        return adopted
    seen = await look(services, mention)
    edited = await read_again(services, claim, seen)
    if edited:
        return edited
    profile = await services.network.profile(mention.did)
    refused = await services.write(lambda tx: _admit(services, tx, claim, seen, profile.labels))
    if refused:
        return refused
    assert seen.post is not None
    thought = await _ask_brain(services, claim, seen.post, profile)
    return await services.write(lambda tx: _keep(services, tx, claim, profile, thought))


def _admit(
    services: Services,
    tx: Tx,
    claim: Claim,
    seen: Preflight | None = None,
    labels: frozenset[str] | None = None,
) -> Step | None:
    """Ask conduct, and reserve the place among the limits. None: go on."""
    lock(tx, "admit")
    now, mention = services.clock(), claim.mention
    known = decision_facts(services, tx, mention, seen, now)
    allowed = mention.did in services.options.allowed_bots
    match policy.judge(replace(known, labels=labels, allowed_bot=allowed), services.limits, now):
        case policy.Go():
            mentions.admit(tx, claim, now)
            return None
        case policy.Later(until, why, scope):
            mentions.postpone(tx, claim, until, why, failed=False)
            if scope is not policy.Scope.MENTION:
                mentions.postpone_waiting(
                    tx, until, why, mention.did if scope is policy.Scope.PERSON else None
                )
            return Step(State.WAITING, why, until)
        case policy.No(why, state):
            outcomes.finish(tx, claim, state, why, now)
            forget_words(services, tx, mention, seen)
            return Step(state, why)


async def _adopt(services: Services, claim: Claim) -> Step | None:
    """An answer of ours that stands on the network already, though this database knows nothing of it."""
    mention = claim.mention
    rkey, there = await find_answer(services.network, mention.uri, mention.uri, 0)
    if there is None:
        return None
    answer = there

    def keep(tx: Tx) -> Step:
        now = services.clock()
        outbox.write_parts(tx, mention.uri, [Part(0, answer.text, ())])
        outbox.mark_posted(tx, claim, Part(0, answer.text, (), rkey=rkey, ref=answer.ref), now)
        outcomes.finish(tx, claim, State.ANSWERED, "adopted", now)
        return Step(State.ANSWERED, "adopted")

    await asyncio.to_thread(services.ledger.add, Recorded.ANSWERED, mention.uri)
    return await services.write(keep)


async def _ask_brain(services: Services, claim: Claim, there: Post, profile: Profile) -> Thought:
    mention, options, found = claim.mention, services.options, list[Passage]()
    reader = thread.ThreadReader(services.network, mention.did, thread.new_budget())
    above, shown = await reader.read(mention, there, options.thread_posts)
    recollection, limits = await services.write(lambda tx: _recall(services, tx, mention, profile, above))

    async def search(query: str) -> tuple[Passage, ...]:
        passages = await services.read(
            lambda tx: services.memory.find(
                tx, mention.did, query, now=services.clock(), names=_names(services)
            )
        )
        found.extend(passages)
        return passages

    now, reply_limit = services.clock(), options.reply_parts * reply.MAX_GRAPHEMES
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
    prompt = await reader.with_pictures(prompt)
    receipt = _receipt(mention)
    tools = Toolbox(recollection, receipt, now, limits=limits, search=search, reply_limit=reply_limit)
    recorder = Recorder(tools, services.clock, found)
    async with recorded(services, claim, prompt, turn.told(prompt, limits, reply_limit), recorder):
        await services.brain.think(prompt, recorder)
        recorder.thought = thought = tools.thought()
    return thought


def _recall(
    services: Services, tx: Tx, mention: Mention, profile: Profile, above: tuple[ThreadPost, ...]
) -> tuple[Recollection, Limits]:
    """Meet the person, and compile what is known of them into memory's share of the prompt."""
    now, memory = services.clock(), services.memory
    memory.meet(tx, mention.did, mention.said_at)
    if profile.handle:
        memory.rename(tx, mention.did, profile.handle, now)
    seen = {mention.uri, *(one.uri for one in above)}
    total = compose.memory_room(services.options.persona, _prompt_tokens(services))
    known = memory.compile(
        tx, mention.did, mention.text, now=now, total=total, seen=seen, names=_names(services)
    )
    return known, memory.room(tx, mention.did, now)


def _names(services: Services) -> dict[str, str]:
    return {services.network.did: services.network.handle}


def _prompt_tokens(services: Services) -> int:
    """What a prompt may have beside its tools."""
    tools = sum(tokens(f"{spec.description}{json.dumps(spec.parameters)}") for spec in Toolbox.specs)
    return max(0, services.options.prompt_tokens - tools)


def _receipt(mention: Mention) -> Receipt:
    return Receipt(mention.uri, mention.ref.cid, mention.did, mention.said_at)


def _keep(services: Services, tx: Tx, claim: Claim, profile: Profile, thought: Thought) -> Step:
    """What was learned and what will be said commit together, or neither does."""
    now, mention = services.clock(), claim.mention
    mentions.add_usage(tx, claim, services.brain.name, thought.usage)
    with forgetting(tx, services.memory, mention.did, now):
        services.memory.apply(
            tx,
            mention.did,
            thought.edits,
            _receipt(mention),
            key=f"{mention.uri}@{claim.fence}",  # an edited post is thought about more than once
            actor=f"brain:{services.brain.name}",
            at=now,
        )
    text = reply.clean(thought.reply or "")
    _record(services, tx, mention, thought, text, now)
    if not text:
        outcomes.finish(tx, claim, State.SILENT, thought.why, now)
        return Step(State.SILENT, thought.why)
    if services.memory.person(tx, mention.did).introduced_at is None:
        text = commands.introduce(text, commands.NOTICE)
        services.memory.introduced(tx, mention.did, now)
    parts = _parts(text, profile, services.options.link_hosts)
    return Step(State.DRAFTED, due_at=outbox.draft(tx, claim, parts, services.plan, now))


def _record(
    services: Services, tx: Tx, mention: Mention, thought: Thought, answer: str, now: datetime
) -> None:
    """Keep the exchange for recall; one that asks to forget something would only tell of it again."""
    if any(isinstance(edit, Forget) for edit in thought.edits):
        return
    thread = thread_of(mention.root.uri)
    lang = mention.langs[0] if len(mention.langs) == 1 else None
    said = Passage(
        mention.did, "said", mention.did, mention.text, thread, mention.uri, mention.said_at, lang=lang
    )
    answered = replace(said, kind="answer", author=services.network.did, text=answer, at=now)
    services.memory.record(tx, said, *([answered] if answer else []))


def _parts(text: str, asker: Profile, link_hosts: frozenset[str]) -> list[Part]:
    return [
        Part(index, piece, reply.facets(piece, asker.did, asker.handle, link_hosts))
        for index, piece in enumerate(reply.split(text))
    ]
