"""Who spoke to the bot: people by DID, with the handles they had. `Memory.people`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, func, or_, select, update

from memory.db import insert
from memory.errors import UnknownPerson
from memory.identifiers import DID, normalize_handle
from memory.model import Person
from memory.prepared import per_database
from memory.rows.notes import ACTIVE, NOTE
from memory.tables import HandleRow, PersonRow

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx

PERSON = PersonRow.__table__.c
OF_DID = select(*PERSON).where(PERSON.did == bindparam("who"))
HIDDEN = select(PERSON.did).where(PERSON.status.is_not(None))  # people whose accounts are not active
SUGGESTED_FROM = 2000  # the handles seen last, among which similar ones are looked for


@per_database
def _meeting(insert: Any) -> Any:
    row = insert(PersonRow.__table__)
    new = row.excluded
    first = case((new.first_seen < PERSON.first_seen, new.first_seen), else_=PERSON.first_seen)
    last = case((new.last_seen > PERSON.last_seen, new.last_seen), else_=PERSON.last_seen)
    seen = {"first_seen": first, "last_seen": last}
    return row.on_conflict_do_update(index_elements=["did"], set_=seen).returning(PERSON.handle)


class People:
    """The people in the database: met, named, found."""

    def meet(self, tx: Tx, did: str, at: datetime) -> str | None:
        """Store that this person spoke to the bot at `at`. Calls may come in any order of time.

        Returns the handle that is known of them.
        """
        handle: str | None = tx.scalar(_meeting(tx), {"did": did, "first_seen": at, "last_seen": at})
        return handle

    def rename(self, tx: Tx, did: str, handle: str, at: datetime) -> None:
        """Store the handle that `did` has since `at`, unless a later one is known.

        A former owner of the handle loses it: a handle may change owners. An invalid handle is stored as
        none. Someone who never spoke to the bot is not stored.
        """
        found = tx.execute(select(PERSON.handle).where(PERSON.did == did).with_for_update()).one_or_none()
        latest = tx.scalar(select(func.max(HandleRow.since)).where(HandleRow.did == did))
        normal = normalize_handle(handle)
        if found is None or found.handle == normal or (latest is not None and latest > at):
            return
        if normal is not None:
            tx.execute(
                update(PersonRow).where(PersonRow.handle == normal, PersonRow.did != did).values(handle=None)
            )
            statement = insert(tx, HandleRow).values(did=did, since=at, handle=normal)
            tx.execute(
                statement.on_conflict_do_update(index_elements=["did", "since"], set_={"handle": normal})
            )
        tx.execute(update(PersonRow).where(PersonRow.did == did).values(handle=normal))

    def set_status(self, tx: Tx, did: str, status: str | None, at: datetime) -> bool:
        """Store the account's status since `at`; None: active. False if a later one is known.

        While an account is not active, what is known of it is hidden, not erased.
        """
        latest = tx.scalar(select(PERSON.status_at).where(PERSON.did == did).with_for_update())
        if latest is not None and latest > at:
            return False
        tx.execute(update(PersonRow).where(PersonRow.did == did).values(status=status, status_at=at))
        return True

    def status(self, tx: Tx, did: str) -> str | None:
        """The status of an account that is not active; None for an active one, and for unknown people."""
        return tx.scalar(select(PERSON.status).where(PERSON.did == did))

    def mark_introduced(self, tx: Tx, did: str, at: datetime, *, of_memory: bool = True) -> None:
        """Store that the person was told that this is a bot and, `of_memory`, that it remembers.

        The first time counts; who was told of memory later was told of it.
        """
        told = {"introduced_at": func.coalesce(PersonRow.introduced_at, at), "told_of_memory": of_memory}
        untold = or_(
            PersonRow.introduced_at.is_(None), *([PersonRow.told_of_memory.is_(False)] if of_memory else ())
        )
        tx.execute(update(PersonRow).where(PersonRow.did == did, untold).values(**told))

    def get(self, tx: Tx, who: str) -> Person:
        """The person of this DID or handle ('@' or not, upper or lower case).

        Raises UnknownPerson, with similar handles.
        """
        wanted = who.strip()
        handle = normalize_handle(wanted)
        found = None
        if DID.fullmatch(wanted):
            found = self.find(tx, wanted)
        elif handle is not None:
            same = select(*PERSON).where(PERSON.handle == handle).order_by(PERSON.last_seen.desc())
            row = tx.execute(same).mappings().first()
            found = Person(**row) if row else None
        if found is None:
            raise UnknownPerson(_with_suggestions(tx, wanted))
        return found

    def find(self, tx: Tx, did: str) -> Person | None:
        """The person of this DID; None if they never spoke to the bot."""
        row = tx.execute(OF_DID, {"who": did}).mappings().first()
        return Person(**row) if row else None

    def recent(self, tx: Tx, limit: int = 100) -> tuple[tuple[Person, int], ...]:
        """The people seen last, newest first, each with the number of notes that `Memory.recall` shows."""
        shown = select(func.count()).where(NOTE.did == PERSON.did, *ACTIVE, PERSON.status.is_(None))
        notes = shown.correlate(PersonRow).scalar_subquery().label("notes")
        ordered = select(*PERSON, notes).order_by(PERSON.last_seen.desc(), PERSON.did)
        return tuple(
            (Person(**{column.name: row[column] for column in PERSON}), row["notes"])
            for row in tx.execute(ordered.limit(limit)).mappings()
        )

    def idle(self, tx: Tx, before: datetime, limit: int | None = None) -> tuple[str, ...]:
        """The people who were silent since then, at most `limit`, the longest silent first; locked."""
        silent = select(PERSON.did).where(PERSON.last_seen < before).order_by(PERSON.last_seen, PERSON.did)
        return tuple(tx.scalars(silent.limit(limit).with_for_update(skip_locked=True)))

    def counts(self, tx: Tx) -> tuple[int, int]:
        """Of how many people notes are shown, and how many notes."""
        shown = select(func.count(NOTE.did.distinct()), func.count()).where(*ACTIVE, NOTE.did.not_in(HIDDEN))
        people, notes = tx.execute(shown).one()
        return people, notes

    def handles(self, tx: Tx, did: str) -> tuple[tuple[datetime, str], ...]:
        """Every handle this person had: (since, handle), oldest first."""
        mine = select(HandleRow.since, HandleRow.handle).where(HandleRow.did == did)
        return tuple((row.since, row.handle) for row in tx.execute(mine.order_by(HandleRow.since)))


def lock_person(tx: Tx, did: str) -> None:
    """Let nobody else edit this person's notes until the transaction ends. Raises UnknownPerson."""
    if tx.execute(select(PERSON.did).where(PERSON.did == did).with_for_update()).first() is None:
        raise UnknownPerson(did)


def _with_suggestions(tx: Tx, who: str) -> str:
    """What was asked for, with up to three similar handles."""
    recent = select(PERSON.handle).where(PERSON.handle.is_not(None)).order_by(PERSON.last_seen.desc())
    handles = list(tx.scalars(recent.limit(SUGGESTED_FROM)))
    wanted = who.removeprefix("@").lower()[:253]
    similar = [handle for handle in handles if handle.split(".")[0] == wanted.split(".")[0]]
    similar += [handle for handle in get_close_matches(wanted, handles) if handle not in similar]
    asked = repr(who[:80])
    return f"{asked}. Did you mean {', '.join(similar[:3])}?" if similar else f"{asked}."
