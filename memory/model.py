"""The values of memory, and the pure rules over them. Times are aware datetimes in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - whoever keeps these values reads the annotations
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from memory.errors import EditRefused
from memory.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Op: TypeAlias = Literal["remember", "revise", "confirm", "forget", "reopen", "restore", "withdraw"]
Kind: TypeAlias = Literal["said", "answer", "note"]
Speaker: TypeAlias = Literal["they", "you", ""]
SAYS: Mapping[Kind, Speaker] = MappingProxyType({"said": "they", "answer": "you", "note": ""})


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a note comes from: the post (AT URI and CID), who said it (DID) and when."""

    uri: str
    cid: str
    said_by: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who spoke to the bot. Keyed by DID: a handle may change owners, a DID never does.

    `status` is null while the account is active; else what it is since `status_at`: takendown, suspended,
    deactivated or deleted.
    """

    did: str
    handle: str | None
    first_seen: datetime
    last_seen: datetime
    introduced_at: datetime | None = None
    status: str | None = None
    status_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One line about one person, with its receipt. Superseded, never overwritten.

    `id` is what a brain and an operator call `n12`; a note proposed within a turn, not written yet, has a
    negative one. `also` are further posts that said the same. A note that was superseded, or withdrawn by
    a rollback, holds no longer.
    """

    id: int
    did: str
    text: str
    receipt: Receipt
    written_at: datetime
    replaces: int | None = None
    superseded_by: int | None = None
    valid_to: datetime | None = None
    withdrawn_at: datetime | None = None
    also: tuple[Receipt, ...] = ()

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        return (self.receipt, *self.also)

    @property
    def name(self) -> str:
        return named(self.id)


@dataclass(frozen=True, slots=True)
class Passage:
    """What search finds: what the person `said`, what the bot answered (`answer`), or a `note`.

    `uri` is its receipt: the post itself, the one answered, or the note's source. `author` is a DID, `thread`
    `memory.rows.passages.thread_of` the root. It holds from `valid_from` (None: `at`) to `valid_to`, when the
    note `superseded_by` replaced it. `score`: 0 where nothing was asked.
    """

    did: str
    kind: Kind
    author: str
    text: str
    thread: int
    uri: str
    at: datetime
    id: int = 0
    note_id: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    superseded_by: int | None = None
    lang: str | None = None
    score: float = 0.0

    @property
    def name(self) -> str:
        return f"p{self.id}" if self.note_id is None else named(self.note_id)


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a person's history. Of a forgotten note no text is kept: `before` and `after` are None.

    `confirm`: another post said the same. `reopen`: the note holds again, because the post that had replaced
    it was deleted. `restore` and `withdraw` are made by a rollback: a new note says what an older one said,
    or a note holds no more. `replaces` is the note whose place this one took. `source_uri` is the post that
    asked for the edit, None where an operator did.
    """

    id: int
    did: str
    note_id: int
    op: Op
    before: str | None
    after: str | None
    actor: str
    source_uri: str | None
    at: datetime
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep a line about the person.

    A note that says so already gets one more receipt; one that it plainly contradicts is superseded.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Revise:
    """The line `note_id` is no longer so; this one replaces it."""

    note_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Erase the line `note_id`, and every line that it replaced."""

    note_id: int


Edit: TypeAlias = Remember | Revise | Forget


@dataclass(frozen=True, slots=True)
class Block:
    """A rendered view of the notes that fit a budget in tokens; `hidden` tells how many did not."""

    label: str
    text: str
    shown: tuple[Note, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class Item:
    """One thing shown to a brain, with its date and its receipt.

    `name` is what an operator asks `memory why` of: n12 a note, p34 a passage. `uri` is the post behind it,
    `sources` the ids of the passages that it was made of. It was so until `until`.
    """

    name: str
    at: datetime
    text: str
    uri: str
    by: Speaker = ""
    until: datetime | None = None
    sources: tuple[int, ...] = ()

    @property
    def line(self) -> str:
        """How it is shown: one line, whatever the text, so that no text can pass for another item."""
        when = f"{self.at:%Y-%m-%d}" + (f" until {self.until:%Y-%m-%d}" if self.until else "")
        said = f"{self.by}: " if self.by else ""
        return f"{self.name} · {when} · {said}{' '.join(self.text.split())}"

    @property
    def cost(self) -> int:
        """Tokens of the line with the break after it."""
        return tokens(self.line) + 1


@dataclass(frozen=True, slots=True)
class Shown:
    """The items that fit their share of a prompt, oldest first, and how many more there are."""

    items: tuple[Item, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Recollection:
    """What is known of one person when a prompt is composed. Notes are active, oldest first.

    `block` and `zeitgeist` are the core; `exchanges`, the last with this person, and `summary`, an index of
    those before, are the buffer; `recalled` are exchanges found for the post to answer, `archived` notes.
    """

    person: Person
    notes: tuple[Note, ...]
    block: Block
    zeitgeist: tuple[str, ...] = ()
    exchanges: Shown = Shown()
    summary: Shown = Shown()
    recalled: Shown = Shown()
    archived: Shown = Shown()


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be written: characters a note, active notes a person, new notes an exchange and a day (24 h).

    A revision writes a new note too.
    """

    note_chars: int = 280
    notes: int = 60
    per_exchange: int = 3
    per_day: int = 20


NOTE_NAME = re.compile(r"(?:n|new)?([0-9]{1,9})", re.IGNORECASE)
HANDLE = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


def tidy_handle(text: str) -> str | None:
    """A handle as it is stored: without '@', in lower case; None if it is none.

    `handle.invalid` is the network's word for an account whose handle does not hold
    (https://atproto.com/specs/handle).
    """
    handle = text.strip().removeprefix("@").lower()
    return handle if HANDLE.fullmatch(handle) and handle != "handle.invalid" else None


def named(note_id: int) -> str:
    """What a note is called: n12, or new1 when it is proposed and not written yet."""
    return f"n{note_id}" if note_id > 0 else f"new{-note_id}"


def note_id(name: str | int) -> int:
    """The id behind `n12`, `12` or `new1` (negative). Raises EditRefused for anything else."""
    text = str(name).strip()
    found = NOTE_NAME.fullmatch(text)
    if not found:
        raise EditRefused(f"{text[:40]!r} names no note. Use a name as shown, for example n12.")
    number = int(found[1])
    return -number if text.lower().startswith("new") else number


def tokens(text: str) -> int:
    """About how many tokens a model will count: four UTF-8 bytes a token, rounded up."""
    return -(-len(text.encode()) // 4)


def one_line(text: str) -> str:
    """A note's text as it is stored: one line, single spaces, nothing invisible."""
    return " ".join(visible(text).split())


def of_note(note: Note) -> Item:
    return Item(note.name, note.receipt.said_at, note.text, note.receipt.uri, until=note.valid_to)


def of_passage(one: Passage) -> Item:
    """An exchange's post, or a note as search found it."""
    return Item(one.name, one.at, one.text, one.uri, SAYS[one.kind], one.valid_to, (one.id,))


def render(notes: Iterable[Note], budget: int, label: str = "person") -> Block:
    """The block of `notes` within `budget` tokens, newest kept, shown in the order they were said."""
    chosen: list[Note] = []
    left, ordered = budget, sorted(notes, key=lambda note: (note.receipt.said_at, note.id))
    for note in reversed(ordered):
        left -= of_note(note).cost
        if left < 0:
            break
        chosen.append(note)
    shown = tuple(reversed(chosen))
    text = "\n".join(of_note(note).line for note in shown)
    return Block(label, text, shown, len(ordered) - len(shown))
