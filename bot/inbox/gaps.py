"""Stretches of a stream in which something may have been missed, and whom that may concern."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from bot.inbox import errands
from bot.inbox.errands import ErrandKind
from bot.model import OPEN
from bot.tables import BlockRow, ErrandRow, GapRow, MentionRow
from memory.tables import PersonRow

if TYPE_CHECKING:
    from datetime import datetime

    from bot.events import Gap
    from memory.db import Tx


def open_gap(tx: Tx, gap: Gap, now: datetime) -> bool:
    """Record it, and ask for a look at everybody of whom something is held. False if it was known."""
    same = (GapRow.host == gap.host, GapRow.since == gap.since, GapRow.until == gap.until)
    known = select(GapRow.id).where(*same, GapRow.reason == gap.why, GapRow.closed_at.is_(None))
    if tx.execute(known).first() is not None:
        return False
    tx.execute(insert(GapRow).values(host=gap.host, since=gap.since, until=gap.until, reason=gap.why, at=now))
    for did in people(tx):
        errands.add(tx, ErrandKind.RECHECK, did, now)
    return True


def close_gaps(tx: Tx, since: datetime, now: datetime) -> int:
    """Close the gaps from before `since`, when notifications were read, if all their people were seen."""
    asked = select(func.min(ErrandRow.at)).where(ErrandRow.kind == ErrandKind.RECHECK)
    oldest = tx.execute(asked).scalar()
    before = min(since, oldest) if oldest else since
    healed = update(GapRow).where(GapRow.closed_at.is_(None), GapRow.at < before)
    return tx.execute(healed.values(closed_at=now)).rowcount


def open_gaps(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).where(GapRow.closed_at.is_(None))).scalar_one())


def people(tx: Tx) -> list[str]:
    """Everybody with memory or with an open mention."""
    waiting = select(MentionRow.did).where(MentionRow.state.in_(OPEN))
    return list(tx.execute(select(PersonRow.did).union(waiting)).scalars())


def posts(tx: Tx) -> list[str]:
    """Records that matter by themselves, beside all those of the people: threads, words of others, blocks."""
    roots = select(MentionRow.root_uri).where(MentionRow.root_uri.not_in(("", MentionRow.uri)))
    stranger = MentionRow.did.not_in(select(PersonRow.did))
    words = select(MentionRow.uri).where(stranger, MentionRow.text != "")
    return list(tx.execute(roots.union(words, select(BlockRow.uri))).scalars())
