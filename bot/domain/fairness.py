"""Whose waiting mention is next: people take turns, and all newcomers together count as one person. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """Since when it is somebody's turn, and how often it was before. `held`: before then it must not be."""

    at: datetime
    served: int
    held: bool = field(default=False, compare=False)


def newcomers_first(regular: Turn | None, newcomer: Turn | None, lane: Turn | None, now: datetime) -> bool:
    """Whether the next newcomer is served before the next regular.

    `regular` and `newcomer` are the earliest turns of those who wait. `lane` is the turn of all newcomers,
    which moves behind all others when one of them was served.
    """
    if newcomer is None or (lane is not None and lane.held and lane.at > now):
        return False
    if regular is None or regular.at > now:
        return True
    return (max(newcomer, lane) if lane else newcomer) < regular
