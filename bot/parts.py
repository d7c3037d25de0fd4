"""The parts that need no network, opened from the settings: what the daemon, the chat and the CLI share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.ledger import Ledger
from memory.db import Database
from memory.store import Memory

if TYPE_CHECKING:
    from bot.settings import Settings


def clock() -> datetime:
    return datetime.now(UTC)


def open_database(settings: Settings) -> Database:
    """Open the database at this version's schema. Raises MemoryFault."""
    make_data_dir(settings)
    db = Database(settings.database)
    db.upgrade()
    return db


def make_data_dir(settings: Settings) -> None:
    """What people said, and the account's session, are the operator's eyes only."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


def open_memory(settings: Settings) -> Memory:
    return Memory(settings.memory_limits, settings.block_tokens)


def open_ledger(settings: Settings) -> Ledger:
    make_data_dir(settings)
    return Ledger(settings.data_dir / "ledger", clock)
