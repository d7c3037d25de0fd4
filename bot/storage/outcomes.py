"""How a mention ends. Each outcome is logged in one line, after the commit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select, update

from bot.domain.mention import OPEN, State
from bot.storage import direct_messages, introductions, outbox, redaction
from bot.storage.mentions import update_claimed
from bot.storage.rows import to_entry
from bot.storage.tables import MentionRow
from memory.db import after_commit

log = structlog.get_logger()

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from bot.domain.mention import Claim, Entry
    from memory.db import Tx


def finish(tx: Tx, claim: Claim, state: State, why: str | None, now: datetime) -> None:
    """Record the outcome of a claimed mention. Only the operator's `mention retry` reopens it."""
    update_claimed(tx, claim, state=state, why=why, ended_at=now, due_at=None, worker=None)
    _end(tx, [claim.mention.uri])


def decline(tx: Tx, uri: str, why: str, now: datetime) -> bool:
    """Decline this mention if it is open. A worker on it loses its fence."""
    return bool(decline_where(tx, MentionRow.uri == uri, why, now))


def decline_all(tx: Tx, uris: Collection[str], why: str, now: datetime) -> int:
    """Decline those of these mentions that are open. Returns how many."""
    return decline_where(tx, MentionRow.uri.in_(uris), why, now)


def decline_where(tx: Tx, which: Any, why: str, now: datetime) -> int:
    """Decline all open mentions that match `which`. Returns how many."""
    ended = {"state": State.DECLINED, "why": why, "ended_at": now, "due_at": None, "worker": None}
    still_open = update(MentionRow).where(which, MentionRow.state.in_(OPEN))
    fenced = still_open.values(fence=MentionRow.fence + 1, **ended).returning(MentionRow.uri)
    uris = tx.execute(fenced).scalars().all()
    _end(tx, uris)
    return len(uris)


def _end(tx: Tx, uris: Sequence[str]) -> None:
    log_outcomes(tx, uris)
    introductions.drop(tx, uris)
    direct_messages.drop(tx, uris)
    redaction.erase_marked(tx, uris)


def log_outcomes(tx: Tx, uris: Iterable[str]) -> None:
    """Log the outcomes of these mentions, once the transaction is committed."""
    for uri in uris:
        row = tx.execute(select(MentionRow.__table__).where(MentionRow.uri == uri)).one()
        after_commit(tx, partial(_log_outcome, to_entry(row, outbox.parts(tx, row.uri))))


def _log_outcome(entry: Entry) -> None:
    """Durations are in milliseconds: stored to drafted, time to post to ended, stored to ended."""
    log.info(
        "mention.ended",
        uri=entry.mention.uri,
        state=entry.state,
        why=entry.why if entry.state is not State.SILENT else None,  # a brain may quote the person in it
        reason=entry.mention.reason,
        brain=entry.brain,
        model=entry.model,
        tokens_in=entry.tokens_in,
        tokens_out=entry.tokens_out,
        cost=entry.cost,
        attempts=entry.attempts,
        parts=len(entry.parts),
        drafted_ms=_ms(entry.seen_at, entry.drafted_at),
        posted_ms=_ms(entry.post_at, entry.ended_at),
        total_ms=_ms(entry.seen_at, entry.ended_at),
    )


def _ms(start: datetime | None, end: datetime | None) -> int | None:
    return round((end - start).total_seconds() * 1000) if start and end else None
