"""What the operator does to a mention by hand: try it again, or leave it unanswered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from bot.domain.mention import ACTIVE, OPEN, State
from bot.errors import NotFound
from bot.storage.outcomes import tell
from bot.storage.tables import MentionRow
from bot.storage.views import entry

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx


def retry(tx: Tx, uri: str, now: datetime) -> None:
    """Let a mention be tried again at once, as if it had just been heard.

    Raises NotFound if it was answered, or is being served.
    """
    found = entry(tx, uri)
    if found.state in (State.ANSWERED, *ACTIVE) or not found.mention.ref.cid:  # a forgotten one has no CID
        raise NotFound(f"reason to try again: {uri} is {found.state}.")
    state = State.DRAFTED if found.parts else State.WAITING
    _set(tx, uri, state=state, due_at=now, ended_at=None, why=None, attempts=0, retried_at=now)


def skip(tx: Tx, uri: str, now: datetime, why: str) -> None:
    """Decline a mention that is still open, or that failed. Raises NotFound if it is neither."""
    found = entry(tx, uri)
    if found.state not in (*OPEN, State.FAILED):
        raise NotFound(f"open mention {uri}: it is {found.state} already.")
    _set(tx, uri, state=State.DECLINED, due_at=None, ended_at=now, why=why, worker=None)
    tell(tx, [uri])


def _set(tx: Tx, uri: str, **values: object) -> None:
    """Take the mention from whoever has it, and set it."""
    fenced = update(MentionRow).where(MentionRow.uri == uri).values(fence=MentionRow.fence + 1, **values)
    tx.execute(fenced)
