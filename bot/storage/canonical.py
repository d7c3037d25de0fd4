"""The one line that every mention leaves in the log when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot.domain.mention import State

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import Entry

log = structlog.get_logger()


def log_ended(entry: Entry) -> None:
    """Durations in milliseconds: heard to drafted, draft's due time to posted, heard to ended."""
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
