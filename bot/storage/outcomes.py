"""How a mention ends. Each outcome is logged in one line, after the commit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import update

from bot.counts import ENDED
from bot.domain.mention import OPEN, State
from bot.domain.reasons import kind_of_reason
from bot.storage import claimed, direct_messages, introductions, redaction
from bot.storage.rows import to_entry
from bot.storage.tables import MentionRow
from memory.db import after_commit

log = structlog.get_logger()

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy import Row

    from bot.domain.mention import Claim, Entry
    from memory.db import Tx


def finish(tx: Tx, claim: Claim, state: State, why: str | None, now: datetime) -> None:
    """Record the outcome of a claimed mention. Only the operator's `mention retry` reopens it."""
    _end(tx, [claimed.end(tx, claim, state=state, why=why, ended_at=now, due_at=None, worker=None)])


def decline(tx: Tx, uri: str, why: str, now: datetime) -> bool:
    """Decline this mention if it is open. A worker on it loses its fence."""
    return bool(decline_where(tx, MentionRow.uri == uri, why, now))


def decline_all(tx: Tx, uris: Collection[str], why: str, now: datetime) -> int:
    """Decline those of these mentions that are open. Returns how many."""
    return decline_where(tx, MentionRow.uri.in_(uris), why, now)


def decline_where(tx: Tx, which: Any, why: str, now: datetime, *, among: Collection[State] = OPEN) -> int:
    """Decline all mentions that match `which` and are in one of these states. Returns how many."""
    ended = {"state": State.DECLINED, "why": why, "ended_at": now, "due_at": None, "worker": None}
    still_open = update(MentionRow).where(which, MentionRow.state.in_(among))
    fenced = still_open.values(fence=MentionRow.fence + 1, **ended).returning(*claimed.ENDING)
    rows = tx.execute(fenced).all()
    _end(tx, rows)
    return len(rows)


def merge_all(tx: Tx, uris: Collection[str], into: str, now: datetime) -> None:
    """Let these waiting mentions end in the turn of another one."""
    ended = {"state": State.MERGED, "merged_into": into, "why": None, "ended_at": now, "due_at": None}
    waiting = update(MentionRow).where(MentionRow.uri.in_(uris), MentionRow.state == State.WAITING)
    merged = waiting.values(fence=MentionRow.fence + 1, worker=None, **ended)
    _end(tx, tx.execute(merged.returning(*claimed.ENDING)).all())


def _end(tx: Tx, rows: Sequence[Row[Any]]) -> None:
    """Log and count the outcomes, and drop what ended mentions need no more. `rows`: with `ENDING`."""
    for row in rows:
        after_commit(tx, partial(_log_outcome, to_entry(row, ()), row.parts))
    if waiting := [row.uri for row in rows if row.introduces]:
        introductions.drop(tx, waiting)
    if unsent := [row.uri for row in rows if row.messages]:
        direct_messages.drop(tx, unsent)
    redaction.erase_marked(tx, [row.uri for row in rows if row.answer_forgotten or row.hidden_root])


def _log_outcome(entry: Entry, parts: int) -> None:
    """Durations are in milliseconds: stored to drafted, time to post to ended, stored to ended."""
    ENDED.add(entry.state, kind_of_reason(entry.state, entry.why))
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
        parts=parts,
        drafted_ms=_ms(entry.seen_at, entry.drafted_at),
        posted_ms=_ms(entry.post_at, entry.ended_at),
        total_ms=_ms(entry.seen_at, entry.ended_at),
    )


def _ms(start: datetime | None, end: datetime | None) -> int | None:
    return round((end - start).total_seconds() * 1000) if start and end else None
