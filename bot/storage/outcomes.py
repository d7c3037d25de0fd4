"""How a mention ends: with its outcome goes the one line that the log has of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update

from bot.domain.mention import OPEN, State
from bot.storage.canonical import log_ended
from bot.storage.mentions import owned
from bot.storage.rows import to_entry
from bot.storage.tables import MentionRow, OutboxRow
from memory.db import after_commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from bot.domain.mention import Claim
    from memory.db import Tx


def finish(tx: Tx, claim: Claim, state: State, why: str | None, now: datetime) -> None:
    """Record the outcome. There is no way back but the operator's `mention retry`."""
    owned(tx, claim, state=state, why=why, ended_at=now, due_at=None, worker=None)
    tell(tx, [claim.mention.uri])


def decline(tx: Tx, uri: str, why: str, now: datetime) -> bool:
    """End what is still open about this mention. A worker on it loses its fence."""
    return bool(decline_where(tx, MentionRow.uri == uri, why, now))


def decline_where(tx: Tx, which: Any, why: str, now: datetime) -> int:
    """End all that is still open of `which`."""
    ended = {"state": State.DECLINED, "why": why, "ended_at": now, "due_at": None, "worker": None}
    still_open = update(MentionRow).where(which, MentionRow.state.in_(OPEN))
    fenced = still_open.values(fence=MentionRow.fence + 1, **ended).returning(MentionRow.uri)
    uris = tx.execute(fenced).scalars().all()
    tell(tx, uris)
    return len(uris)


def scrub(tx: Tx, uris: list[str], pseudonym: Callable[[str], str], now: datetime) -> None:
    """Take everything personal out of these mentions. Outcomes stay countable under `pseudonym(uri)`."""
    decline_where(tx, MentionRow.uri.in_(uris), "forgotten", now)
    tx.execute(delete(OutboxRow).where(OutboxRow.mention_uri.in_(uris)))
    nobody: dict[str, Any] = dict.fromkeys(("cid", "text", "langs", "root_uri", "root_cid"), "")
    nobody |= dict.fromkeys(("parent_uri", "parent_cid", "command", "worker", "rev"))
    for uri in uris:
        name = pseudonym(uri)
        tx.execute(update(MentionRow).where(MentionRow.uri == uri).values(uri=name, did=name, **nobody))


def tell(tx: Tx, uris: Iterable[str]) -> None:
    """Tell of these ends in the log, as they are now, once they are committed."""
    for uri in uris:
        row = tx.execute(select(MentionRow.__table__).where(MentionRow.uri == uri)).one()
        after_commit(tx, partial(log_ended, to_entry(tx, row)))
