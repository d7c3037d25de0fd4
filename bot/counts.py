"""What this process counts for its metrics. Whoever counts needs no part passed in, as with loggers.

Labels come from small sets that code names: no label holds a DID, a handle or a word of a person.
"""

from __future__ import annotations

from collections import Counter
from threading import Lock


class Tally:
    """A count for each combination of labels, from 0 at start. Threads may add at the same time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[str, ...]] = Counter()

    def add(self, *labels: str) -> None:
        with self._lock:
            self._counts[labels] += 1

    def items(self) -> list[tuple[tuple[str, ...], int]]:
        with self._lock:
            return sorted(self._counts.items())


ENDED = Tally()  # mentions: outcome, kind of reason
DELAYED = Tally()  # mentions that a limit made wait: the limit
WRITES = Tally()  # to the PDS: operation, result
WAKEUPS = Tally()  # from other processes: TOLD, or LOST if the connection for it was
TOLD, LOST = "told", "lost"
