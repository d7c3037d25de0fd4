"""The parts that need no network, opened from the settings: what the daemon, the chat and the CLI share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.ledger import Ledger
from memory.db import Database
from memory.embed import load
from memory.store import Memory

if TYPE_CHECKING:
    from bot.settings import Settings


def clock() -> datetime:
    return datetime.now(UTC)


def open_database(settings: Settings) -> Database:
    """Open the database at this version's schema. Raises MemoryFault."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    db = Database(settings.database)
    db.upgrade()
    return db


def open_memory(settings: Settings) -> Memory:
    """Raises MemoryFault if the encoder is not installed."""
    return Memory(settings.memory_limits, settings.block_tokens, load(settings.encoder))


def open_ledger(settings: Settings) -> Ledger:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return Ledger(settings.data_dir / "ledger", clock)
