from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import StatementError
from support.memory_people import ALICE, NOW, later

from memory.store import Memory

if TYPE_CHECKING:
    from memory.db import Database


def test_times_come_back_aware_and_exact(db: Database):
    at = later(0.123456).replace(microsecond=123456)
    with db.write() as tx:
        Memory().people.meet(tx, ALICE, at)
        assert Memory().people.get(tx, ALICE).last_seen == at
        assert Memory().people.get(tx, ALICE).last_seen.isoformat() == at.isoformat()


def test_a_time_without_a_zone_is_refused(db: Database):
    with db.write() as tx, pytest.raises(StatementError, match="without a zone"):
        Memory().people.meet(tx, ALICE, NOW.replace(tzinfo=None))
