"""What was known at an earlier point, what changed between two, and the way back. Reached through the store.

A point is the number of a revision (all of them up to it, and itself) or a time. What was forgotten since is
in no past: its text is gone, and no way back brings it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memory.errors import UnknownRevision
from memory.model import Diff, Rollback
from memory.rows import notes as rows
from memory.rows.notes import NOTE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from memory.db import Tx
    from memory.model import Note, Point, Revision


def held(revisions: Iterable[Revision], point: Point) -> frozenset[int]:
    """The ids of the notes that held at `point`, by replaying the revisions (oldest first). Pure."""
    holding: set[int] = set()
    for revision in revisions:
        if revision.id > point if isinstance(point, int) else revision.at > point:
            continue
        if revision.op in {"forget", "withdraw"}:
            holding.discard(revision.note_id)
        elif revision.op != "confirm":
            holding.add(revision.note_id)
            holding.discard(revision.replaces or 0)
    return frozenset(holding)


def at(tx: Tx, did: str, point: Point) -> tuple[Note, ...]:
    """The notes that held then, as far as they were not forgotten since. Raises UnknownRevision."""
    revisions = rows.history(tx, did)
    if isinstance(point, int) and point not in {0, *(one.id for one in revisions)}:
        known = f"{revisions[0].id} to {revisions[-1].id}" if revisions else "none"
        raise UnknownRevision(f"{point} (of this person: {known})")
    return rows.find(tx, NOTE.did == did, NOTE.id.in_(held(revisions, point)))


def compare(notes: rows.Notes, before: Iterable[Note], after: Iterable[Note]) -> Diff:
    """What `after` has that `before` had not. `notes`: all of this person. Pure."""
    old, new = rows.by_id(before), rows.by_id(after)
    gone, came = [one for one in old if one not in new], [one for one in new if one not in old]
    changed = []
    for one in gone:
        successors = [*rows.replacing(notes, one), *rows.replaced(notes, one)]
        other = next((each for each in successors if each in came), None)
        if other is not None:
            changed.append((one, other))
            came.remove(other)
    left = {one for one, _ in changed}
    return Diff(
        added=tuple(new[one] for one in came),
        dropped=tuple(old[one] for one in gone if one not in left),
        changed=tuple(
            (old[one], new[other]) for one, other in changed if not _says_the_same(old[one], new[other])
        ),
    )


def roll_back(tx: Tx, did: str, point: Point, *, actor: str, now: datetime) -> Rollback:
    """Let hold again what held at `point`, and nothing else: by new notes and revisions, erasing nothing.

    A note that holds no longer is written anew, with its receipts, in place of what came of it. A note that
    came later is withdrawn. Raises UnknownRevision.
    """
    wanted, notes = at(tx, did, point), rows.by_id(rows.find(tx, NOTE.did == did))
    active = rows.by_id(rows.active(tx, did))
    kept, restored = {one.id for one in wanted} & set(active), []
    for note in wanted:
        if note.id in kept:
            continue
        *_, last = rows.replacing(notes, note.id)
        kept.add(last)
        if not (last in active and _says_the_same(note, notes[last])):
            restored.append(_restore(tx, note, notes[last], actor, now))
    withdrawn = tuple(note for note in active.values() if note.id not in kept)
    for note in withdrawn:
        rows.withdraw(tx, note.id, now)
        rows.log(tx, "withdraw", note, key=f"withdraw#{note.id}", actor=actor, at=now, before=note.text)
    return Rollback(tuple(restored), withdrawn)


def _says_the_same(one: Note, other: Note) -> bool:
    return one.text == other.text and one.receipts == other.receipts


def _restore(tx: Tx, note: Note, last: Note, actor: str, now: datetime) -> Note:
    new = replace(
        note, written_at=now, replaces=last.id, superseded_by=None, valid_to=None, withdrawn_at=None
    )
    new = replace(new, id=rows.add(tx, new))
    before = last.text if last.withdrawn_at is None else None
    rows.log(tx, "restore", new, key=f"restore#{new.id}", actor=actor, at=now, before=before)
    return new
