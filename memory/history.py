"""What was known at an earlier point, what changed between two points, and rollback.

Reached through `memory.store`. What was forgotten since a point is missing from it: its text is erased, and a
rollback does not bring it back.
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


def active_ids(revisions: Iterable[Revision], point: Point) -> frozenset[int]:
    """The ids of the notes that were active at `point`: replays the revisions, oldest first. Pure."""
    active: set[int] = set()
    for revision in revisions:
        if revision.id > point if isinstance(point, int) else revision.at > point:
            continue
        if revision.op in {"forget", "withdraw"}:
            active.discard(revision.note_id)
        elif revision.op != "confirm":
            active.add(revision.note_id)
            active.discard(revision.replaces or 0)
    return frozenset(active)


def notes_at(tx: Tx, did: str, point: Point) -> tuple[Note, ...]:
    """The notes that were active at `point`, without those forgotten since. Raises UnknownRevision."""
    revisions = rows.history(tx, did)
    if isinstance(point, int) and point not in {0, *(one.id for one in revisions)}:
        known = f"{revisions[0].id} to {revisions[-1].id}" if revisions else "none"
        raise UnknownRevision(f"{point} (of this person: {known})")
    return rows.find(tx, NOTE.did == did, NOTE.id.in_(active_ids(revisions, point)))


def compare(notes: rows.Notes, before: Iterable[Note], after: Iterable[Note]) -> Diff:
    """How the notes `after` differ from those `before`. `notes` are all of this person. Pure."""
    old, new = rows.by_id(before), rows.by_id(after)
    dropped, added = [one for one in old if one not in new], [one for one in new if one not in old]
    changed = []
    for one in dropped:
        chain = [*rows.successors(notes, one), *rows.predecessors(notes, one)]
        other = next((each for each in chain if each in added), None)
        if other is not None:
            changed.append((one, other))
            added.remove(other)
    replaced = {one for one, _ in changed}
    return Diff(
        added=tuple(new[one] for one in added),
        dropped=tuple(old[one] for one in dropped if one not in replaced),
        changed=tuple(
            (old[one], new[other]) for one, other in changed if not _says_the_same(old[one], new[other])
        ),
    )


def roll_back(tx: Tx, did: str, point: Point, *, actor: str, now: datetime) -> Rollback:
    """Make exactly the notes active that were so at `point`. Nothing is erased.

    A note that was superseded since is written anew, with its receipts; the copy supersedes the last note of
    the chain. A note that came later is withdrawn. Each of these is a revision. Raises UnknownRevision.
    """
    wanted, notes = notes_at(tx, did, point), rows.by_id(rows.find(tx, NOTE.did == did))
    active = rows.by_id(rows.active(tx, did))
    kept, restored = {one.id for one in wanted} & set(active), []
    for note in wanted:
        if note.id in kept:
            continue
        *_, last = rows.successors(notes, note.id)
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
    """Write `note` again, in place of the `last` note of its chain."""
    copy = replace(
        note, written_at=now, replaces=last.id, superseded_by=None, valid_to=None, withdrawn_at=None
    )
    new = replace(copy, id=rows.add(tx, copy))
    before = last.text if last.withdrawn_at is None else None
    rows.log(tx, "restore", new, key=f"restore#{new.id}", actor=actor, at=now, before=before)
    return new
