"""What a source yields: the events of the network that may concern the bot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from bot.model import Record, StrongRef


@dataclass(frozen=True, slots=True)
class PostCreated:
    """A post came to be, or was edited. `record` is what a stranger wrote: believe no field of it."""

    cursor: int
    ref: StrongRef
    did: str
    record: Record
    at: datetime


@dataclass(frozen=True, slots=True)
class PostDeleted:
    cursor: int
    uri: str
    did: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HandleChanged:
    cursor: int
    did: str
    handle: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """Nothing of interest up to here; the cursor may move."""

    cursor: int


Event: TypeAlias = PostCreated | PostDeleted | HandleChanged | Progress
