"""What is erased with a note or a post, and what becomes active again. Reached through `memory.store`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from memory.db import mark_erased, stream
from memory.rows import notes as rows
from memory.rows.notes import NOTE, RECEIPT
from memory.rows.passages import PASSAGE, URI
from memory.tables import DenialRow, HandleRow, NoteRow, PassageRow, PersonRow, ReceiptRow, RevisionRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Note, Receipt

PERSON = PersonRow.__table__.c


def held_posts(tx: Tx, did: str | None) -> Iterator[tuple[str, str, datetime]]:
    """The receipts of notes, the posts of passages, and people without either: (DID, AT URI, time)."""
    known = set[str]()
    for query in (
        select(NOTE.did, NOTE.source_uri, NOTE.said_at),
        select(RECEIPT.did, RECEIPT.uri, RECEIPT.said_at),
        select(PASSAGE.did, URI, PASSAGE.at).where(PASSAGE.note_id.is_(None)),
    ):
        mine = query if did is None else query.where(query.selected_columns[0] == did)
        for who, uri, at in stream(tx, mine):
            known.add(who)
            yield who, uri, at
    people = select(PERSON.did, PERSON.first_seen)
    for who, at in stream(tx, people if did is None else people.where(PERSON.did == did)):
        if who not in known:
            yield who, f"at://{who}/", at


def erase_person(tx: Tx, did: str) -> int:
    """Erase everything about this person. Returns how many rows."""
    mark_erased(tx)
    tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update())
    tables = (PassageRow, ReceiptRow, RevisionRow, NoteRow, HandleRow, PersonRow, DenialRow)
    return sum(tx.execute(delete(table).where(table.did == did)).rowcount for table in tables)


def forget_note(
    tx: Tx, note: Note, *, key: str, actor: str, at: datetime, asked_by: Receipt | None = None
) -> int:
    """Erase a note and all that it replaced. Returns how many notes."""
    notes = rows.by_id(rows.find(tx, NOTE.did == note.did))
    erased = set(rows.predecessors(notes, note.id))
    rows.erase(tx, erased)
    rows.log(tx, "forget", note, key=key, actor=actor, at=at, asked_by=asked_by)
    return len(erased)


def notes_of_post(tx: Tx, uri: str, except_cid: str) -> list[Note]:
    """The notes that have this post as a receipt, unless in its version `except_cid`."""
    return [
        note
        for note in rows.by_source(tx, uri)
        if not any(one.uri == uri and one.cid == except_cid for one in note.receipts)
    ]


def forget_post(tx: Tx, uri: str, at: datetime, except_cid: str) -> int:
    """Erase the notes that have no other receipt than this post; drop the receipt from the others.

    Returns how many notes were erased.
    """
    notes = notes_of_post(tx, uri, except_cid)
    for note in notes:
        if note.also:
            rows.drop_receipt(tx, note, uri)
    return forget_with_successors(tx, [note for note in notes if not note.also], at)


def forget_with_successors(tx: Tx, roots: Sequence[Note], at: datetime) -> int:
    """Erase these notes (of one person) and all that replaced them. Returns how many.

    A note that only erased ones had replaced is active again, unless a rollback had withdrawn the last one
    of its chain: then it is withdrawn, too.
    """
    if not roots:
        return 0
    notes = rows.by_id(rows.find(tx, NOTE.did == roots[0].did))
    erased = {each for root in roots for each in rows.successors(notes, root.id)}
    reopened = [note for note in notes.values() if note.superseded_by in erased and note.id not in erased]
    rows.erase(tx, erased)
    for note in (notes[each] for each in sorted(erased)):
        rows.log(tx, "forget", note, key=f"forget#{note.id}", actor="source", at=at)
    for note in reopened:
        *_, last = rows.successors(notes, note.superseded_by)
        if notes[last].withdrawn_at is not None:
            rows.withdraw(tx, note.id, notes[last].withdrawn_at)
        else:
            rows.log(tx, "reopen", note, key=f"reopen#{note.id}<{note.superseded_by}", actor="source", at=at)
    return len(erased)
