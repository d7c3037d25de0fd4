"""One turn's effects as values, and how a tool is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Generic, TypeAlias, TypeVar

import regex
from pydantic import AfterValidator, BaseModel, ConfigDict

from bot.domain.prompt import ToolSpec
from bot.errors import ToolRefused
from memory.edits import propose
from memory.model import Forget, Passage, Remember, Revise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from memory.model import Edit, Limits, Note, Receipt
    from memory.recollection import Recollection

    Search: TypeAlias = Callable[[str], Awaitable[tuple[Passage, ...]]]

A = TypeVar("A", bound="Arguments")

# lone surrogates, bidi and control characters (line breaks and tabs stay): no database or reader wants them
UNWANTED = regex.compile(r"[\p{Cs}\p{Cc}--[\n\t]]|[\u202a-\u202e\u2066-\u2069]", regex.VERSION1)
VISIBLE = regex.compile(r"[\p{L}\p{N}\p{P}\p{S}]")

Text: TypeAlias = Annotated[str, AfterValidator(lambda text: UNWANTED.sub("", text).strip())]


class Arguments(BaseModel):
    """What a tool is called with. Anything beyond its fields is refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """A tool: how a model is told of it, what it takes, and what it does to the turn.

    `run` returns what the brain is told, and raises ToolRefused or EditRefused with words that help to mend
    the call.
    """

    spec: ToolSpec
    arguments: type[A]
    run: Callable[[Overlay, A], Awaitable[str]]


def tool(arguments: type[A]) -> Callable[[Callable[[Overlay, A], Awaitable[str]]], Tool[A]]:
    """Make a function a tool: its name is the tool's, its docstring what a model reads."""

    def make(run: Callable[[Overlay, A], Awaitable[str]]) -> Tool[A]:
        description = " ".join((run.__doc__ or "").split())
        return Tool(ToolSpec(run.__name__, description, arguments.model_json_schema()), arguments, run)

    return make


class Overlay:
    """What a turn has asked for so far. Edits stand in an overlay of notes; nothing is written."""

    def __init__(
        self,
        recollection: Recollection,
        receipt: Receipt,
        now: datetime,
        limits: Limits,
        reply_limit: int,
        search: Search,
    ) -> None:
        self.notes = recollection.notes
        self.reply: str | None = None
        self.silence: str | None = None
        self._before = recollection.notes
        self._receipt = receipt
        self._now = now
        self._limits = limits
        self._reply_limit = reply_limit
        self._search = search

    def say(self, text: str) -> None:
        """Raises ToolRefused if there is nothing to see in `text`, or too much of it."""
        if not VISIBLE.search(text):
            raise ToolRefused("the reply is empty. Say something, or call stay_silent.")
        count = len(regex.findall(r"\X", text))
        if count > self._reply_limit:
            raise ToolRefused(
                f"the reply has {count} characters, {self._reply_limit} are allowed. Say it in fewer."
            )
        self.reply, self.silence = text, None

    def stay_silent(self, why: str) -> None:
        self.reply, self.silence = None, why

    def edit(self, edit: Edit) -> Note | None:
        """Propose the edit; returns the note it makes, or the one that says the same already.

        Raises EditRefused if the edit, or all edits of the turn together, break a rule of memory, and
        ToolRefused beyond the notes of one exchange.
        """
        notes = propose(self.notes, edit, self._receipt, self._now, self._limits)
        made = None if isinstance(edit, Forget) else notes[-1]
        if made and made.id < 0:
            made = replace(made, replaces=self._written(made.replaces))
            notes = (*notes[:-1], made)
        if sum(note.id < 0 or self._receipt in note.also for note in notes) > self._limits.per_exchange:
            raise ToolRefused(
                f"{self._limits.per_exchange} notes were written in this turn, which is all that one post "
                "may add. Revise one of them, or leave it."
            )
        after = self._before
        for step in self._edits(notes):
            after = propose(after, step, self._receipt, self._now, self._limits)
        self.notes = notes
        return made

    def edits(self) -> tuple[Edit, ...]:
        """The turn's edits as memory applies them: in an order it admits, of written notes only."""
        return self._edits(self.notes)

    async def recall(self, query: str) -> tuple[Passage, ...]:
        """What memory finds, in time order, as this turn would have it.

        With the turn's own notes, without what it took away.
        """
        words = regex.findall(r"\w+", query.casefold())
        fresh = (n for n in self.notes if n.id < 0 and any(word in n.text.casefold() for word in words))
        edits = self.edits()
        gone = {each.note_id for each in edits if not isinstance(each, Remember)}
        forgotten = {each.note_id for each in edits if isinstance(each, Forget)}
        silent = {note.receipt.uri for note in self._before if note.id in forgotten}
        found = (
            each
            for each in await self._search(query)
            if each.did == self._receipt.said_by and each.note_id not in gone and each.uri not in silent
        )
        return tuple(sorted((*found, *map(Passage.of_note, fresh)), key=lambda each: (each.at, each.id)))

    def _written(self, note_id: int | None) -> int | None:
        """The written note behind one that this turn proposed; a note of this turn replaces no other."""
        proposed = next((note for note in self.notes if note.id == note_id and note.id < 0), None)
        return proposed.replaces if proposed else note_id

    def _edits(self, notes: tuple[Note, ...]) -> tuple[Edit, ...]:
        fresh = [note for note in notes if note.id < 0]
        left = {note.id for note in notes} | {note.replaces for note in fresh}
        return (
            *(Forget(note.id) for note in self._before if note.id not in left),
            *(Remember(note.text) for note in notes if note.id > 0 and self._receipt in note.also),
            *(Remember(n.text) if n.replaces is None else Revise(n.replaces, n.text) for n in fresh),
        )
