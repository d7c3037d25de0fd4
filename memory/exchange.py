"""The edits of one exchange, written to the database one by one. Reached through `memory.store`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memory.edits import propose
from memory.forgetting import forget_note
from memory.model import Forget, Remember, Revise
from memory.rows import notes as rows

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Edit, Limits, Note, Op, Receipt


class Exchange:
    """Applies the edits of one exchange to a person's notes.

    With `waits` the notes that it writes wait for the operator's review.

    `notes` are the active notes after the edits so far, as `propose` returns them. `written_ids` maps the
    negative id of each proposed note to the id that it was written under.
    """

    def __init__(
        self, tx: Tx, did: str, receipt: Receipt, actor: str, at: datetime, limits: Limits, *, waits: bool
    ) -> None:
        self.waits = waits
        self.tx, self.receipt, self.actor, self.at, self.limits = tx, receipt, actor, at, limits
        self.notes = rows.active(tx, did)
        self.written_ids: dict[int, int] = {}

    def skip(self, op: Op, note_id: int) -> None:
        """Pass over an edit that was made before, so that later edits can name the note it wrote."""
        if op in {"remember", "revise"}:
            proposed = min([0, *self.written_ids, *(note.id for note in self.notes)]) - 1
            self.written_ids[proposed] = note_id
            self.notes = tuple(
                replace(note, id=proposed) if note.id == note_id else note for note in self.notes
            )

    def apply(self, edit: Edit, key: str) -> None:
        """Write what the edit makes of the notes, and a revision under `key`. Raises EditRefused."""
        after = propose(self.notes, edit, self.receipt, self.at, self.limits)
        match edit:
            case Remember() if (same := self._existing(after[-1].id)) is not None:
                self._confirm(same, key)
            case Remember() | Revise():
                self._write(after[-1], key)
            case Forget():
                note = self._named(edit.note_id)
                forget_note(self.tx, note, key=key, actor=self.actor, at=self.at, asked_by=self.receipt)
        self.notes = after

    def _named(self, note_id: int) -> Note:
        """The note of this id, real or proposed, with its real id."""
        note = next(note for note in self.notes if note.id == note_id)
        return replace(note, id=self.written_ids.get(note_id, note_id))

    def _existing(self, note_id: int) -> Note | None:
        """The note of this id if it was there before the edit."""
        return self._named(note_id) if any(note.id == note_id for note in self.notes) else None

    def _confirm(self, note: Note, key: str) -> None:
        rows.add_receipt(self.tx, note.id, self.receipt)
        self._log("confirm", note, key, before=None)

    def _write(self, proposed: Note, key: str) -> None:
        old = None if proposed.replaces is None else self._named(proposed.replaces)
        note = replace(proposed, replaces=old.id if old else None, waits=self.waits)
        new = replace(note, id=rows.add(self.tx, note))
        self.written_ids[proposed.id] = new.id
        self._log("revise" if old else "remember", new, key, before=old.text if old else None)

    def _log(self, op: Op, note: Note, key: str, before: str | None) -> None:
        rows.log(
            self.tx, op, note, key=key, actor=self.actor, at=self.at, before=before, asked_by=self.receipt
        )
