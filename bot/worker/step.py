"""The result of one step of a worker, and what may refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.domain.mention import Claim, State
    from memory.db import Tx

Check: TypeAlias = "Callable[[Tx], Step | None]"


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step: the mention's new state, the reason, and when the mention is due again.

    `claim`: the worker has claimed the next step with this one, for it is due at once.
    """

    state: State
    why: str | None = None
    due_at: datetime | None = None
    claim: Claim | None = None
