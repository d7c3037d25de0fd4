"""How the bot is at one moment, and what follows from it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bot.domain.hearing import Hearing
    from bot.domain.meters import Voice
    from bot.storage.vitals import StoredVitals

STOPPING = "stopping"


class Check(StrEnum):
    """What readiness needs. STEPS alone decides whether the bot lives."""

    RUNNING = "running"
    STREAM = "stream"
    STEPS = "steps"
    DATABASE = "database"
    ACCOUNT = "account"


STARTING: Mapping[Check, str] = MappingProxyType(
    {check: "not started yet" for check in Check if check is not Check.STEPS}
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What was read of storage. `database_bytes` is None if nobody knows it; `free_bytes`: of `data_dir`.

    `voice`: how the last answers are; None if there are none.
    """

    vitals: StoredVitals
    database_bytes: int | None
    free_bytes: int
    voice: Voice | None = None


@dataclass(frozen=True, slots=True)
class Vitals:
    """`faults`: what each check that fails found, in words of code alone. Ages and spans in seconds.

    `hearing` is None without a stream, `stored` if the database could not be read in time. `accepted`: new
    mentions that this process stored. `day_money`: the limit, in millionths of a US dollar.
    """

    at: datetime
    faults: Mapping[Check, str]
    hearing: Hearing | None = None
    stillness: float = 0.0
    breaker_open: bool = False
    stored: Stored | None = None
    accepted: int = 0
    day_money: int | None = None
    brain: str = ""

    @property
    def alive(self) -> bool:
        return Check.STEPS not in self.faults

    @property
    def ready(self) -> bool:
        return not self.faults

    def summary(self) -> str:
        """One line: `ready`, or what is in the way."""
        if Check.RUNNING in self.faults:  # the others follow from it
            return f"not ready: {self.faults[Check.RUNNING]}"
        faults = "; ".join(f"{check}: {fault}" for check, fault in self.faults.items())
        return f"not ready: {faults}" if faults else "ready"
