"""The parts that need no network, opened from the settings: what the daemon, the chat and the CLI share."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

from bot.errors import SettingsError
from bot.prompt import persona
from bot.storage.ledger import Ledger
from memory.db import Database
from memory.search.embed import load
from memory.store import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from bot.config.settings import Settings
    from bot.prompt.persona import Persona


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
    """Raises MemoryFault if the encoder is not installed."""
    return Memory(settings.memory_limits, settings.block_tokens, load(settings.encoder))


def open_ledger(settings: Settings) -> Ledger:
    make_data_dir(settings)
    return Ledger(settings.data_dir / "ledger", clock)


def read_persona(path: Path | None) -> Persona:
    """The operator's persona, or the one that ships. Raises SettingsError with every problem in the file."""
    if path is None:
        return persona.parse(resources.files("bot.prompt").joinpath("persona.md").read_text("utf-8"))
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SettingsError(f"the persona {path} cannot be read: {reason}.") from error
    return persona.parse(text, str(path))
