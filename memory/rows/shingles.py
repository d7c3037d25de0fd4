"""The rows by which a note is recognised in a text. They go with their note."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, BigInteger, column, func, insert, literal, select

from memory.identifiers import hash_64
from memory.shingles import of_note
from memory.tables import ShingleRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import TableValuedAlias

    from memory.db import Tx
    from memory.model import Note

SHINGLE = ShingleRow.__table__.c
COMMON_FROM = 3  # what three people say is nobody's own; the zeitgeist has the same number


def add(tx: Tx, note_id: int, note: Note) -> None:
    who = hash_64(note.did)
    if rows := [{"hash": each, "who": who, "note_id": note_id} for each in sorted(of_note(note.text))]:
        tx.execute(insert(ShingleRow), rows)


def others(tx: Tx, did: str, hashes: Collection[int]) -> bool:
    """Whether one of these hashes is of a note that one or two people other than `did` have.

    Each hash costs a search in the primary key, which ends at the third person: the number of notes in the
    store does not matter.
    """
    if not hashes:
        return False
    asked = _table(tx, hashes)
    same = (SHINGLE.hash == asked.c.value, SHINGLE.who != hash_64(did))
    people = select(SHINGLE.who).where(*same).correlate(asked).distinct().limit(COMMON_FROM).subquery()
    count = select(func.count()).select_from(people).scalar_subquery()
    found = select(asked.c.value).where(count.between(1, COMMON_FROM - 1)).limit(1)
    return tx.execute(found).first() is not None


def _table(tx: Tx, hashes: Collection[int]) -> TableValuedAlias:
    """The hashes as a table. One parameter: to bind a thousand takes longer than the search."""
    if tx.dialect.name == "sqlite":
        return func.json_each(json.dumps(list(hashes))).table_valued(column("value", BigInteger))
    array = func.unnest(literal(list(hashes), ARRAY(BigInteger)))
    return array.table_valued(column("value", BigInteger)).render_derived()
