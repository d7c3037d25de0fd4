"""The answer of the program itself to a command: within the limits, without a brain."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from bot.counts import DELAYED
from bot.domain import policy, reply
from bot.domain.limits import POINTS_PER_POST
from bot.domain.mention import Command, Part, State
from bot.ingest import commands
from bot.storage import claimed, mentions, outbox, outcomes, sources, spending
from bot.storage.spending import SpendKind
from bot.wording import answers
from bot.worker.preflight import decision_facts
from bot.worker.private_answer import APP, post_link
from bot.worker.private_answer import COMMANDS as PRIVATE
from bot.worker.step import Step
from memory.db import after_commit
from memory.errors import UnknownPerson
from memory.sensitive import kinds

if TYPE_CHECKING:
    from bot.domain.mention import Claim, Mention
    from bot.services import Services
    from memory.db import Tx
    from memory.model import Note

Parts: TypeAlias = tuple[Part, ...]
MAX_USED = 3  # notes that a `why` is answered with


async def answer_command(services: Services, claim: Claim, parts: Parts) -> Step | Parts:
    """The parts of the answer: those that are drafted, or new ones. Their place among the limits is reserved.

    A Step if the limits allow no answer, or none yet. Raises FenceLost.
    """

    def admit(tx: Tx) -> Step | Parts:
        who = spending.attempt(services.journal, claim.mention)
        if spending.is_reserved(tx, who):
            return parts
        now = services.clock()
        known = decision_facts(services, tx, claim.mention, None, now)
        match policy.decide(known, services.limits, now, thinking=False):
            case policy.Later(until, why):
                mentions.postpone(tx, claim, until, why, failed=False)
                after_commit(tx, partial(DELAYED.add, why))
                return Step(State.DRAFTED, why, until)
            case policy.No(why, state):
                outcomes.finish(tx, claim, state, why, now)
                return Step(state, why)
            case policy.Go():
                pass
        made = parts or _make(services, tx, claim.mention)
        one_post = replace(services.limits, reply_points=len(made) * POINTS_PER_POST)
        spending.reserve(tx, who, known, one_post, now, SpendKind.COMMAND)
        spending.settle_posts(tx, who, len(made))
        claimed.lock(tx, claim)
        if claim.mention.command not in PRIVATE:  # else it is made when it is known what is said in public
            outbox.write_parts(tx, claim.mention.uri, made)
        return made

    return await services.write(admit)


def say(mention: Mention, answer: str) -> Parts:
    """The answer of this name, in the language of the wish."""
    return _parts(mention, answers.text(commands.language(mention), answer))


def answer_in_public(services: Services, tx: Tx, mention: Mention, *, offer: bool) -> Parts:
    """What may be said in public, with the `offer` to send all of it as messages, if that fits."""
    text = _text(services, tx, mention)
    offered = _parts(mention, f"{text}\n{answers.text(commands.language(mention), 'offer')}")
    return offered if offer and len(offered) <= services.options.reply_parts else _parts(mention, text)


def replace_parts(services: Services, tx: Tx, claim: Claim, parts: Parts) -> Parts:
    """Draft these parts. The place among the limits that is reserved becomes theirs."""
    who = spending.attempt(services.journal, claim.mention)
    spending.settle_posts(tx, who, len(parts))
    outbox.write_parts(tx, claim.mention.uri, parts)
    return parts


def _make(services: Services, tx: Tx, mention: Mention) -> Parts:
    return _parts(mention, _text(services, tx, mention))


def _parts(mention: Mention, text: str) -> Parts:
    return tuple(
        Part(index, part, reply.facets(part, mention.did, None, frozenset({APP})))
        for index, part in enumerate(reply.split(text))
    )


def _text(services: Services, tx: Tx, mention: Mention) -> str:
    lang = commands.language(mention)
    match mention.command:
        case Command.MEMORY:
            return _memory(services, tx, mention, lang)
        case Command.WHY:
            return _why(services, tx, mention, lang)
        case Command.EXPORT:
            return _export(services, tx, mention, lang)
        case Command.MAY_FORGET:
            return answers.text(lang, "ask_forget")
        case Command.NO:
            return answers.text(lang, "kept")
        case _:
            return answers.text(lang, "help")


def _memory(services: Services, tx: Tx, mention: Mention, lang: str) -> str:
    """How much is remembered, and the newest of it that was said in public and is not sensitive."""
    notes = commands.active_notes(tx, services.memory, mention.did)
    if not notes:
        return answers.text(lang, "memory_none")
    lines, room = [answers.text(lang, "memory_some", count=len(notes))], _room(services, lang)
    shown = []
    for note in reversed([note for note in notes if _is_public(note)]):
        room -= len(note.text) + 3
        if room < 0:
            break
        lines.append(f"· {note.text}")
        shown.append(note)
    if hidden := len(notes) - len(shown):
        lines.append(answers.text(lang, "memory_more", count=hidden))
    sources.add(tx, mention.uri, _posts(shown), services.clock())
    return "\n".join(lines)


def _room(services: Services, lang: str) -> int:
    """The characters that a list of notes may have."""
    around = (answers.text(lang, name, count=1000) for name in ("memory_some", "memory_more"))
    ends = services.options.reply_parts * 20  # a part ends at a word
    return services.options.reply_parts * reply.MAX_GRAPHEMES - sum(map(len, around)) - ends


def _is_public(note: Note) -> bool:
    return note.receipt.uri.startswith("at://") and not kinds(note.text)


def _posts(notes: list[Note] | tuple[Note, ...]) -> set[str]:
    return {receipt.uri for note in notes for receipt in note.receipts}


def _why(services: Services, tx: Tx, mention: Mention, lang: str) -> str:
    """The posts from which those notes come that the last answer used."""
    used = [note for note in commands.used_notes(tx, services.memory, mention) if _is_public(note)][
        -MAX_USED:
    ]
    if not used:
        return answers.text(lang, "why_none")
    sources.add(tx, mention.uri, _posts(used), services.clock())
    lines = (
        f"· {note.text} ({note.receipt.said_at:%Y-%m-%d})\n{post_link(mention.did, note.receipt.uri)}"
        for note in used
    )
    return "\n".join((answers.text(lang, "why_some"), *lines))


def _export(services: Services, tx: Tx, mention: Mention, lang: str) -> str:
    try:
        held = services.memory.export(tx, mention.did)
    except UnknownPerson:
        return answers.text(lang, "memory_none")
    return answers.text(lang, "export_public", count=len(held["notes"]), posts=len(held["passages"]))
