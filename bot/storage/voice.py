"""The bot's own last answers, as turn records have them, for `bot.domain.meters`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, select, true

from bot.domain.meters import LAST, Said, Voice, measure
from bot.domain.prompt import Trust
from bot.domain.turn import TurnOutcome
from bot.storage.tables import TurnRow

if TYPE_CHECKING:
    from datetime import datetime

    from memory.db import Tx

WEEK = timedelta(weeks=1)
WEEKS = 5  # turn records are kept for a month
HANDLE = "Their handle:\n> "  # it is no note
LOOKED_AT = 5 * LAST  # turns, of which some have no answer


def last(tx: Tx) -> Voice | None:
    """The last answers; None if no turn record has one."""
    return measure(_answers(tx, true()))


def by_week(tx: Tx, now: datetime) -> list[tuple[datetime, Voice]]:
    """The weeks that end now, a week ago, ..., by their beginning; without those of no answers."""
    weeks = [(now - number * WEEK, now - (number - 1) * WEEK) for number in range(1, WEEKS + 1)]
    found = [(begin, measure(_between(tx, begin, end))) for begin, end in weeks]
    return [(begin, one) for begin, one in found if one is not None]


def _between(tx: Tx, begin: datetime, end: datetime) -> list[Said]:
    return _answers(tx, and_(TurnRow.at > begin, TurnRow.at <= end))


def _answers(tx: Tx, which: Any) -> list[Said]:
    """The newest answers among these turns."""
    order = TurnRow.at.desc(), TurnRow.id.desc()
    looked_at = select(TurnRow.id).where(which).order_by(*order).limit(LOOKED_AT).subquery()
    answers = select(TurnRow.reply, TurnRow.told).join(looked_at, TurnRow.id == looked_at.c.id)
    kept = answers.where(TurnRow.outcome == TurnOutcome.REPLY, TurnRow.told.is_not(None))
    return [_said(row.reply, json.loads(row.told)) for row in tx.execute(kept.order_by(*order).limit(LAST))]


def _said(reply: str, told: Any) -> Said:
    memory = (section["text"] for section in told["sections"] if section["trust"] == Trust.MEMORY)
    lines = (
        line for text in memory for line in text.replace(HANDLE, "").split("\n") if line.startswith("> ")
    )
    return Said(reply, told["mention"]["text"], "\n".join(lines))
