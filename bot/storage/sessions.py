"""The account's session in the database, so that a restart needs no new login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.storage.tables import SessionRow
from memory.db import insert

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx


def load(tx: Tx, account: str) -> str | None:
    """The stored session string of this handle or DID."""
    return tx.execute(select(SessionRow.session).where(SessionRow.account == account)).scalar_one_or_none()


def save(tx: Tx, account: str, session: str, at: datetime) -> None:
    """Replace the stored session string by this one. It is a secret."""
    row = insert(tx, SessionRow).values(account=account, session=session, at=at)
    tx.execute(row.on_conflict_do_update(index_elements=["account"], set_={"session": session, "at": at}))
