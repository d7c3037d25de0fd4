"""Points at which a test lets this process die, as a machine does that loses its power.

`CRASH_AT=drafted:3` in the environment kills the process (SIGKILL) when it passes the point `drafted` for the
third time. Without it a point is a call of an empty function.
"""

from __future__ import annotations

import os
import signal
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "CRASH_AT"
POINTS = (
    "migrated",  # the schema is new, and not committed
    "accepted",  # a mention is stored, its cursor is not
    "heard",  # a mention and its cursor are stored, and not committed
    "claimed",
    "admitted",  # its place among the limits is reserved
    "thought",  # the brain is done, and nothing is stored of it
    "drafted",
    "fixed",  # the bytes of a post are stored, and not sent
    "put",  # a post stands, and the database does not know
    "known",  # the ledger knows the answer, the database does not
    "marked",  # the database knows
    "erasing",  # the journal knows of an erasure, the database does not
    "backup",  # a backup is whole, and does not have its name yet
)


def _pass(_point: str) -> None:
    """No test is running."""


def _killer(point: str, times: int) -> Callable[[str], None]:
    passed = count(1)

    def reach(reached: str) -> None:
        if reached == point and next(passed) == times:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach


def _chosen(setting: str) -> Callable[[str], None]:
    point, _, times = setting.partition(":")
    if not point:
        return _pass
    if point not in POINTS:
        raise ValueError(f"{VARIABLE}: there is no crash point {point}. There are: {', '.join(POINTS)}")
    return _killer(point, int(times or 1))


reach = _chosen(os.environ.get(VARIABLE, ""))
