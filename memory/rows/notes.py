"""The rows of notes and revisions: read as values, written, erased."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import bindparam, delete, func, insert, select, union_all, update

from memory.db import mark_erased
from memory.errors import UnknownNote
from memory.model import Note, Receipt, Revision
from memory.rows import passages, shingles
from memory.rules.consolidation import gist
from memory.tables import NoteRow, ReceiptRow, RevisionRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Op

NOTE = NoteRow.__table__.c
REVISION = RevisionRow.__table__.c
RECEIPT = ReceiptRow.__table__.c
MORE = ReceiptRow.__table__.alias("more")  # receipts beside the first
WITH_RECEIPTS = (
    select(*NOTE, *(column.label(f"more_{column.name}") for column in MORE.c))
    .join_from(NoteRow.__table__, MORE, MORE.c.note_id == NOTE.id, isouter=True)
    .order_by(NOTE.said_at, NOTE.id, MORE.c.said_at, MORE.c.uri)
)
ACTIVE = (NOTE.superseded_by.is_(None), NOTE.withdrawn_at.is_(None))
MINE = WITH_RECEIPTS.where(NOTE.did == bindparam("who"))
MINE_ACTIVE = MINE.where(*ACTIVE)
WRITTEN = select(func.count()).where(
    REVISION.did == bindparam("who"),
    REVISION.op.in_(("remember", "revise", "confirm")),
    REVISION.source_uri.is_not(None),
    REVISION.at > bindparam("since"),
)
Notes: TypeAlias = "Mapping[int, Note]"  # by id
SLICE = 10_000  # notes that are read at once
LARGEST_ID = 2**31 - 1  # of an INTEGER in PostgreSQL


def find(tx: Tx, *where: Any) -> tuple[Note, ...]:
    """The notes that meet every condition, in the order in which they were said."""
    return _notes(tx.execute(WITH_RECEIPTS.where(*where)).all())


def get(tx: Tx, note_id: int) -> Note:
    """Raises UnknownNote."""
    found = find(tx, NOTE.id == note_id) if 0 < note_id <= LARGEST_ID else ()
    if not found:
        raise UnknownNote(f"n{note_id}")
    return found[0]


def of_person(tx: Tx, did: str) -> tuple[Note, ...]:
    """Every note of this person that was not forgotten."""
    return _notes(tx.execute(MINE, {"who": did}).all())


def of_everyone(tx: Tx) -> Iterator[Note]:
    """Every note that was not forgotten, with few of them in memory at a time."""
    last = tx.scalar(select(func.max(NOTE.id))) or 0
    for first in range(0, last, SLICE):
        yield from find(tx, NOTE.id > first, NOTE.id <= first + SLICE)


def active(tx: Tx, did: str | None = None, *where: Any) -> tuple[Note, ...]:
    """The active notes, of one person or of everyone, that meet every condition."""
    if did is not None and not where:
        return _notes(tx.execute(MINE_ACTIVE, {"who": did}).all())
    mine = () if did is None else (NOTE.did == did,)
    return find(tx, *ACTIVE, *mine, *where)


def by_source(tx: Tx, uri: str) -> tuple[Note, ...]:
    """The notes that have this post as a receipt."""
    first, again = (NOTE.id, NOTE.source_uri), (RECEIPT.note_id, RECEIPT.uri)
    ids = union_all(*(select(note_id).where(post == uri) for note_id, post in (first, again)))
    return find(tx, NOTE.id.in_(ids))


def add(tx: Tx, note: Note) -> int:
    """Write a proposed note and return its id. The note that it replaces is superseded."""
    receipt = note.receipt
    result = tx.execute(
        insert(NoteRow).values(
            did=note.did,
            text=note.text,
            source_uri=receipt.uri,
            source_cid=receipt.cid,
            said_by=receipt.said_by,
            said_at=receipt.said_at,
            written_at=note.written_at,
            replaces=note.replaces,
            superseded_by=note.superseded_by,
            valid_to=note.valid_to,
            withdrawn_at=note.withdrawn_at,
            gist=gist(note.text),
            waits=note.waits,
        )
    )
    assert result.inserted_primary_key is not None
    new: int = result.inserted_primary_key[0]
    if note.replaces is not None:
        tx.execute(
            update(NoteRow)
            .where(NoteRow.id == note.replaces)
            .values(superseded_by=new, valid_to=note.written_at)
        )
    for more in note.also:
        add_receipt(tx, new, more)
    shingles.add(tx, new, note)
    return new


def add_receipt(tx: Tx, note_id: int, receipt: Receipt) -> None:
    """Store that another post said the same as the note."""
    tx.execute(
        insert(ReceiptRow).values(
            note_id=note_id, uri=receipt.uri, did=receipt.said_by, cid=receipt.cid, said_at=receipt.said_at
        )
    )


def drop_receipt(tx: Tx, note: Note, uri: str) -> None:
    """Remove a receipt of the note; the earliest of the others becomes its first."""
    first = next(one for one in note.receipts if one.uri != uri)
    tx.execute(delete(ReceiptRow).where(RECEIPT.note_id == note.id, RECEIPT.uri.in_((uri, first.uri))))
    tx.execute(
        update(NoteRow)
        .where(NOTE.id == note.id)
        .values(source_uri=first.uri, source_cid=first.cid, said_at=first.said_at)
    )


def withdraw(tx: Tx, note_id: int, at: datetime | None) -> None:
    tx.execute(update(NoteRow).where(NOTE.id == note_id).values(withdrawn_at=at))


def erase(tx: Tx, ids: Collection[int]) -> None:
    """Erase these notes and every copy of their texts. What one of them had replaced is active again."""
    mark_erased(tx)
    for did in tx.scalars(select(NOTE.did).where(NOTE.id.in_(ids)).distinct()).all():
        passages.erase_with_notes(tx, did, ids)
    followers = select(NoteRow.id).where(NoteRow.replaces.in_(ids)).scalar_subquery()
    tx.execute(update(RevisionRow).where(RevisionRow.note_id.in_(followers)).values(before=None))
    tx.execute(update(RevisionRow).where(RevisionRow.note_id.in_(ids)).values(before=None, after=None))
    tx.execute(update(NoteRow).where(NoteRow.replaces.in_(ids)).values(replaces=None))
    tx.execute(
        update(NoteRow).where(NoteRow.superseded_by.in_(ids)).values(superseded_by=None, valid_to=None)
    )
    tx.execute(delete(NoteRow).where(NoteRow.id.in_(ids)))


def predecessors(notes: Notes, note_id: int | None) -> Iterator[int]:
    """The ids of this note and all that it replaced, newest first."""
    while note_id is not None and note_id in notes:
        yield note_id
        note_id = notes[note_id].replaces


def successors(notes: Notes, note_id: int | None) -> Iterator[int]:
    """The ids of this note and all that replaced it, oldest first."""
    while note_id is not None and note_id in notes:
        yield note_id
        note_id = notes[note_id].superseded_by


def by_id(notes: Iterable[Note]) -> Notes:
    return {note.id: note for note in notes}


# --- revisions -----------------------------------------------------------------------------------


def log(
    tx: Tx,
    op: Op,
    note: Note,
    *,
    key: str,
    actor: str,
    at: datetime,
    before: str | None = None,
    asked_by: Receipt | None = None,
) -> None:
    """Add a revision. One that forgets a note has no text."""
    tx.execute(
        insert(RevisionRow).values(
            did=note.did,
            note_id=note.id,
            op=op,
            before=before,
            after=None if op in {"forget", "withdraw"} else note.text,
            actor=actor,
            source_uri=asked_by.uri if asked_by else None,
            key=key,
            at=at,
            replaces=note.replaces if op in {"revise", "restore"} else None,
        )
    )


def applied(tx: Tx, keys: Collection[str]) -> dict[str, tuple[Op, int]]:
    """The edits of these keys that were made before: the operation of each, and the note's id."""
    rows = tx.execute(select(REVISION.key, REVISION.op, REVISION.note_id).where(REVISION.key.in_(keys)))
    return {row.key: (row.op, row.note_id) for row in rows}


def written_since(tx: Tx, did: str, since: datetime, *, without: Collection[str]) -> int:
    """How many notes and receipts were written because of posts, `without` these keys.

    Those that were forgotten since count, too.
    """
    written = WRITTEN.where(REVISION.key.not_in(without)) if without else WRITTEN
    return tx.scalar(written, {"who": did, "since": since}) or 0


def history(tx: Tx, did: str) -> tuple[Revision, ...]:
    wanted = [column for column in REVISION if column.name != "key"]
    rows = tx.execute(select(*wanted).where(REVISION.did == did).order_by(REVISION.id)).mappings()
    return tuple(Revision(**row) for row in rows)


def _notes(rows: Iterable[Any]) -> tuple[Note, ...]:
    return tuple(_note(list(same)) for _, same in groupby(rows, key=lambda row: row.id))


def _note(rows: Sequence[Any]) -> Note:
    """The note of rows that differ in the receipt only, of which there may be none."""
    row = rows[0]
    also = (
        Receipt(more.more_uri, more.more_cid, more.more_did, more.more_said_at)
        for more in rows
        if more.more_uri is not None
    )
    return Note(
        row.id,
        row.did,
        row.text,
        Receipt(row.source_uri, row.source_cid, row.said_by, row.said_at),
        row.written_at,
        row.replaces,
        row.superseded_by,
        row.valid_to,
        row.withdrawn_at,
        tuple(also),
        row.waits,
    )
