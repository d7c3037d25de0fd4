"""Alembic runs this. `memory.db` passes the connection, locked and inside a transaction.

`Base` has the tables that were imported before: `bot.storage.tables` adds those of the bot. So memory imports
nothing of the bot, and can be upgraded without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context

from memory.tables import Base

if TYPE_CHECKING:
    from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, user_module_prefix="")
context.run_migrations()
