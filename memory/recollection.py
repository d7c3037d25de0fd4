"""What a prompt shows of one person's memory: items, the block of notes, the recollection. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from memory.text import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from memory.model import Kind, Note, Passage, Person

Speaker: TypeAlias = Literal["they", "you", ""]
SPEAKERS: Mapping[Kind, Speaker] = MappingProxyType({"said": "they", "answer": "you", "note": ""})


@dataclass(frozen=True, slots=True)
class Item:
    """One note or passage as a brain is shown it, with its date and its receipt.

    `name` is what an operator gives to `memory why`: n12 for a note, p34 for a passage. `uri` is the post
    behind it. `until` is when a note was superseded. `sources` are the ids of the passages that it was made
    from.
    """

    name: str
    at: datetime
    text: str
    uri: str
    by: Speaker = ""
    until: datetime | None = None
    sources: tuple[int, ...] = ()

    @classmethod
    def of_note(cls, note: Note) -> Item:
        return cls(note.name, note.receipt.said_at, note.text, note.receipt.uri, until=note.valid_to)

    @classmethod
    def of_passage(cls, passage: Passage) -> Item:
        return cls(
            passage.name,
            passage.at,
            passage.text,
            passage.uri,
            SPEAKERS[passage.kind],
            passage.valid_to,
            (passage.id,),
        )

    @property
    def line(self) -> str:
        """The item in a prompt: always one line, so that no text can pass for another item."""
        when = f"{self.at:%Y-%m-%d}" + (f" until {self.until:%Y-%m-%d}" if self.until else "")
        said = f"{self.by}: " if self.by else ""
        return f"{self.name} · {when} · {said}{' '.join(self.text.split())}"

    @property
    def cost(self) -> int:
        """Tokens of the line and the line break after it."""
        return tokens(self.line) + 1


@dataclass(frozen=True, slots=True)
class Shown:
    """The items of one tier that fit its budget, oldest first, and how many did not fit."""

    items: tuple[Item, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """The rendered notes that fit a budget in tokens. `hidden` is how many did not."""

    label: str
    text: str
    shown: tuple[Note, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class Recollection:
    """What is known of one person when a prompt is composed. `notes` are the active ones, oldest first.

    Core: `block` and `zeitgeist`. Buffer: `exchanges`, the last ones with this person, and `summary`, an
    index of the conversations before. Recall: `recalled`, exchanges that were found for the post to answer.
    Archival: `archived`, notes that were found for it. `waiting`: notes that are not shown yet.
    """

    person: Person
    notes: tuple[Note, ...]
    block: Block
    zeitgeist: tuple[str, ...] = ()
    exchanges: Shown = Shown()
    summary: Shown = Shown()
    recalled: Shown = Shown()
    archived: Shown = Shown()
    waiting: int = 0


def bare(recollection: Recollection) -> Recollection:
    """Only who the person is, of whom nothing is to be shown."""
    return Recollection(recollection.person, (), render((), 0))


def reviewed(recollection: Recollection, budget: int) -> Recollection:
    """Without the notes that wait for the operator's review; the block within `budget` tokens."""
    notes = tuple(note for note in recollection.notes if not note.waits)
    if len(notes) == len(recollection.notes):
        return recollection
    waiting = len(recollection.notes) - len(notes)
    return replace(recollection, notes=notes, block=render(notes, budget), waiting=waiting)


def render(notes: Iterable[Note], budget: int, label: str = "person") -> Block:
    """The block of `notes` within `budget` tokens: the newest that fit, in the order they were said."""
    chosen: list[Note] = []
    left, ordered = budget, sorted(notes, key=lambda note: (note.receipt.said_at, note.id))
    for note in reversed(ordered):
        left -= Item.of_note(note).cost
        if left < 0:
            break
        chosen.append(note)
    shown = tuple(reversed(chosen))
    text = "\n".join(Item.of_note(note).line for note in shown)
    return Block(label, text, shown, len(ordered) - len(shown))
