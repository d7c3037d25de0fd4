"""Memory: the only door to what is known of people.

Every method takes the transaction first; those that write need `db.write()`, on PostgreSQL they hold the
person's row until it ends. ORM rows never leave.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from memory import notes as rows
from memory import passages
from memory.errors import EditRefused, UnknownNote, UnknownPerson
from memory.finding import Finding
from memory.model import (
    Limits,
    Recollection,
    Revise,
    check_quota,
    check_receipt,
    propose,
    render,
)
from memory.notes import NOTE
from memory.people import PERSON, People
from memory.search import rank
from memory.tables import HandleRow, NoteRow, PassageRow, PersonRow, RevisionRow
from memory.turn import Turn, forget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memory.db import Tx
    from memory.embed import Embedder
    from memory.model import Edit, Note, Receipt, Revision

DAY = timedelta(hours=24)
LARGEST_ID = 2**31 - 1


class Memory(People, Finding):
    """What the bot knows of people, within `limits`; `block_tokens` is the budget of a person's block.

    `encoder` makes the vectors by which passages are found; without one they are found by words alone.
    """

    def __init__(
        self,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        block_tokens: int = 2000,
        encoder: Embedder | None = None,
    ) -> None:
        super().__init__(encoder)
        self.limits = limits
        self.block_tokens = block_tokens

    # --- reading ---------------------------------------------------------------------------------

    def recall(self, tx: Tx, did: str) -> Recollection:
        """What is known of this person, and no other. Raises UnknownPerson."""
        person, notes = self.person(tx, did), rows.active(tx, did)
        return Recollection(person, notes, render(notes, self.block_tokens))

    def search(self, tx: Tx, query: str, did: str | None = None, limit: int = 10) -> tuple[Note, ...]:
        """Active notes that share words with the query, best first.

        Without `did` it goes over everyone: for the operator only.
        """
        return rank(rows.active(tx, did), query, limit)

    def note(self, tx: Tx, note_id: int) -> Note:
        """Raises UnknownNote."""
        found = rows.find(tx, NOTE.id == note_id) if 0 < note_id <= LARGEST_ID else ()
        if not found:
            raise UnknownNote(f"n{note_id}")
        return found[0]

    def chain(self, tx: Tx, note_id: int) -> tuple[Note, ...]:
        """The note, all that it replaced and all that replaced it, oldest first. Raises UnknownNote."""
        notes = rows.by_id(rows.find(tx, NOTE.did == self.note(tx, note_id).did))
        *older, _ = reversed(list(rows.replaced(notes, note_id)))
        return tuple(notes[each] for each in (*older, *rows.replacing(notes, note_id)))

    def history(self, tx: Tx, did: str) -> tuple[Revision, ...]:
        """Every edit of this person's notes, oldest first."""
        return rows.history(tx, did)

    def export(self, tx: Tx, did: str) -> dict[str, Any]:
        """All that is held about this person, ready for JSON (times in ISO 8601). Raises UnknownPerson."""
        return {
            "person": _json(asdict(self.person(tx, did))),
            "handles": [{"since": _json(at), "handle": handle} for at, handle in self.handles(tx, did)],
            "notes": [_json(asdict(note)) for note in rows.find(tx, NOTE.did == did)],
            "revisions": [_json(asdict(revision)) for revision in self.history(tx, did)],
        }

    def room(self, tx: Tx, did: str, at: datetime) -> Limits:
        """The limits of one exchange now: `per_exchange` is lowered to what the last 24 hours left."""
        left = self.limits.per_day - rows.written_since(tx, did, at - DAY, but=())
        return replace(self.limits, per_exchange=max(0, min(self.limits.per_exchange, left)))

    # --- editing ---------------------------------------------------------------------------------

    def apply(
        self, tx: Tx, did: str, edits: Sequence[Edit], receipt: Receipt, *, key: str, actor: str, at: datetime
    ) -> tuple[Note, ...]:
        """Make the edits that a post of this person led to: all of them, or none.

        `key` names the exchange: edit i is made once under `key#i`, however often the call is repeated.
        Negative ids name notes proposed earlier in `edits`, as `propose` numbers them.
        Returns the notes these edits wrote, as far as they still stand. Raises EditRefused, UnknownPerson.
        """
        _hold(tx, did)
        check_receipt(did, receipt)
        keys = [f"{key}#{index}" for index in range(len(edits))]
        done = rows.applied(tx, keys)
        if len(done) < len(keys):
            check_quota(edits, rows.written_since(tx, did, at - DAY, but=keys), self.limits)
        turn = Turn(tx, did, receipt, actor, at, self.limits)
        with tx.begin_nested():
            for edit_key, edit in zip(keys, edits, strict=True):
                if edit_key in done:
                    turn.skip(edit, done[edit_key])
                else:
                    turn.make(edit, edit_key)
        self.sync(tx, did)
        written = rows.by_id(rows.find(tx, NOTE.did == did, NOTE.id.in_(turn.ids.values())))
        return tuple(written[real] for real in turn.ids.values() if real in written)

    def edit(self, tx: Tx, note_id: int, text: str, *, actor: str, at: datetime) -> Note:
        """Correct a note: a new one with the same receipt supersedes it. Raises UnknownNote, EditRefused."""
        did = self.note(tx, note_id).did
        _hold(tx, did)
        old = self.note(tx, note_id)
        if old.superseded_by is not None:
            raise EditRefused(f"{old.name} was replaced by n{old.superseded_by}. Edit that one.")
        after = propose(rows.active(tx, did), Revise(note_id, text), old.receipt, at, self.limits)
        new = replace(after[-1], id=rows.add(tx, after[-1]))
        rows.log(tx, "revise", new, key=f"edit#{new.id}", actor=actor, at=at, before=old.text)
        self.sync(tx, did)
        return new

    # --- forgetting ------------------------------------------------------------------------------

    def forget_note(self, tx: Tx, note_id: int, *, actor: str, at: datetime) -> int:
        """Erase a note and all that it replaced; a revision without text tells. Returns how many notes.

        Raises UnknownNote.
        """
        did = self.note(tx, note_id).did
        _hold(tx, did)
        gone = forget(tx, self.note(tx, note_id), key=f"forget#{note_id}", actor=actor, at=at)
        self.sync(tx, did)
        return gone

    def forget_source(self, tx: Tx, uri: str, at: datetime) -> int:
        """A post was deleted: erase it, its notes and all that replaced them. Returns how many notes.

        What replaced a note may repeat it, so it goes too. What the deleted post itself had replaced was said
        in a post that still stands, so it holds again.
        """
        passages.erase(tx, passages.of_post(uri))
        sourced = rows.find(tx, NOTE.source_uri == uri)
        if not sourced:
            return 0
        _hold(tx, sourced[0].did)  # the schema lets all notes of a post be by its author
        notes = rows.by_id(rows.find(tx, NOTE.did == sourced[0].did))
        roots = [note.id for note in notes.values() if note.receipt.uri == uri]
        gone = {each for root in roots for each in rows.replacing(notes, root)}
        again = [note for note in notes.values() if note.superseded_by in gone and note.id not in gone]
        rows.erase(tx, gone)
        for note in (notes[each] for each in sorted(gone)):
            rows.log(tx, "forget", note, key=f"forget#{note.id}", actor="source", at=at)
        for note in again:
            rows.log(tx, "reopen", note, key=f"reopen#{note.id}<{note.superseded_by}", actor="source", at=at)
        self.sync(tx, sourced[0].did)
        return len(gone)

    def erase(self, tx: Tx, did: str) -> int:
        """Erase everything about this person. Returns how many rows; follow it with `db.scrub()`."""
        tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update())
        self._shelves.drop(did)
        tables = (PassageRow, RevisionRow, NoteRow, HandleRow, PersonRow)
        return sum(tx.execute(delete(table).where(table.did == did)).rowcount for table in tables)


def _hold(tx: Tx, did: str) -> None:
    """Let nobody else edit this person's notes until the transaction ends. Raises UnknownPerson."""
    if tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update()).first() is None:
        raise UnknownPerson(did)


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value
