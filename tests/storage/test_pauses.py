"""Pauses of several operators, or of one who is in a hurry."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from support.factory import NOW
from support.races import at_once, meet_after

from bot.storage import pauses
from bot.storage.tables import PauseRow


@pytest.mark.slow
def test_two_pauses_that_begin_at_once_do_not_overlap(db, monkeypatch):
    def begin():
        with db.write() as tx:
            pauses.begin(tx, NOW, NOW + timedelta(hours=1), ages=False)

    meet_after(monkeypatch, pauses, "end")
    at_once(begin, begin)

    with db.read() as tx:
        assert tx.scalar(select(func.count()).where(PauseRow.ended_at.is_(None))) == 1
