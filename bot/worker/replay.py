"""Ask a brain again about a stored turn, with the input of that turn. Nothing is posted or remembered."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.domain.gate import of_prompt
from bot.domain.links import Allowed
from bot.domain.prompt import Prompt
from bot.domain.reply import MAX_GRAPHEMES
from bot.errors import NotFound, TransientBrainError
from bot.tools.toolbox import Toolbox
from bot.worker.recorder import Recorder, make_turn_record
from memory import keywords
from memory.errors import UnknownNote
from memory.model import Passage, Receipt
from memory.recollection import Block, Item, Recollection
from memory.row_security import only

if TYPE_CHECKING:
    from datetime import timedelta

    from bot.clock import Clock
    from bot.domain.gate import Gate
    from bot.domain.turn import TurnInput, TurnRecord
    from bot.ports import Brain
    from memory.db import Tx
    from memory.model import Note
    from memory.store import Memory

MAX_FOUND = 10  # notes that a search returns


@dataclass(frozen=True, slots=True)
class Replay:
    """A stored turn (`then`) and its repetition (`now`): which input was the `same`, and which `differs`."""

    then: TurnRecord
    now: TurnRecord
    same: tuple[str, ...]
    differs: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether the reply or the edits are others than then."""
        return (self.then.reply, self.then.edits) != (self.now.reply, self.now.edits)


def notes_of_turn(tx: Tx, memory: Memory, turn_input: TurnInput) -> tuple[Note, ...]:
    """Return the notes that were active at the time of the turn, without those that were erased since."""
    notes = []
    with only(tx, turn_input.person.did):
        for number in turn_input.notes:
            with suppress(UnknownNote):
                notes.append(replace(memory.note(tx, number), superseded_by=None, valid_to=None))
    return tuple(notes)


async def replay(
    turn: TurnRecord,
    notes: tuple[Note, ...],
    brain: Brain,
    clock: Clock,
    time_limit: timedelta,
    persona: str | None = None,
) -> Replay:
    """Ask `brain` again, with another `persona` if one is given.

    An error of the brain, or a brain that takes longer than `time_limit`, is recorded as the outcome. Raises
    NotFound if the turn's words were erased.
    """
    turn_input = turn.told
    if turn_input is None:
        raise NotFound(f"prompt of the turn over {turn.uri} any more: its words were erased.")
    prompt = _rebuild_prompt(turn_input, notes, persona)
    tools = _make_tools(turn_input, prompt)
    recorder, started = Recorder(tools, clock, []), clock()
    error: Exception | None = None
    try:
        async with asyncio.timeout(time_limit.total_seconds()):
            await brain.think(prompt, recorder)
        recorder.result = tools.thought()
    except TimeoutError:
        error = TransientBrainError("it took too long")
    except Exception as raised:  # noqa: BLE001 - the outcome of the turn
        error = raised
    now = make_turn_record(
        prompt,
        replace(turn_input, sections=prompt.sections, images=()),
        recorder,
        error,
        brain=brain.name,
        persona=prompt.sections[0].text,
        started=started,
        ended=clock(),
    )
    return Replay(turn, now, *_compare(turn, now, turn_input, notes))


def _rebuild_prompt(turn_input: TurnInput, notes: tuple[Note, ...], persona: str | None) -> Prompt:
    """Return the prompt as it was sent then, with another persona if one is given."""
    first, *others = turn_input.sections
    shown = tuple(note for note in notes if note.id in turn_input.shown)
    block = Block("person", "\n".join(Item.of_note(note).line for note in shown), shown, turn_input.hidden)
    return Prompt(
        sections=(first if persona is None else replace(first, text=persona.strip()), *others),
        mention=turn_input.mention,
        person=turn_input.person,
        recollection=Recollection(turn_input.person, notes, block),
        thread=turn_input.thread,
        now=turn_input.now,
        post=turn_input.post,
        remembers=turn_input.remembers,
    )


def _make_tools(turn_input: TurnInput, prompt: Prompt) -> Toolbox:
    known = prompt.recollection

    async def search(query: str) -> tuple[Passage, ...]:
        return tuple(map(Passage.of_note, keywords.search(known.notes, query, MAX_FOUND)))

    mention = turn_input.mention
    receipt = Receipt(mention.uri, mention.ref.cid, mention.did, mention.said_at)
    return Toolbox(
        known,
        receipt,
        turn_input.now,
        limits=turn_input.limits,
        search=search,
        reply_limit=turn_input.reply_limit,
        gate=_make_gate(turn_input, prompt),
    )


def _make_gate(turn_input: TurnInput, prompt: Prompt) -> Gate:
    """The gate of that turn, but for the answers that the asker had got elsewhere."""
    handles = frozenset(filter(None, (prompt.person.handle,)))
    allowed = Allowed(
        frozenset(turn_input.link_hosts), handles, frozenset({prompt.person.did}), tags=turn_input.allow_tags
    )
    parts = max(1, turn_input.reply_limit // MAX_GRAPHEMES)
    return of_prompt(
        prompt,
        Toolbox.specs,
        allowed,
        parts=parts,
        notice=turn_input.notice,
        remembers=turn_input.remembers,
    )


def _compare(
    then: TurnRecord, now: TurnRecord, turn_input: TurnInput, notes: tuple[Note, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which input was the same for both turns, and which was not, a line each."""
    same = [f'the section "{section.name}", as sent' for section in turn_input.sections[1:]]
    same.append(
        f"the time it believes it is ({turn_input.now:%Y-%m-%d %H:%M} UTC), and the limits of its tools"
    )
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
    if gone := len(turn_input.notes) - len(notes):
        differs.append(
            f"{gone} of the {len(turn_input.notes)} notes known then were erased since: `recall` has them not"
        )
    if turn_input.images:
        differs.append("pictures are not fetched again: only their descriptions are given")
    if now.model:
        differs.append("chance: a model seldom says the same twice")
    differs.append("`recall` finds by words among the notes known then, and the tools are this version's")
    return tuple(same), tuple(differs)
