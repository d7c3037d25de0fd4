"""Time that passes for a harness: the worker works whenever something is due."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from bot.storage.tables import MentionRow


def live(harness, seconds, *, whole=False):
    """Let so much time pass. With `whole`, the worker looks at whole seconds only, and is a little late."""
    until = harness.clock() + timedelta(seconds=seconds)
    while (due := _next_due(harness)) is not None and due <= until:
        at = due.replace(microsecond=0) + timedelta(seconds=1) if whole else due
        harness.clock.now = max(harness.clock(), at)
        harness.work(50)
    harness.clock.now = max(harness.clock(), until)


def _next_due(harness):
    with harness.services.db.read() as tx:
        return tx.execute(select(func.min(MentionRow.due_at))).scalar()
