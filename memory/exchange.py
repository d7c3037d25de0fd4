"""The edits of one exchange, written down one by one. Reached through `memory.store`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memory.edits import propose
from memory.model import Forget, Remember, Revise
from memory.rows import notes as rows
from memory.rows.notes import NOTE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Edit, Limits, Note, Op, Receipt


class Exchange:
    """The edits of one exchange, as they are made. `ids`: the real id behind each proposed (negative) one."""

    def __init__(self, tx: Tx, did: str, receipt: Receipt, actor: str, at: datetime, limits: Limits) -> None:
        self.tx, self.receipt, self.actor, self.at, self.limits = tx, receipt, actor, at, limits
        self.notes = rows.active(tx, did)
        self.ids: dict[int, int] = {}

    def skip(self, op: Op, real: int) -> None:
        """An edit made before: only let later ones name the note it wrote."""
        if op in {"remember", "revise"}:
            fresh = min([0, *self.ids, *(note.id for note in self.notes)]) - 1
            self.ids[fresh] = real
            self.notes = tuple(replace(note, id=fresh) if note.id == real else note for note in self.notes)

    def make(self, edit: Edit, key: str) -> None:
        after = propose(self.notes, edit, self.receipt, self.at, self.limits)
        match edit:
            case Remember() if (same := self._written(after[-1].id)) is not None:
                self._confirm(same, key)
            case Remember() | Revise():
                self._write(after[-1], key)
            case Forget():
                note = self._named(edit.note_id)
                forget(self.tx, note, key=key, actor=self.actor, at=self.at, asked_by=self.receipt)
        self.notes = after

    def _named(self, name: int) -> Note:
        note = next(note for note in self.notes if note.id == name)
        return replace(note, id=self.ids.get(name, name))

    def _written(self, name: int) -> Note | None:
        """The note if it was there before this edit."""
        return self._named(name) if any(note.id == name for note in self.notes) else None

    def _confirm(self, note: Note, key: str) -> None:
        rows.add_receipt(self.tx, note.id, self.receipt)
        self._log("confirm", note, key, before=None)

    def _write(self, proposed: Note, key: str) -> None:
        old = None if proposed.replaces is None else self._named(proposed.replaces)
        note = replace(proposed, replaces=old.id if old else None)
        new = replace(note, id=rows.add(self.tx, note))
        self.ids[proposed.id] = new.id
        self._log("revise" if old else "remember", new, key, before=old.text if old else None)

    def _log(self, op: Op, note: Note, key: str, before: str | None) -> None:
        rows.log(
            self.tx, op, note, key=key, actor=self.actor, at=self.at, before=before, asked_by=self.receipt
        )


def forget(tx: Tx, note: Note, *, key: str, actor: str, at: datetime, asked_by: Receipt | None = None) -> int:
    """Erase a note and all that it replaced. Returns how many."""
    gone = set(rows.replaced(rows.by_id(rows.find(tx, NOTE.did == note.did)), note.id))
    rows.erase(tx, gone)
    rows.log(tx, "forget", note, key=key, actor=actor, at=at, asked_by=asked_by)
    return len(gone)


def forget_sourced(tx: Tx, sourced: Sequence[Note], at: datetime) -> int:
    """Erase these notes (of one person) and all that replaced them. Returns how many.

    What only the erased ones had replaced holds again, or stays withdrawn if its last successor was.
    """
    if not sourced:
        return 0
    notes = rows.by_id(rows.find(tx, NOTE.did == sourced[0].did))
    gone = {each for root in sourced for each in rows.replacing(notes, root.id)}
    again = [note for note in notes.values() if note.superseded_by in gone and note.id not in gone]
    rows.erase(tx, gone)
    for note in (notes[each] for each in sorted(gone)):
        rows.log(tx, "forget", note, key=f"forget#{note.id}", actor="source", at=at)
    for note in again:
        *_, last = rows.replacing(notes, note.superseded_by)
        if notes[last].withdrawn_at is not None:
            rows.withdraw(tx, note.id, notes[last].withdrawn_at)
        else:
            rows.log(tx, "reopen", note, key=f"reopen#{note.id}<{note.superseded_by}", actor="source", at=at)
    return len(gone)
