"""What waits for a time that only a clock meant which was ahead, and was set back since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, select, update

from bot.clock import STEP
from bot.domain.mention import ACTIVE, State
from bot.domain.pacing import LATE
from bot.storage.jobs import JobKind
from bot.storage.tables import JobRow, MentionRow, PersonQueueRow, SpendRow

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from memory.db import Tx


def are_ahead(tx: Tx, now: datetime) -> bool:
    """Whether a mention waits that was seen later than now."""
    seen = select(MentionRow.uri).where(MentionRow.due_at > now, MentionRow.seen_at > now + STEP)
    return tx.execute(seen.limit(1)).first() is not None


def end_all(tx: Tx, now: datetime, lease: timedelta) -> int:
    """Let nothing wait any longer, as nobody knows what was to come later by the right clock.

    What a worker holds is left to it for a `lease`. A draft plans its time to post anew. An account that was
    deleted has its grace by the time of the network, and keeps it. Returns how many mentions waited.
    """
    held, is_held = now + lease, MentionRow.state.in_(ACTIVE)
    sooner = case((MentionRow.due_at < held, MentionRow.due_at), else_=held)
    missed = case((MentionRow.state != State.DRAFTED, MentionRow.post_at), else_=now - 2 * LATE)
    seen = case((MentionRow.seen_at < now, MentionRow.seen_at), else_=now)
    times = {"due_at": case((is_held, sooner), else_=now), "post_at": missed, "seen_at": seen}
    ended = tx.execute(update(MentionRow).where(MentionRow.due_at > now).values(**times)).rowcount
    of_anybody = PersonQueueRow.held.in_((False, True))  # by the index, which begins with it
    tx.execute(update(PersonQueueRow).where(of_anybody, PersonQueueRow.turn_at > now).values(turn_at=now))
    tx.execute(update(SpendRow).where(SpendRow.at > now).values(at=now))  # or it counts until its day is over
    tx.execute(update(JobRow).where(JobRow.due_at > now, JobRow.kind != JobKind.PURGE).values(due_at=now))
    return ended
