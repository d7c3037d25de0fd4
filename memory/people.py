"""Who spoke to the bot: people by DID, with the handles they had. Reached through `memory.store`."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select, update

from memory.db import insert
from memory.errors import UnknownPerson
from memory.identifiers import normalize_handle
from memory.model import Person
from memory.rows.notes import ACTIVE, NOTE
from memory.tables import HandleRow, PersonRow

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx

DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
PERSON = PersonRow.__table__.c
HIDDEN = select(PERSON.did).where(PERSON.status.is_not(None))  # whose accounts are not active
NEAR_AMONG = 2000  # people whose handles are searched for a near one


class People:
    """The part of Memory that knows who is who."""

    def meet(self, tx: Tx, did: str, at: datetime) -> Person:
        """Remember that this person spoke to the bot at `at`; events may come in any order."""
        statement = insert(tx, PersonRow).values(did=did, first_seen=at, last_seen=at)
        new = statement.excluded
        first = case((new.first_seen < PersonRow.first_seen, new.first_seen), else_=PersonRow.first_seen)
        last = case((new.last_seen > PersonRow.last_seen, new.last_seen), else_=PersonRow.last_seen)
        tx.execute(
            statement.on_conflict_do_update(
                index_elements=["did"], set_={"first_seen": first, "last_seen": last}
            )
        )
        return self.person(tx, did)

    def rename(self, tx: Tx, did: str, handle: str, at: datetime) -> None:
        """Note that `did` goes by `handle` since `at`; older news than what is known changes nothing.

        Whoever had the handle before loses it: a handle may change owners. An invalid one is cleared.
        """
        found = tx.execute(select(PERSON.handle).where(PERSON.did == did).with_for_update()).one_or_none()
        known = tx.scalar(select(func.max(HandleRow.since)).where(HandleRow.did == did))
        tidy = normalize_handle(handle)
        if found is None or found.handle == tidy or (known is not None and known > at):
            return
        if tidy is not None:
            tx.execute(
                update(PersonRow).where(PersonRow.handle == tidy, PersonRow.did != did).values(handle=None)
            )
            statement = insert(tx, HandleRow).values(did=did, since=at, handle=tidy)
            tx.execute(
                statement.on_conflict_do_update(index_elements=["did", "since"], set_={"handle": tidy})
            )
        tx.execute(update(PersonRow).where(PersonRow.did == did).values(handle=tidy))

    def set_status(self, tx: Tx, did: str, status: str | None, at: datetime) -> bool:
        """Note that the account is not active since `at`, or (None) active again. False if newer is known.

        What is known of an account that is not active is hidden, not gone.
        """
        known = tx.scalar(select(PERSON.status_at).where(PERSON.did == did).with_for_update())
        if known is not None and known > at:
            return False
        tx.execute(update(PersonRow).where(PersonRow.did == did).values(status=status, status_at=at))
        return True

    def status(self, tx: Tx, did: str) -> str | None:
        """The status of an account that is not active; None for an active one, and for strangers."""
        return tx.scalar(select(PERSON.status).where(PERSON.did == did))

    def introduced(self, tx: Tx, did: str, at: datetime) -> None:
        """Note that this person was told that they speak with a bot that remembers. The first time counts."""
        tx.execute(
            update(PersonRow)
            .where(PersonRow.did == did, PersonRow.introduced_at.is_(None))
            .values(introduced_at=at)
        )

    def person(self, tx: Tx, who: str) -> Person:
        """The person of this DID or handle ('@' or not, upper or lower case).

        Raises UnknownPerson, with near handles.
        """
        wanted = who.strip()
        handle = normalize_handle(wanted)
        if DID.fullmatch(wanted):
            row = tx.execute(select(*PERSON).where(PERSON.did == wanted)).mappings().first()
        elif handle is not None:
            same = select(*PERSON).where(PERSON.handle == handle)
            row = tx.execute(same.order_by(PERSON.last_seen.desc())).mappings().first()
        else:
            row = None
        if row is None:
            raise UnknownPerson(_with_near(tx, wanted))
        return Person(**row)

    def people(self, tx: Tx, limit: int = 100) -> tuple[tuple[Person, int], ...]:
        """Everyone with the number of notes that `recall` shows of them, last seen first."""
        shown = select(func.count()).where(NOTE.did == PERSON.did, *ACTIVE, PERSON.status.is_(None))
        notes = shown.correlate(PersonRow).scalar_subquery().label("notes")
        ordered = select(*PERSON, notes).order_by(PERSON.last_seen.desc(), PERSON.did)
        return tuple(
            (Person(**{column.name: row[column] for column in PERSON}), row["notes"])
            for row in tx.execute(ordered.limit(limit)).mappings()
        )

    def handles(self, tx: Tx, did: str) -> tuple[tuple[datetime, str], ...]:
        """Every handle this person had: (since, handle), oldest first."""
        mine = select(HandleRow.since, HandleRow.handle).where(HandleRow.did == did)
        return tuple((row.since, row.handle) for row in tx.execute(mine.order_by(HandleRow.since)))


def _with_near(tx: Tx, who: str) -> str:
    recent = select(PERSON.handle).where(PERSON.handle.is_not(None)).order_by(PERSON.last_seen.desc())
    handles = list(tx.scalars(recent.limit(NEAR_AMONG)))
    wanted = who.removeprefix("@").lower()[:253]
    near = [handle for handle in handles if handle.split(".")[0] == wanted.split(".")[0]]
    near += [handle for handle in get_close_matches(wanted, handles) if handle not in near]
    asked = repr(who[:80])
    return f"{asked}. Did you mean {', '.join(near[:3])}?" if near else f"{asked}."
