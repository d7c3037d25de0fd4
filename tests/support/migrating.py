"""Migrations step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command

from memory import schema

if TYPE_CHECKING:
    from memory.db import Database


def migrate(db: Database, direction: str) -> None:
    """Upgrade to `head`, or downgrade to the revision `direction`."""
    with db.write() as tx:
        config = schema.config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head") if direction == "head" else command.downgrade(config, direction)
