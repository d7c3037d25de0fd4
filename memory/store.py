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
from memory.errors import EditRefused, UnknownNote, UnknownPerson
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
from memory.tables import HandleRow, NoteRow, PersonRow, RevisionRow
from memory.turn import Turn, forget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memory.db import Tx
    from memory.model import Edit, Note, Receipt, Revision

DAY = timedelta(hours=24)
LARGEST_ID = 2**31 - 1


class Memory(People):
    """What the bot knows of people, within `limits`; `block_tokens` is the budget of a person's block."""

    def __init__(self, limits: Limits = Limits(), block_tokens: int = 2000) -> None:  # noqa: B008 - frozen
        self.limits = limits
        self.block_tokens = block_tokens

    # --- reading ---------------------------------------------------------------------------------

    def recall(self, tx: Tx, did: str) -> Recollection:
        """What is known of this person, and no other; nothing while their account is not active.

        Raises UnknownPerson.
        """
        person = self.person(tx, did)
        notes = () if person.status else rows.active(tx, did)
        return Recollection(person, notes, render(notes, self.block_tokens))

    def search(self, tx: Tx, query: str, did: str | None = None, limit: int = 10) -> tuple[Note, ...]:
        """Active notes of people whose accounts are active that share words with the query, best first.

        Without `did` it goes over everyone: for the operator only.
        """
        hidden = set(tx.scalars(select(PERSON.did).where(PERSON.status.is_not(None))))
        return rank((note for note in rows.active(tx, did) if note.did not in hidden), query, limit)

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

    def sources(self, tx: Tx, did: str) -> frozenset[tuple[int, str]]:
        """Each note that is held of this person, as its id and the AT URI of its post."""
        return frozenset((note.id, note.receipt.uri) for note in rows.find(tx, NOTE.did == did))

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
        return new

    # --- forgetting ------------------------------------------------------------------------------

    def forget_note(self, tx: Tx, note_id: int, *, actor: str, at: datetime) -> int:
        """Erase a note and all that it replaced; a revision without text tells. Returns how many notes.

        Raises UnknownNote.
        """
        _hold(tx, self.note(tx, note_id).did)
        note = self.note(tx, note_id)
        return forget(tx, note, key=f"forget#{note_id}", actor=actor, at=at)

    def forget_source(self, tx: Tx, uri: str, at: datetime, *, but_cid: str = "") -> int:
        """A post was deleted: erase its notes and all that replaced them. Returns how many notes.

        An edited post stands as `but_cid`: what was read from that stays.

        What replaced a note may repeat it, so it goes too. What the deleted post itself had replaced was said
        in a post that still stands, so it holds again.
        """
        sourced = rows.find(tx, NOTE.source_uri == uri, NOTE.source_cid != but_cid)
        if not sourced:
            return 0
        _hold(tx, sourced[0].did)  # the schema lets all notes of a post be by its author
        notes = rows.by_id(rows.find(tx, NOTE.did == sourced[0].did))
        roots = [note.id for note in notes.values() if note in sourced]
        gone = {each for root in roots for each in rows.replacing(notes, root)}
        again = [note for note in notes.values() if note.superseded_by in gone and note.id not in gone]
        rows.erase(tx, gone)
        for note in (notes[each] for each in sorted(gone)):
            rows.log(tx, "forget", note, key=f"forget#{note.id}", actor="source", at=at)
        for note in again:
            rows.log(tx, "reopen", note, key=f"reopen#{note.id}<{note.superseded_by}", actor="source", at=at)
        return len(gone)

    def source_posts(self, tx: Tx, did: str) -> dict[str, str]:
        """The posts that this person's notes come from: URI to CID."""
        mine = select(NOTE.source_uri, NOTE.source_cid).where(NOTE.did == did).order_by(NOTE.id)
        return {row.source_uri: row.source_cid for row in tx.execute(mine)}

    def erase(self, tx: Tx, did: str) -> int:
        """Erase everything about this person. Returns how many rows; follow it with `db.scrub()`."""
        tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update())
        tables = (RevisionRow, NoteRow, HandleRow, PersonRow)
        return sum(tx.execute(delete(table).where(table.did == did)).rowcount for table in tables)


def _hold(tx: Tx, did: str) -> None:
    """Let nobody else edit this person's notes until the transaction ends. Raises UnknownPerson."""
    if tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update()).first() is None:
        raise UnknownPerson(did)


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value
