"""What an edit makes of a person's notes, and when it is refused. Pure. The bot proposes with it, too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memory.errors import EditRefused
from memory.identifiers import note_name
from memory.model import Forget, Note, Remember, Revise
from memory.rules import consolidation
from memory.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from memory.model import Edit, Limits, Receipt


def check_text(text: str, limits: Limits) -> str:
    """Return `text` as it would be stored.

    Raises EditRefused if it is empty or too long.
    """
    line = one_line(text)
    if not line:
        raise EditRefused("the note is empty. Say in one line what to keep.")
    if len(line) > limits.note_chars:
        raise EditRefused(
            f"the note has {len(line)} characters, {limits.note_chars} are allowed. Keep one fact a note."
        )
    return line


def check_quota(edits: Iterable[Edit], today: int, limits: Limits) -> None:
    """Raise EditRefused if an exchange writes too many notes. `today`: how many the last 24 hours have."""
    new = sum(not isinstance(edit, Forget) for edit in edits)
    if new > limits.per_exchange:
        raise EditRefused(
            f"these are {new} new notes, an exchange may write {limits.per_exchange}. Keep what matters."
        )
    if new and today + new > limits.per_day:
        raise EditRefused(
            f"{today} notes about them are from the last 24 hours, {limits.per_day} are allowed. "
            "Write none now; forgetting is always allowed."
        )


def check_receipt(did: str, receipt: Receipt) -> None:
    """Raise EditRefused unless the post was written by the person whom the note is about."""
    if receipt.said_by != did or not receipt.uri.startswith(f"at://{did}/"):
        raise EditRefused("the source post is by somebody else. Keep what people say of themselves.")


def propose(
    notes: tuple[Note, ...], edit: Edit, receipt: Receipt, at: datetime, limits: Limits
) -> tuple[Note, ...]:
    """The active notes of a person after `edit`; the note that it makes or confirms stands last.

    If a note says the same already, no new one is made: the post becomes one of its receipts (`Note.also`).
    A new note has a negative id. Raises EditRefused, with words that help to correct the edit.
    """
    match edit:
        case Remember():
            return _remember(notes, check_text(edit.text, limits), receipt, at, limits)
        case Revise():
            old = _find(notes, edit.note_id)
            text = check_text(edit.text, limits)
            _refuse_repetition(notes, text)
            return _with_new(notes, text, receipt, at, old)
        case Forget():
            old = _find(notes, edit.note_id)
            return tuple(note for note in notes if note is not old)


def _remember(
    notes: tuple[Note, ...], text: str, receipt: Receipt, at: datetime, limits: Limits
) -> tuple[Note, ...]:
    """A further receipt of the note that says the same, or a new note, in place of one it contradicts."""
    same = consolidation.duplicate(notes, text)
    if same is not None and receipt.uri not in {one.uri for one in same.receipts}:
        return (*(note for note in notes if note is not same), replace(same, also=(*same.also, receipt)))
    _refuse_repetition(notes, text)
    old = consolidation.contradicted(notes, text, receipt.said_at)
    if old is None and len(notes) >= limits.notes:
        raise EditRefused(
            f"all {limits.notes} notes are taken. Merge some first: revise one to say what two say, forget "
            f"the other ({consolidation.mergeable(notes)})."
        )
    return _with_new(notes, text, receipt, at, old)


def _refuse_repetition(notes: tuple[Note, ...], text: str) -> None:
    same = consolidation.duplicate(notes, text)
    if same is not None:
        raise EditRefused(f"{same.name} already says so.")


def _with_new(
    notes: tuple[Note, ...], text: str, receipt: Receipt, at: datetime, old: Note | None
) -> tuple[Note, ...]:
    proposed = min([0, *(note.id for note in notes)]) - 1
    new = Note(proposed, receipt.said_by, text, receipt, at, replaces=old.id if old else None)
    return (*(note for note in notes if note is not old), new)


def _find(notes: Iterable[Note], note_id: int) -> Note:
    for note in notes:
        if note.id == note_id:
            return note
    raise EditRefused(f"there is no note {note_name(note_id)} about this person.")
