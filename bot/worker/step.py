"""What one step of a worker came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import State


@dataclass(frozen=True, slots=True)
class Step:
    """What one worker's turn came to: the mention's new state, why, and when it falls due again."""

    state: State
    why: str | None = None
    due_at: datetime | None = None
