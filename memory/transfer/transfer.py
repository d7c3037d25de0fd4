"""Export of a person's memory from the database, and import into it. Reached through `memory.store`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from memory.errors import ImportRefused, UnknownPerson
from memory.model import Note, Passage, Receipt
from memory.rows import notes as rows
from memory.rows import passages
from memory.rows.notes import NOTE, REVISION
from memory.rows.passages import PASSAGE
from memory.tables import HandleRow, NoteRow, PersonRow, RevisionRow
from memory.transfer.document import read, write

if TYPE_CHECKING:
    from memory.db import Tx
    from memory.people import People
    from memory.transfer.document import Document, NoteEntry, ReceiptEntry


def export(tx: Tx, people: People, did: str) -> dict[str, Any]:
    """Everything about this person as a document, ready for JSON. Raises UnknownPerson."""
    keys = select(REVISION.key).where(REVISION.did == did).order_by(REVISION.id)
    return write(
        people.get(tx, did),
        people.handles(tx, did),
        rows.find(tx, NOTE.did == did),
        zip(rows.history(tx, did), tx.scalars(keys), strict=True),
        sorted(passages.find(tx, PASSAGE.did == did, PASSAGE.note_id.is_(None)), key=lambda one: one.id),
    )


def import_(tx: Tx, people: People, document: Document) -> bool:
    """Write a checked document. False if all of it is here already. Raises ImportRefused."""
    did = document.person.did
    try:
        here = read(json.dumps(export(tx, people, did)))
    except UnknownPerson:
        here = None
    if here is not None:
        if here == document.model_copy(update={"mentions": None, "turns": None}):
            return False
        raise ImportRefused(f"{did} is known here, with another memory. That stays.")
    _refuse_known_edits(tx, document)
    tx.execute(insert(PersonRow).values(document.person.model_dump()))
    for handle in document.handles:
        tx.execute(insert(HandleRow).values(did=did, **handle.model_dump()))
    real = _write_notes(tx, document)
    _write_revisions(tx, document, real)
    return True


def passages_of(document: Document) -> tuple[Passage, ...]:
    """The posts and answers of a document."""
    return tuple(Passage(**entry.model_dump()) for entry in document.passages)


def _refuse_known_edits(tx: Tx, document: Document) -> None:
    """Raise ImportRefused if the key of an edit is used here: each exchange is with one person."""
    keys = [one.key for one in document.revisions if one.key is not None]
    if rows.applied(tx, keys):
        raise ImportRefused(
            "revisions: some of these edits were made here already, on somebody else's memory"
        )


def _write_notes(tx: Tx, document: Document) -> dict[int, int]:
    """Write the notes under new ids. Returns the new id of each id in the document.

    An id that only the revisions name belongs to an erased note; it gets a new id, too.
    """
    notes, real = {entry.id: entry for entry in document.notes}, dict[int, int]()
    edits = document.revisions
    named = {edit.note_id for edit in edits} | {edit.replaces for edit in edits if edit.replaces}
    for each in sorted(named | set(notes)):
        entry = notes.get(each)
        real[each] = rows.add(tx, _note(entry, real)) if entry else _reserve_id(tx, document)
    for entry in document.notes:
        if entry.valid_to is not None:
            tx.execute(update(NoteRow).where(NOTE.id == real[entry.id]).values(valid_to=entry.valid_to))
    return real


def _reserve_id(tx: Tx, document: Document) -> int:
    """An id that no note will have: the one of a note that is written and erased at once."""
    did, at = document.person.did, document.person.last_seen
    note_id = rows.add(tx, Note(0, did, "", Receipt(f"at://{did}/", "", did, at), at))
    rows.erase(tx, [note_id])
    return note_id


def _write_revisions(tx: Tx, document: Document, real: dict[int, int]) -> None:
    for entry in document.revisions:
        values = entry.model_dump(exclude={"id"})
        values["note_id"] = real[entry.note_id]
        values["replaces"] = real[entry.replaces] if entry.replaces else None
        values["key"] = entry.key or f"import#{entry.did}#{entry.id}"
        tx.execute(insert(RevisionRow).values(values))


def _note(entry: NoteEntry, real: dict[int, int]) -> Note:
    return Note(
        0,
        entry.did,
        entry.text,
        _receipt(entry.receipt),
        entry.written_at,
        replaces=real.get(entry.replaces or 0),
        withdrawn_at=entry.withdrawn_at,
        also=tuple(map(_receipt, entry.also)),
        waits=entry.waits,
    )


def _receipt(entry: ReceiptEntry) -> Receipt:
    return Receipt(entry.uri, entry.cid, entry.said_by, entry.said_at)
