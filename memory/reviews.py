"""Notes that wait until the operator has reviewed them: no prompt shows them.

All else holds for them as for any note: the person sees them, corrects them and erases them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from memory.errors import EditRefused
from memory.forgetting import forget_with_successors
from memory.rows import notes as rows
from memory.rows.notes import NOTE
from memory.tables import NoteRow

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Note
    from memory.retrieval import Retrieval

WAITS = NOTE.waits.is_(True)


class Reviews:
    """What the operator decides of notes that wait."""

    def __init__(self, retrieval: Retrieval) -> None:
        self._retrieval = retrieval

    def waiting(self, tx: Tx, did: str | None = None) -> tuple[Note, ...]:
        """The active notes (of one person) that wait, in the order in which they were said."""
        return rows.active(tx, did, WAITS)

    def accept(self, tx: Tx, note_id: int) -> Note:
        """From now on prompts show this note. Raises UnknownNote, EditRefused if it does not wait."""
        note = self._get(tx, note_id)
        tx.execute(update(NoteRow).where(NOTE.id == note_id).values(waits=False))
        self._retrieval.sync(tx, note.did)
        return note

    def drop(self, tx: Tx, note_id: int, at: datetime) -> Note:
        """Erase this note. What it had replaced is active again. Raises as `accept` does."""
        note = self._get(tx, note_id)
        forget_with_successors(tx, [note], at)
        self._retrieval.sync(tx, note.did)
        return note

    def _get(self, tx: Tx, note_id: int) -> Note:
        note = rows.get(tx, note_id)
        if not note.waits or note.superseded_by is not None:
            raise EditRefused(f"{note.name} does not wait. `scrubjay memory review` shows what does.")
        return note
