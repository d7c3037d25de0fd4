"""What people deny: that a model is shown their words, that vectors are made of them. `Memory.denials`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select

from memory.db import insert
from memory.model import Denied
from memory.row_security import for_person
from memory.rows import passages
from memory.tables import DenialRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from memory.db import Tx

DENIAL = DenialRow.__table__.c
DENIED_INFERENCE = select(DENIAL.did).where(DENIAL.inference)
DENY_VECTORS = select(DENIAL.did).where(DENIAL.did.in_(bindparam("dids", expanding=True)), DENIAL.embedding)
OF_PERSON = select(DENIAL.inference, DENIAL.embedding).where(DENIAL.did == bindparam("who"))
NOTHING = Denied()


class Denials:
    """Stores who denies what, and obeys as far as memory can: it keeps no vectors of who denies them."""

    @for_person
    def get(self, tx: Tx, did: str) -> Denied:
        row = tx.execute(OF_PERSON, {"who": did}).first()
        return Denied(*row) if row else NOTHING

    @for_person
    def put(self, tx: Tx, did: str, denied: Denied) -> None:
        """Store what this person denies from now on. If that is vectors, erase those that there are."""
        if denied == NOTHING:
            tx.execute(delete(DenialRow).where(DENIAL.did == did))
            return
        values = {"inference": denied.inference, "embedding": denied.embedding}
        row = insert(tx, DenialRow).values(did=did, **values)
        tx.execute(row.on_conflict_do_update(index_elements=["did"], set_=values))
        if denied.embedding:
            passages.erase_vectors(tx, did)


def without_vectors(tx: Tx, dids: Collection[str]) -> frozenset[str]:
    """Those of these people of whose words no vectors may be made."""
    return frozenset(tx.scalars(DENY_VECTORS, {"dids": list(dids)}))
