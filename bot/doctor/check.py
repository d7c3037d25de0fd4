"""What a check is, and how it is run: whatever it raises becomes its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import ScrubjayError
from memory.errors import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.config.settings import Settings

UPGRADE_ADVICE = "scrubjay db upgrade"
ACCOUNT_ADVICE = "set SCRUBJAY_HANDLE and SCRUBJAY_PASSWORD (an app password); `scrubjay run` tells how"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `mend` says what to do if it is not `ok`."""

    name: str
    ok: bool
    detail: str
    mend: str | None = None


def run_check(name: str, check: Callable[[Settings], Check], settings: Settings, mend: str) -> Check:
    """Run the check. An exception becomes a failed check."""
    try:
        return check(settings)
    except Exception as error:  # noqa: BLE001 - becomes the result
        return Check(name, ok=False, detail=describe(error), mend=mend)


def describe(error: Exception) -> str:
    """The error in one line. Of a library's only the first: SQLAlchemy shows parameters below it."""
    if isinstance(error, ScrubjayError | MemoryFault):
        return " ".join(str(error).split())
    message = str(error).split("\n")[0] or "no answer in time"
    return f"{type(error).__name__}: {message}"
