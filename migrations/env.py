"""Alembic runs this. `memory.db` passes the connection, locked and inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context

import bot.storage.tables  # noqa: F401 - registers its tables
from memory.tables import Base

if TYPE_CHECKING:
    from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, user_module_prefix="")
context.run_migrations()
