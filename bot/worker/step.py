"""The result of one step of a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.mention import State


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step: the mention's new state, the reason, and when the mention is due again."""

    state: State
    why: str | None = None
    due_at: datetime | None = None
