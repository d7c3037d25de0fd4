"""Think again about a kept turn: from what was told then, with nothing posted and nothing remembered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.domain.prompt import Prompt
from bot.errors import NotFound, TransientBrainError
from bot.tools.toolbox import Toolbox
from bot.worker.recorder import Recorder, turn_of
from memory import keywords
from memory.errors import UnknownNote
from memory.model import Passage, Receipt
from memory.recollection import Block, Item, Recollection

if TYPE_CHECKING:
    from datetime import timedelta

    from bot.clock import Clock
    from bot.domain.turn import TurnInput, TurnRecord
    from bot.ports import Brain
    from memory.db import Tx
    from memory.model import Note
    from memory.store import Memory

FOUND = 10  # notes that a search brings up


@dataclass(frozen=True, slots=True)
class Replay:
    """A turn `then` and the same asked again `now`, with what both were given alike and what not."""

    then: TurnRecord
    now: TurnRecord
    same: tuple[str, ...]
    differs: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Did it come to another reply, or other edits?"""
        return (self.then.reply, self.then.edits) != (self.now.reply, self.now.edits)


def known_then(tx: Tx, memory: Memory, told: TurnInput) -> tuple[Note, ...]:
    """The notes that were active then, as they were; what was erased since is not among them."""
    notes = []
    for number in told.notes:
        try:
            notes.append(replace(memory.note(tx, number), superseded_by=None, valid_to=None))
        except UnknownNote:
            continue
    return tuple(notes)


async def replay(
    turn: TurnRecord,
    notes: tuple[Note, ...],
    brain: Brain,
    clock: Clock,
    within: timedelta,
    persona: str | None = None,
) -> Replay:
    """Ask `brain` again, with another `persona` if one is given. It has to be done `within`.

    Raises NotFound if the turn's words were erased. Errors of the brain are its outcome.
    """
    told = turn.told
    if told is None:
        raise NotFound(f"prompt of the turn over {turn.uri} any more: its words were erased.")
    prompt = _prompt(told, notes, persona)
    tools = _tools(told, prompt.recollection)
    recorder, started = Recorder(tools, clock, []), clock()
    error: Exception | None = None
    try:
        async with asyncio.timeout(within.total_seconds()):
            await brain.think(prompt, recorder)
        recorder.thought = tools.thought()
    except TimeoutError:
        error = TransientBrainError("it took too long")
    except Exception as trouble:  # noqa: BLE001 - whatever it raises is what the turn comes to
        error = trouble
    now = turn_of(
        prompt,
        replace(told, sections=prompt.sections, images=()),
        recorder,
        error,
        brain=brain.name,
        persona=prompt.sections[0].text,
        started=started,
        ended=clock(),
    )
    return Replay(turn, now, *_compared(turn, now, told, notes))


def _prompt(told: TurnInput, notes: tuple[Note, ...], persona: str | None) -> Prompt:
    """As it was sent, but for the persona."""
    first, *others = told.sections
    shown = tuple(note for note in notes if note.id in told.shown)
    block = Block("person", "\n".join(Item.of_note(note).line for note in shown), shown, told.hidden)
    return Prompt(
        sections=(first if persona is None else replace(first, text=persona.strip()), *others),
        mention=told.mention,
        person=told.person,
        recollection=Recollection(told.person, notes, block),
        thread=told.thread,
        now=told.now,
        post=told.post,
    )


def _tools(told: TurnInput, known: Recollection) -> Toolbox:
    async def search(query: str) -> tuple[Passage, ...]:
        return tuple(map(_passage, keywords.search(known.notes, query, FOUND)))

    mention = told.mention
    receipt = Receipt(mention.uri, mention.ref.cid, mention.did, mention.said_at)
    return Toolbox(known, receipt, told.now, limits=told.limits, search=search, reply_limit=told.reply_limit)


def _passage(note: Note) -> Passage:
    """A note as a search finds it."""
    return Passage(
        did=note.did,
        kind="note",
        author=note.did,
        text=note.text,
        thread=0,
        uri=note.receipt.uri,
        at=note.receipt.said_at,
        note_id=note.id,
    )


def _compared(
    then: TurnRecord, now: TurnRecord, told: TurnInput, notes: tuple[Note, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What was alike for both turns, and what was not."""
    same = [f'the section "{section.name}", as sent' for section in told.sections[1:]]
    same.append(f"the time it believes it is ({told.now:%Y-%m-%d %H:%M} UTC), and the limits of its tools")
    differs = []
    for name, before, after in (
        ("persona", then.persona, now.persona),
        ("brain", then.brain, now.brain),
        ("model", then.model, now.model),
    ):
        if before == after:
            same.append(f"the {name} ({after or 'none'})")
        else:
            differs.append(f"the {name}: {before or 'none'} then, {after or 'none'} now")
    if gone := len(told.notes) - len(notes):
        differs.append(
            f"{gone} of the {len(told.notes)} notes known then were erased since: `recall` has them not"
        )
    if told.images:
        differs.append("pictures are not fetched again: only their descriptions are given")
    if now.model:
        differs.append("chance: a model seldom says the same twice")
    differs.append("`recall` finds by words among the notes known then, and the tools are this version's")
    return tuple(same), tuple(differs)
