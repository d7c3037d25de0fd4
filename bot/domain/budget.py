"""What the reads for one mention may cost together. Values only: the reader spends it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ReadBudget:
    """`deadline`: in the event loop's time, in seconds. `bytes_left`: of all responses together."""

    deadline: float
    bytes_left: int

    def spend(self, count: int) -> bool:
        """Count received bytes. False if there are fewer left: then the budget is used up."""
        self.bytes_left -= count
        return self.bytes_left >= 0
