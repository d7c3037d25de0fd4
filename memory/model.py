"""The values of memory, and the pure rules over them. Times are aware datetimes in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from memory.errors import EditRefused
from memory.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Op: TypeAlias = Literal["remember", "revise", "forget", "reopen"]


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
    negative one.
    """

    id: int
    did: str
    text: str
    receipt: Receipt
    written_at: datetime
    replaces: int | None = None
    superseded_by: int | None = None
    valid_to: datetime | None = None

    @property
    def name(self) -> str:
        return f"n{self.id}" if self.id > 0 else f"new{-self.id}"


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a person's history. Of a forgotten note no text is kept: `before` and `after` are None.

    `reopen` tells that a note holds again, because the post that had replaced it was deleted.
    `source_uri` is the post that asked for the edit, None where an operator did.
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


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep a new line about the person."""

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
class Recollection:
    """What is known of one person when a prompt is composed. Notes are active, oldest first."""

    person: Person
    notes: tuple[Note, ...]
    block: Block


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


def note_id(name: str | int) -> int:
    """The id behind `n12`, `12` or `new1` (negative).

    Raises EditRefused for anything else.
    """
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


def check_text(text: str, limits: Limits) -> str:
    """Return `text` as it would be stored.

    Raises EditRefused if it is empty or too long.
    """
    line = one_line(text)
    if not line:
        raise EditRefused("the note is empty. Say in one line what to keep.")
    if len(line) > limits.note_chars:
        raise EditRefused(
            f"the note has {len(line)} characters, {limits.note_chars} are allowed. Keep one fact a note."
        )
    return line


def check_quota(edits: Iterable[Edit], today: int, limits: Limits) -> None:
    """Raise EditRefused if one exchange writes too many notes. `today`: written in the last 24 hours."""
    fresh = sum(not isinstance(edit, Forget) for edit in edits)
    if fresh > limits.per_exchange:
        raise EditRefused(
            f"these are {fresh} new notes, an exchange may write {limits.per_exchange}. Keep what matters."
        )
    if fresh and today + fresh > limits.per_day:
        raise EditRefused(
            f"{today} notes about them are from the last 24 hours, {limits.per_day} are allowed. "
            "Write none now; forgetting is always allowed."
        )


def check_receipt(did: str, receipt: Receipt) -> None:
    """Raise EditRefused unless the post behind a note was written by whom the note is about."""
    if receipt.said_by != did or not receipt.uri.startswith(f"at://{did}/"):
        raise EditRefused("the source post is by somebody else. Keep what people say of themselves.")


def propose(
    notes: tuple[Note, ...], edit: Edit, receipt: Receipt, at: datetime, limits: Limits
) -> tuple[Note, ...]:
    """What `notes` (active, of one person) would be after `edit`.

    Raises EditRefused, in words that help to mend the edit.
    """
    match edit:
        case Remember():
            return (*notes, _proposed(notes, check_text(edit.text, limits), receipt, at, None, limits))
        case Revise():
            old = _find(notes, edit.note_id)
            rest = tuple(note for note in notes if note is not old)
            return (*rest, _proposed(notes, check_text(edit.text, limits), receipt, at, old, limits))
        case Forget():
            old = _find(notes, edit.note_id)
            return tuple(note for note in notes if note is not old)


def _proposed(
    notes: tuple[Note, ...], text: str, receipt: Receipt, at: datetime, old: Note | None, limits: Limits
) -> Note:
    same = next((note for note in notes if note.text.casefold() == text.casefold()), None)
    if same is not None:
        raise EditRefused(f"{same.name} already says so.")
    if old is None and len(notes) >= limits.notes:
        oldest = ", ".join(note.name for note in notes[:3])
        raise EditRefused(
            f"all {limits.notes} notes are taken. Merge some first: revise one to say what two say, forget "
            f"the other (the oldest: {oldest})."
        )
    fresh = min((note.id for note in notes), default=0)
    return Note(min(fresh, 0) - 1, receipt.said_by, text, receipt, at, replaces=old.id if old else None)


def _find(notes: Iterable[Note], wanted: int) -> Note:
    for note in notes:
        if note.id == wanted:
            return note
    raise EditRefused(f"there is no note {'n' if wanted > 0 else 'new'}{abs(wanted)} about this person.")


def render(notes: Iterable[Note], budget: int, label: str = "person") -> Block:
    """The block of `notes` within `budget` tokens, newest kept, shown in the order they were said."""
    chosen: list[Note] = []
    left, ordered = budget, sorted(notes, key=lambda note: (note.receipt.said_at, note.id))
    for note in reversed(ordered):
        cost = tokens(line(note)) + 1
        if cost > left:
            break
        left -= cost
        chosen.append(note)
    shown = tuple(reversed(chosen))
    return Block(label, "\n".join(map(line, shown)), shown, len(ordered) - len(shown))


def line(note: Note) -> str:
    return f"{note.name} · {note.receipt.said_at:%Y-%m-%d} · {note.text}"
