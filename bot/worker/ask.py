"""One turn about one mention: read the thread, compile memory, compose the prompt, ask the brain."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.domain import consent, links, reply
from bot.domain.gate import of_prompt
from bot.domain.turn import turn_input
from bot.prompt import compose
from bot.storage import outbox
from bot.tools.toolbox import Toolbox
from bot.wording import answers
from bot.wording.detection import detect
from bot.worker.burst import as_one
from bot.worker.bystanders import Bystanders
from bot.worker.learning import is_remembered, receipt
from bot.worker.recorder import Recorder, Turn, recorded
from bot.worker.reserving import reserve_more
from bot.worker.thread import ThreadReader
from memory.model import Passage
from memory.recollection import Shown, bare
from memory.row_security import only
from memory.text import tokens

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.domain.budget import ReadBudget
    from bot.domain.gate import Gate
    from bot.domain.mention import Claim, Mention, Post, Profile
    from bot.domain.prompt import ThreadPost, TurnResult
    from bot.services import Services
    from bot.tools.overlay import IsOthers
    from memory.db import Tx
    from memory.model import Limits
    from memory.recollection import Recollection

REPEATS_WITHIN = timedelta(hours=24)  # an answer to a person is not given again so soon
DETECTABLE = 20  # characters; the language of a shorter text is a guess
REPEATS_AMONG = 50  # of their last answers at most


@dataclass(frozen=True, slots=True)
class Ready:
    """A mention of which the brain may be asked, with what its author said just before.

    `short`: as in `policy.Go`.
    """

    claim: Claim
    post: Post
    burst: tuple[Mention, ...]
    profile: Profile
    budget: ReadBudget
    short: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What the brain said, the notice that its reply gets, and the turn, which is still to be stored.

    `remembers`: whether anything may be kept of the person.
    """

    result: TurnResult
    notice: str
    turn: Turn
    remembers: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What memory has for one turn: what the prompt shows, what may be written, the asker's last answers.

    `notice`: what the reply must tell the person; `remembers`: whether anything may be kept of them.
    """

    recollection: Recollection
    limits: Limits
    answers: tuple[str, ...]
    notice: str
    remembers: bool


async def ask_brain(services: Services, ready: Ready) -> Asked:
    """Ask the brain; if `short`, without recall, for an answer of one post.

    A turn that fails is stored here, any other by who stores what came of it. Raises BrainError.
    """
    options, found = services.options, list[Passage]()
    claim, profile, budget, short = ready.claim, ready.profile, ready.budget, ready.short
    mention, said = as_one(ready.burst, claim.mention), tuple(one.uri for one in ready.burst)
    bystanders = Bystanders(services, mention.did, budget)
    is_erased, hides = partial(_is_erased, services), (bystanders.is_hidden, bystanders.is_detached)
    reader = ThreadReader(services.network, mention.did, budget, is_erased, *hides)
    above, shown = await reader.read(mention, ready.post, options.thread_posts)
    above = tuple(one for one in above if one.uri not in said)
    known = await services.read(lambda tx: _compile(services, tx, mention, profile, above, short=short))
    parts = 1 if short else options.reply_parts
    now, reply_limit = services.clock(), parts * reply.MAX_GRAPHEMES
    prompt = compose.compose(
        options.persona,
        known.recollection,
        above,
        mention,
        now,
        post=shown,
        total=_prompt_tokens(services),
        vision=options.vision,
        remembers=known.remembers,
    )
    prompt = await reader.fetch_images(replace(prompt, burst=said))
    gate = of_prompt(
        prompt,
        Toolbox.specs,
        _allowed(services, profile),
        answers=known.answers,
        parts=parts,
        notice=known.notice,
        remembers=known.remembers,
    )
    tools = Toolbox(
        known.recollection,
        receipt(mention),
        now,
        limits=known.limits,
        search=_no_search if short or not known.remembers else _search(services, mention.did, found),
        reply_limit=reply_limit,
        gate=gate,
        is_others=_others_notes(services, mention.did, gate),
    )
    recorder = Recorder(tools, services.clock, found, partial(reserve_more, services, claim))
    told = turn_input(prompt, known.limits, reply_limit, gate)
    turn = Turn(services, claim, prompt, told, recorder, services.clock())
    async with recorded(turn):
        await services.brain.think(prompt, recorder)
        recorder.result = result = tools.thought()
    return Asked(result, known.notice, turn, known.remembers)


def _search(
    services: Services, did: str, found: list[Passage]
) -> Callable[[str], Awaitable[tuple[Passage, ...]]]:
    """Search the memory of this person; what was found is added to `found`."""
    find, names = services.memory.retrieval.find, _names(services)

    async def search(query: str) -> tuple[Passage, ...]:
        passages = await services.read(
            lambda tx: find(tx, did, query, now=services.clock(), names=names), person=did
        )
        found.extend(passages)
        return passages

    return search


async def _no_search(_query: str) -> tuple[Passage, ...]:
    return ()


def _others_notes(services: Services, did: str, gate: Gate) -> IsOthers:
    """Ask memory whether a text repeats a note of somebody else than `did`: this reads the whole store."""
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


async def _is_erased(services: Services, post: Post) -> bool:
    """Whether somebody wished this post to be forgotten. On the network it may still stand."""
    if post.did == services.network.did:
        return await services.read(lambda tx: _is_erased_answer(services, tx, post))
    created_at = post.record.get("createdAt")
    return services.journal.names_post(post.ref.uri, created_at, services.clock())


def _is_erased_answer(services: Services, tx: Tx, post: Post) -> bool:
    """Whether this answer of the bot may repeat what was forgotten.

    Of an answer that this database does not know, nobody can tell what it repeats.
    """
    if "reply" in post.record and not outbox.is_known(tx, post.ref.uri):
        return True
    return services.journal.erased_at(post.ref.uri, tx) is not None


def _compile(
    services: Services,
    tx: Tx,
    mention: Mention,
    profile: Profile,
    above: tuple[ThreadPost, ...],
    *,
    short: bool,
) -> Known:
    """What is known of the person; of who is not remembered, nothing."""
    now, memory, mode = services.clock(), services.memory, services.options.consent
    seen = {mention.uri, *(post.uri for post in above)}
    total = compose.memory_budget(services.options.persona, _prompt_tokens(services))
    found = memory.compile(
        tx, mention.did, mention.text, now=now, total=total, seen=seen, names=_names(services)
    )
    found = replace(found, person=replace(found.person, handle=profile.handle or found.person.handle))
    remembers = is_remembered(services, tx, mention.did)
    if short:
        found = replace(found, recalled=Shown(), archived=Shown())
    with only(tx, mention.did):
        limits = memory.remaining_limits(tx, mention.did, now)
        return Known(
            recollection=found if remembers else bare(found),
            limits=replace(limits, notes=limits.notes - found.waiting),
            answers=memory.retrieval.answers(tx, mention.did, now - REPEATS_WITHIN, REPEATS_AMONG),
            notice=_notice(mention, mode) if consent.must_tell(mode, found.person) else "",
            remembers=remembers,
        )


def _notice(mention: Mention, mode: consent.Consent) -> str:
    """What a first reply tells, in the person's language."""
    detected = detect(mention.text) if len(mention.text) >= DETECTABLE else None
    lang = answers.language(mention.langs, (), detected)
    return answers.text(lang, f"notice_{mode.name.lower()}")


def _names(services: Services) -> dict[str, str]:
    return {services.network.did: services.network.handle}


def _prompt_tokens(services: Services) -> int:
    """Return how many tokens a prompt may have, without the descriptions of its tools."""
    tools = sum(tokens(f"{spec.description}{json.dumps(spec.parameters)}") for spec in Toolbox.specs)
    return max(0, services.options.prompt_tokens - tools)
