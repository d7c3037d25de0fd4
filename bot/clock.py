"""The clock. It is passed to everything that needs the time, so that a test can set it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Clock: TypeAlias = "Callable[[], datetime]"


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)
