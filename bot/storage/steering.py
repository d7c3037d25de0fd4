"""What the operator can do with a mention: try it again, or decline it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from bot.domain.mention import ACTIVE, OPEN, State
from bot.errors import NotFound
from bot.storage import outcomes
from bot.storage.consent import withdraw
from bot.storage.queue import enqueue
from bot.storage.tables import MentionRow
from bot.storage.views import entry

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx


def retry(tx: Tx, uri: str, now: datetime) -> None:
    """Try a mention again at once. Its age counts from now.

    Raises NotFound if it was answered, is claimed, has a draft that is held, or its text was erased.
    """
    found = entry(tx, uri)
    if found.merged_into:
        raise NotFound(f"reason to try again: {uri} ended in the turn of {found.merged_into}. Try that one.")
    if found.state in (State.ANSWERED, *ACTIVE) or not found.mention.ref.cid:  # a forgotten one has no CID
        raise NotFound(f"reason to try again: {uri} is {found.state}.")
    if found.is_held:
        raise NotFound(f"reason to try again: {uri} has a draft, which waits for `scrubjay post approve`.")
    state = State.DRAFTED if found.parts else State.WAITING
    enqueue(tx, found.mention.did, now)
    _set(
        tx, uri, state=state, due_at=now, ended_at=None, why=None, attempts=0, post_failures=0, retried_at=now
    )


def skip(tx: Tx, uri: str, now: datetime, why: str) -> None:
    """Decline a mention that is still open, or that failed. Raises NotFound if it is neither."""
    found = entry(tx, uri)
    if found.state not in (*OPEN, State.FAILED):
        raise NotFound(f"open mention {uri}: it is {found.state} already.")
    withdraw(tx, [uri], now)
    outcomes.decline_where(tx, MentionRow.uri == uri, why, now, among=(*OPEN, State.FAILED))


def _set(tx: Tx, uri: str, **values: object) -> None:
    """Change columns of the mention. A worker on it loses its fence."""
    fenced = update(MentionRow).where(MentionRow.uri == uri).values(fence=MentionRow.fence + 1, **values)
    tx.execute(fenced)
