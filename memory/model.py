"""The values of memory: people, notes, passages, edits, limits. Times are aware datetimes in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from memory.identifiers import note_name, thread_id

Op: TypeAlias = Literal["remember", "revise", "confirm", "forget", "reopen", "restore", "withdraw"]
Kind: TypeAlias = Literal["said", "answer", "note"]
Point: TypeAlias = int | datetime  # in a person's history: up to and with this revision, or at this time


@dataclass(frozen=True, slots=True)
class Receipt:
    """The post that a note comes from: its AT URI and CID, who said it (DID) and when."""

    uri: str
    cid: str
    said_by: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Denied:
    """What a person has declared that nobody may do with their words."""

    inference: bool = False  # show them to a model
    embedding: bool = False  # make vectors of them


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who spoke to the bot. The key is the DID: a handle may change owners, a DID never does.

    `status` is None while the account is active. Otherwise it says what the account is since `status_at`:
    takendown, suspended, deactivated or deleted. Who was introduced was told what the bot is, and that it
    remembers, unless `told_of_memory` is False: then it did not remember people at that time.
    """

    did: str
    handle: str | None
    first_seen: datetime
    last_seen: datetime
    introduced_at: datetime | None = None
    status: str | None = None
    status_at: datetime | None = None
    told_of_memory: bool = True


@dataclass(frozen=True, slots=True)
class Note:
    """One line about one person, with its receipt.

    A note is never overwritten. It is active until a newer one supersedes it (`superseded_by`, `valid_to`)
    or a rollback withdraws it (`withdrawn_at`). `also` are further posts that said the same. While it `waits`
    for the operator's review, no prompt shows it. A note that was proposed and is not written yet has a
    negative `id`.
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
    waits: bool = False

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        return (self.receipt, *self.also)

    @property
    def name(self) -> str:
        return note_name(self.id)


@dataclass(frozen=True, slots=True)
class Passage:
    """What retrieval finds: a post of the person (`said`), an answer of the bot (`answer`), or a `note`.

    `uri` is the receipt: the post itself, the post that was answered, or the note's post. `author` is a DID.
    `thread` is `thread_id` of the root's URI. A passage is valid from `valid_from` (None: from `at`) to
    `valid_to`, when the note `superseded_by` replaced it. `score` is 0 unless a query found the passage.
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

    @classmethod
    def of_note(cls, note: Note, first: int | None = None) -> Passage:
        """The passage of a note. `first` is the id of the oldest note in its chain; None: of its own.

        All notes of a chain are in one thread, so that each is found with the others.
        """
        receipt = note.receipt
        return cls(
            did=note.did,
            kind="note",
            author=note.did,
            text=note.text,
            thread=thread_id(f"note:{first or note.id}"),
            uri=receipt.uri,
            at=receipt.said_at,
            note_id=note.id,
            valid_to=note.valid_to,
            superseded_by=note.superseded_by,
        )

    @property
    def name(self) -> str:
        return f"p{self.id}" if self.note_id is None else note_name(self.note_id)


# --- edits ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Remember:
    """Write a new note about the person.

    If a note says the same already, it gets one more receipt. If a note is plainly contradicted, the new
    one supersedes it.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Revise:
    """The note `note_id` is no longer true; a new one with `text` supersedes it."""

    note_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Erase the note `note_id`, and every note that it replaced."""

    note_id: int


Edit: TypeAlias = Remember | Revise | Forget


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be written: characters a note, active notes a person, new notes an exchange and in 24 hours.

    A revision writes a new note, too.
    """

    note_chars: int = 280
    notes: int = 60
    per_exchange: int = 3
    per_day: int = 20


# --- history -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a person's history. Once a note is forgotten, `before` and `after` are None.

    `confirm`: another post said the same. `reopen`: the note is active again, because the post that had
    replaced it was deleted. A rollback makes `restore` (a new note with the text of an older one) and
    `withdraw` (a note is active no more). `replaces` is the note that this one superseded. `source_uri` is
    the post that asked for the edit, None if an operator did.
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
class Diff:
    """How the active notes of two points differ. `changed` are pairs: a note, and what replaced it.

    Two notes of one chain with the same text and receipts, as a rollback makes them, are no difference.
    """

    added: tuple[Note, ...]
    dropped: tuple[Note, ...]
    changed: tuple[tuple[Note, Note], ...]


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback did: the new notes that restore older ones, and the notes that it withdrew."""

    restored: tuple[Note, ...]
    withdrawn: tuple[Note, ...]


# --- retention -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long posts and answers are stored, and how long a person who is silent is remembered."""

    text: timedelta = timedelta(days=30)
    idle: timedelta = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """What retention erased: how many posts and answers, and which people (DIDs) with all about them."""

    passages: int
    people: tuple[str, ...]
