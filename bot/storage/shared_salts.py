"""The salts of ledger and journal in the database, so that each machine can read the lines of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.storage.tables import ErasureSaltRow, LedgerSaltRow
from memory.db import insert, lock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from memory.db import Tx

SaltRow = type[ErasureSaltRow] | type[LedgerSaltRow]
LOCKS: dict[SaltRow, str] = {ErasureSaltRow: "journal", LedgerSaltRow: "ledger"}


def read(tx: Tx, table: SaltRow) -> list[str]:
    """The salts that are there, the one to hash with first."""
    return list(tx.scalars(select(table.salt).order_by(table.id)))


def share(tx: Tx, table: SaltRow, salts: Iterable[str]) -> list[str]:
    """Write those that are not there yet, one machine at a time. Returns all that are there then."""
    lock(tx, LOCKS[table])
    known = read(tx, table)
    for salt in salts:
        if salt not in known:
            known.append(salt)
            tx.execute(insert(tx, table).values(id=len(known), salt=salt))
    return known
