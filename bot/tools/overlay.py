"""The effects of one turn as values, and how a tool is defined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Generic, TypeAlias, TypeVar

import regex
from pydantic import AfterValidator, BaseModel, ConfigDict

from bot.domain import gate, outgoing
from bot.domain.gate import Gate
from bot.domain.prompt import ToolSpec
from bot.errors import ToolRefused
from memory.edits import propose
from memory.model import Forget, Passage, Remember, Revise
from memory.shingles import LENGTH, SHORTEST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from memory.model import Edit, Limits, Note, Receipt
    from memory.recollection import Recollection

    Search: TypeAlias = Callable[[str], Awaitable[tuple[Passage, ...]]]
    IsOthers: TypeAlias = Callable[[str, int], Awaitable[bool]]

STOPPED = "they want no answers"
MAX_REFUSALS = 3  # of replies by the gate in one turn; a model that insists would cost more each time
ArgumentsT = TypeVar("ArgumentsT", bound="Arguments")

# lone surrogates, bidi and control characters, but not line breaks and tabs
UNWANTED = regex.compile(r"[\p{Cs}\p{Cc}--[\n\t]]|[\u202a-\u202e\u2066-\u2069]", regex.VERSION1)

Text: TypeAlias = Annotated[str, AfterValidator(lambda text: UNWANTED.sub("", text).strip())]


class Arguments(BaseModel):
    """The arguments of a tool. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True)
class Tool(Generic[ArgumentsT]):
    """A tool: its description for the model, its arguments, and its effect on the overlay.

    `run` returns the text for the brain. It raises ToolRefused or EditRefused, whose words say how to correct
    the call.
    """

    spec: ToolSpec
    arguments: type[ArgumentsT]
    run: Callable[[Overlay, ArgumentsT], Awaitable[str]]


def tool(
    arguments: type[ArgumentsT],
) -> Callable[[Callable[[Overlay, ArgumentsT], Awaitable[str]]], Tool[ArgumentsT]]:
    """Make a function a tool. It has the function's name, and its docstring is what a model reads."""

    def make(run: Callable[[Overlay, ArgumentsT], Awaitable[str]]) -> Tool[ArgumentsT]:
        description = " ".join((run.__doc__ or "").split())
        return Tool(ToolSpec(run.__name__, description, arguments.model_json_schema()), arguments, run)

    return make


class Overlay:
    """What a turn has asked for so far. Edits change only this copy of the notes; nothing is written."""

    def __init__(
        self,
        recollection: Recollection,
        receipt: Receipt,
        now: datetime,
        limits: Limits,
        reply_limit: int,
        search: Search,
        tools: Sequence[str] = (),
        gate: Gate = Gate(),  # noqa: B008 - frozen
        is_others: IsOthers | None = None,
    ) -> None:
        self.notes = recollection.notes
        self.reply: str | None = None
        self.silence: str | None = None
        self.stopped = self.refused = False  # what the person wishes for themselves
        self._notes_before = recollection.notes
        self._receipt = receipt
        self._now = now
        self._limits = limits
        self._reply_limit = reply_limit
        self._search = search
        self._tools = tools
        self._gate = gate
        self._is_others = is_others
        self._refusals = 0

    async def set_reply(self, text: str) -> bool:
        """Returns False if the gate has refused so many replies that the turn ends in silence.

        Raises ToolRefused if it refuses `text`, or if that is too long.
        """
        if self.stopped:
            raise ToolRefused("this person wants no answer. Nothing will be posted.")
        text = _sentence(text, self._tools)
        count = len(regex.findall(r"\X", text))
        if count > self._reply_limit:
            raise ToolRefused(
                f"the reply has {count} characters, {self._reply_limit} are allowed. Say it in fewer."
            )
        if fault := await self._content_fault(text):
            return self._refuse(fault)
        self.reply, self.silence = text, None
        return True

    async def _content_fault(self, text: str) -> str | None:
        if fault := self._gate.reply_fault(text):
            return fault
        return gate.OTHERS if self._is_others and await self._is_others(text, SHORTEST) else None

    def _refuse(self, fault: str) -> bool:
        """Raises ToolRefused, until it was done MAX_REFUSALS times."""
        self._refusals += 1
        if self._refusals < MAX_REFUSALS:
            raise ToolRefused(fault)
        self.set_silence(f"refused {MAX_REFUSALS} times: {fault.partition('.')[0]}")
        return False

    async def check_note(self, text: str) -> None:
        """Raises ToolRefused if the gate refuses `text` as a note of the person.

        Of somebody else's notes only the longer ones count: many people live in Lisbon.
        """
        if fault := self._gate.note_fault(text):
            raise ToolRefused(fault)
        if self._is_others and await self._is_others(text, LENGTH):
            raise ToolRefused(gate.OTHERS_NOTE)

    def set_silence(self, why: str) -> None:
        self.reply, self.silence = None, why

    def set_stopped(self) -> None:
        self.stopped = True
        self.set_silence(STOPPED)

    def edit(self, edit: Edit) -> Note | None:
        """Apply the edit to the overlay. Returns the new note, or the one that already says the same.

        Raises EditRefused if this edit, or all edits of the turn together, break a rule of memory. Raises
        ToolRefused if the turn adds more notes than one exchange may.
        """
        notes = propose(self.notes, edit, self._receipt, self._now, self._limits)
        made = None if isinstance(edit, Forget) else notes[-1]
        if made and made.id < 0:
            made = replace(made, replaces=self._written_note(made.replaces))
            notes = (*notes[:-1], made)
        if sum(note.id < 0 or self._receipt in note.also for note in notes) > self._limits.per_exchange:
            raise ToolRefused(
                f"{self._limits.per_exchange} notes were written in this turn, which is all that one post "
                "may add. Revise one of them, or leave it."
            )
        after = self._notes_before
        for step in self._edits(notes):
            after = propose(after, step, self._receipt, self._now, self._limits)
        self.notes = notes
        return made

    def edits(self) -> tuple[Edit, ...]:
        """The turn's edits in an order that memory accepts; they name written notes only."""
        return self._edits(self.notes)

    async def recall(self, query: str) -> tuple[Passage, ...]:
        """What memory finds, in time order: with the turn's new notes, without what it has forgotten."""
        words = regex.findall(r"\w+", query.casefold())
        fresh = (n for n in self.notes if n.id < 0 and any(word in n.text.casefold() for word in words))
        edits = self.edits()
        gone = {each.note_id for each in edits if not isinstance(each, Remember)}
        forgotten = {each.note_id for each in edits if isinstance(each, Forget)}
        silent = {note.receipt.uri for note in self._notes_before if note.id in forgotten}
        found = (
            each
            for each in await self._search(query)
            if each.did == self._receipt.said_by and each.note_id not in gone and each.uri not in silent
        )
        return tuple(sorted((*found, *map(Passage.of_note, fresh)), key=lambda each: (each.at, each.id)))

    def _written_note(self, note_id: int | None) -> int | None:
        """The written note that a note of this turn replaces. A note of this turn cannot be replaced."""
        proposed = next((note for note in self.notes if note.id == note_id and note.id < 0), None)
        return proposed.replaces if proposed else note_id

    def _edits(self, notes: tuple[Note, ...]) -> tuple[Edit, ...]:
        fresh = [note for note in notes if note.id < 0]
        left = {note.id for note in notes} | {note.replaces for note in fresh}
        return (
            *(Forget(note.id) for note in self._notes_before if note.id not in left),
            *(Remember(note.text) for note in notes if note.id > 0 and self._receipt in note.also),
            *(Remember(n.text) if n.replaces is None else Revise(n.replaces, n.text) for n in fresh),
        )


def _sentence(text: str, tools: Sequence[str]) -> str:
    match outgoing.read(text, tools):
        case outgoing.Sentence(said):
            return said
        case outgoing.Calls():
            raise ToolRefused(outgoing.CALL)
        case outgoing.Fault(why):
            raise ToolRefused(why)
