from __future__ import annotations

from datetime import timedelta

import pytest
from support.factory import NOW

from bot.domain.fairness import Turn, newcomers_first

EARLY, LATE = Turn(NOW - timedelta(hours=1), 0), Turn(NOW - timedelta(minutes=1), 0)
LATER = Turn(NOW + timedelta(hours=1), 0)
HELD = Turn(NOW + timedelta(hours=1), 0, held=True)


@pytest.mark.parametrize(
    ("regular", "newcomer", "lane", "first"),
    [
        (None, None, None, False),
        (EARLY, None, None, False),
        (None, EARLY, None, True),
        (LATE, EARLY, None, True),
        (EARLY, LATE, None, False),
        (LATE, EARLY, Turn(NOW, 5), False),  # a newcomer was served after the regular began to wait
        (LATE, EARLY, EARLY, True),
        (LATER, EARLY, LATE, True),  # it is not the regular's turn yet
        (None, EARLY, HELD, False),
        (None, EARLY, Turn(NOW, 0, held=True), True),  # until now, and no longer
        (EARLY, EARLY, None, False),  # of two who wait equally long the regular
        (None, EARLY, LATER, True),  # a clock was ahead when the last one was served
        (Turn(NOW, 2), Turn(NOW, 0), Turn(NOW, 1), True),
        (Turn(NOW, 1), Turn(NOW, 0), Turn(NOW, 2), False),
    ],
)
def test_newcomers_take_turns_with_regulars_as_one_person(regular, newcomer, lane, first):
    assert newcomers_first(regular, newcomer, lane, NOW) is first
