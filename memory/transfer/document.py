"""The export document: one person's memory as JSON, and the checks of an import. Pure.

The ids in a document are its own: 1, 2, 3 in the order of writing. So the same memory gives the same document
on any database: export, import and export again gives equal bytes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from memory.errors import ImportRefused
from memory.identifiers import DID, normalize_handle
from memory.model import Kind, Op  # noqa: TC001 - pydantic reads the annotations
from memory.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from memory.model import Note, Passage, Person, Revision

FORMAT, VERSION = "scrubjay-memory", 1
MOST_PROBLEMS = 5
LONGEST_NOTE, LONGEST_TEXT = 2_000, 100_000  # characters; an import never accepts more, whatever the settings
OWN_KEY = re.compile(r"(?:edit|forget|reopen|restore|withdraw|import)#")  # keys that contain a row's id
SPACE = re.compile(r"\s*")


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("should hold no NUL")
    return text


def _line(text: str) -> str:
    if not text or one_line(text) != text:
        raise ValueError("should be one line, without stray spaces and invisible characters")
    return text


def _handle(text: str) -> str:
    if normalize_handle(text) != text:
        raise ValueError("should be a handle")
    return text


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("should be a time that UTC has") from None


Str: TypeAlias = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_without_nul)]
Line: TypeAlias = Annotated[str, Field(max_length=LONGEST_NOTE), AfterValidator(_line)]
Handle: TypeAlias = Annotated[str, AfterValidator(_handle)]
Time: TypeAlias = Annotated[AwareDatetime, AfterValidator(_utc)]
Number: TypeAlias = Annotated[int, Field(ge=1, le=2**31 - 1)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PersonEntry(_Entry):
    did: Annotated[Str, Field(pattern=f"^{DID.pattern}$")]
    handle: Handle | None
    first_seen: Time
    last_seen: Time
    introduced_at: Time | None
    status: Annotated[Str, Field(max_length=100)] | None = None
    status_at: Time | None = None
    told_of_memory: bool = True


class HandleEntry(_Entry):
    since: Time
    handle: Handle


class ReceiptEntry(_Entry):
    uri: Str
    cid: Str
    said_by: Str
    said_at: Time


class NoteEntry(_Entry):
    id: Number
    did: Str
    text: Line
    receipt: ReceiptEntry
    written_at: Time
    replaces: Number | None
    superseded_by: Number | None
    valid_to: Time | None
    withdrawn_at: Time | None
    also: tuple[ReceiptEntry, ...]
    waits: bool = False


class RevisionEntry(_Entry):
    id: Number
    did: Str
    note_id: Number
    op: Op
    before: Line | None
    after: Line | None
    actor: Str
    source_uri: Str | None
    at: Time
    replaces: Number | None
    key: Str | None


class PassageEntry(_Entry):
    did: Str
    kind: Kind
    author: Str
    text: Str
    thread: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    uri: Str
    at: Time
    valid_from: Time | None
    lang: Str | None


class Document(_Entry):
    """All that is held about one person. The bot adds `mentions` and `turns`; an import ignores them."""

    format: Literal["scrubjay-memory"]
    version: Literal[1]
    person: PersonEntry
    handles: tuple[HandleEntry, ...]
    notes: tuple[NoteEntry, ...]
    revisions: tuple[RevisionEntry, ...]
    passages: tuple[PassageEntry, ...]
    mentions: Annotated[Any, Field(exclude=True)] = None
    turns: Annotated[Any, Field(exclude=True)] = None


def write(
    person: Person,
    handles: Iterable[tuple[datetime, str]],
    notes: Iterable[Note],
    revisions: Iterable[tuple[Revision, str]],
    passages: Iterable[Passage],
) -> dict[str, Any]:
    """The document, ready for JSON. `revisions` come with their keys."""
    notes, revisions = sorted(notes, key=lambda note: note.id), list(revisions)
    known = {note.id for note in notes} | {revision.note_id for revision, _ in revisions}
    known |= {revision.replaces for revision, _ in revisions if revision.replaces}
    ids = {each: place for place, each in enumerate(sorted(known), 1)}
    return {
        "format": FORMAT,
        "version": VERSION,
        "person": plain(person),
        "handles": [{"since": plain(since), "handle": handle} for since, handle in handles],
        "notes": [_renumbered(_plain_note(note), ids, "id", "replaces", "superseded_by") for note in notes],
        "revisions": [
            _renumbered(plain(revision), ids, "note_id", "replaces")
            | {"id": place, "key": None if OWN_KEY.match(key) else key}
            for place, (revision, key) in enumerate(revisions, 1)
        ],
        "passages": [
            {name: plain(getattr(one, name)) for name in PassageEntry.model_fields} for one in passages
        ],
    }


def _plain_note(note: Note) -> dict[str, Any]:
    """That it waits is said only if it does: versions before 0026 know no such word."""
    entry: dict[str, Any] = plain(note)
    return entry if note.waits else {name: value for name, value in entry.items() if name != "waits"}


def _renumbered(entry: dict[str, Any], ids: Mapping[int, int], *names: str) -> dict[str, Any]:
    return entry | {name: ids[entry[name]] for name in names if entry[name] is not None}


def plain(value: Any) -> Any:
    """A value of memory in the types of JSON; times in ISO 8601."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value


def read(text: str | bytes) -> Document:
    """Parse and check a document of this version. Raises ImportRefused, which says what is wrong where."""
    try:
        document = Document.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        raise ImportRefused(_summary(f"{_place(one['loc'])}: {one['msg']}" for one in wrong)) from None
    problems = list(_problems(document))
    if problems:
        raise ImportRefused(_summary(problems))
    return document


def _place(loc: tuple[int | str, ...]) -> str:
    """A place as pydantic gives it, as text: notes[0].receipt."""
    return (
        "".join(f"[{step}]" if isinstance(step, int) else f".{step}"[:60] for step in loc)[1:] or "document"
    )


def _summary(problems: Iterable[str]) -> str:
    """The first problems, and how many more there are."""
    found = list(problems)
    more = f"; and {len(found) - MOST_PROBLEMS} more" if len(found) > MOST_PROBLEMS else ""
    return "; ".join(found[:MOST_PROBLEMS]) + more


def _problems(document: Document) -> Iterator[str]:
    """What is wrong although each entry is well formed: entries about others, references that do not fit."""
    did = document.person.did
    for name in ("notes", "revisions", "passages"):
        for place, entry in enumerate(getattr(document, name)):
            if entry.did != did:
                yield f"{name}[{place}].did: is about somebody else"
    for place, note in enumerate(document.notes):
        for receipt in (note.receipt, *note.also):
            if receipt.said_by != did or not receipt.uri.startswith(f"at://{did}/"):
                yield f"notes[{place}]: a receipt is not a post of {did}"
    for place, passage in enumerate(document.passages):
        if not passage.uri.startswith(f"at://{did}/") or (passage.kind == "said" and passage.author != did):
            yield f"passages[{place}]: is no exchange with {did}"
        if passage.kind == "note":
            yield f"passages[{place}].kind: should be said or answer"
    yield from _inconsistencies(document)


def _inconsistencies(document: Document) -> Iterator[str]:
    """Notes must form chains in the order of their ids, and ids, posts and keys must be unique."""
    notes = {note.id: note for note in document.notes}
    for name, numbers in (
        ("notes", [note.id for note in document.notes]),
        ("revisions", [revision.id for revision in document.revisions]),
    ):
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            yield f"{name}: their ids should only grow"
    for place, note in enumerate(document.notes):
        older, newer = notes.get(note.replaces or 0), notes.get(note.superseded_by or 0)
        if note.replaces and (older is None or older.superseded_by != note.id):
            yield f"notes[{place}].replaces: {note.replaces} is no note that it replaced"
        if note.superseded_by and (newer is None or newer.replaces != note.id or newer.id <= note.id):
            yield f"notes[{place}].superseded_by: {note.superseded_by} is no later note that replaced it"
        if (note.superseded_by is None) != (note.valid_to is None):
            yield f"notes[{place}].valid_to: should be there if superseded_by is, and only then"
    posts = [(passage.uri, passage.kind) for passage in document.passages]
    keys = [revision.key for revision in document.revisions if revision.key is not None]
    if len(set(posts)) < len(posts):
        yield "passages: a post may stand there once, and once its answer"
    if len(set(keys)) < len(keys) or any(OWN_KEY.match(key) for key in keys):
        yield "revisions: a key may stand there once, and none may be like ours"
