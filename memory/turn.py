"""The edits of one exchange, written down one by one. Reached through `memory.store`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memory import notes as rows
from memory.model import Forget, Remember, Revise, propose
from memory.notes import NOTE

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Edit, Limits, Note, Op, Receipt


class Turn:
    """The edits of one exchange, as they are made. `ids`: the real id behind each proposed (negative) one."""

    def __init__(self, tx: Tx, did: str, receipt: Receipt, actor: str, at: datetime, limits: Limits) -> None:
        self.tx, self.receipt, self.actor, self.at, self.limits = tx, receipt, actor, at, limits
        self.notes = rows.active(tx, did)
        self.ids: dict[int, int] = {}

    def skip(self, edit: Edit, real: int) -> None:
        """An edit made before: only let later ones name its note."""
        if not isinstance(edit, Forget):
            fresh = min([0, *self.ids, *(note.id for note in self.notes)]) - 1
            self.ids[fresh] = real
            self.notes = tuple(replace(note, id=fresh) if note.id == real else note for note in self.notes)

    def make(self, edit: Edit, key: str) -> None:
        after = propose(self.notes, edit, self.receipt, self.at, self.limits)
        match edit:
            case Remember():
                self._write("remember", after[-1], key, before=None)
            case Revise():
                self._write("revise", after[-1], key, before=self._named(edit.note_id).text)
            case Forget():
                note = self._named(edit.note_id)
                forget(self.tx, note, key=key, actor=self.actor, at=self.at, asked_by=self.receipt)
        self.notes = after

    def _named(self, name: int) -> Note:
        note = next(note for note in self.notes if note.id == name)
        return replace(note, id=self.ids.get(name, name))

    def _write(self, op: Op, proposed: Note, key: str, before: str | None) -> None:
        old = proposed.replaces
        note = replace(proposed, replaces=None if old is None else self.ids.get(old, old))
        new = replace(note, id=rows.add(self.tx, note))
        self.ids[proposed.id] = new.id
        rows.log(
            self.tx, op, new, key=key, actor=self.actor, at=self.at, before=before, asked_by=self.receipt
        )


def forget(tx: Tx, note: Note, *, key: str, actor: str, at: datetime, asked_by: Receipt | None = None) -> int:
    """Erase a note and all that it replaced. Returns how many."""
    gone = set(rows.replaced(rows.by_id(rows.find(tx, NOTE.did == note.did)), note.id))
    rows.erase(tx, gone)
    rows.log(tx, "forget", note, key=key, actor=actor, at=at, asked_by=asked_by)
    return len(gone)
