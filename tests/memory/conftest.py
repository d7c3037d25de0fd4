from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.memory_people import ALICE, BOB, MEMORY, NOW

if TYPE_CHECKING:
    from memory.db import Database


@pytest.fixture
def known(db: Database) -> Database:
    """A database in which Alice and Bob were met."""
    with db.write() as tx:
        MEMORY.people.meet(tx, ALICE, NOW)
        MEMORY.people.meet(tx, BOB, NOW)
    return db
