"""What an edit makes of a person's notes, and why one is refused. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memory.errors import EditRefused
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
    """Raise EditRefused if one exchange writes too many notes. `today`: written in the last 24 hours."""
    fresh = sum(not isinstance(edit, Forget) for edit in edits)
    if fresh > limits.per_exchange:
        raise EditRefused(
            f"these are {fresh} new notes, an exchange may write {limits.per_exchange}. Keep what matters."
        )
    if fresh and today + fresh > limits.per_day:
        raise EditRefused(
            f"{today} notes about them are from the last 24 hours, {limits.per_day} are allowed. "
            "Write none now; forgetting is always allowed."
        )


def check_receipt(did: str, receipt: Receipt) -> None:
    """Raise EditRefused unless the post behind a note was written by whom the note is about."""
    if receipt.said_by != did or not receipt.uri.startswith(f"at://{did}/"):
        raise EditRefused("the source post is by somebody else. Keep what people say of themselves.")


def propose(
    notes: tuple[Note, ...], edit: Edit, receipt: Receipt, at: datetime, limits: Limits
) -> tuple[Note, ...]:
    """What `notes` (active, of one person) would be after `edit`; the note it makes stands last.

    What a note says already is no new note: the post becomes one more of its receipts (`Note.also`).
    Raises EditRefused, in words that help to mend the edit.
    """
    match edit:
        case Remember():
            return _remembered(notes, check_text(edit.text, limits), receipt, at, limits)
        case Revise():
            old = _find(notes, edit.note_id)
            text = check_text(edit.text, limits)
            _refuse_repetition(notes, text)
            return _with(notes, text, receipt, at, old)
        case Forget():
            old = _find(notes, edit.note_id)
            return tuple(note for note in notes if note is not old)


def _remembered(
    notes: tuple[Note, ...], text: str, receipt: Receipt, at: datetime, limits: Limits
) -> tuple[Note, ...]:
    """Keep `text`: as a further receipt of a note that says so, in place of one it contradicts, or anew."""
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
    return _with(notes, text, receipt, at, old)


def _refuse_repetition(notes: tuple[Note, ...], text: str) -> None:
    same = consolidation.duplicate(notes, text)
    if same is not None:
        raise EditRefused(f"{same.name} already says so.")


def _with(
    notes: tuple[Note, ...], text: str, receipt: Receipt, at: datetime, old: Note | None
) -> tuple[Note, ...]:
    fresh = min([0, *(note.id for note in notes)]) - 1
    new = Note(fresh, receipt.said_by, text, receipt, at, replaces=old.id if old else None)
    return (*(note for note in notes if note is not old), new)


def _find(notes: Iterable[Note], wanted: int) -> Note:
    for note in notes:
        if note.id == wanted:
            return note
    raise EditRefused(f"there is no note {'n' if wanted > 0 else 'new'}{abs(wanted)} about this person.")
