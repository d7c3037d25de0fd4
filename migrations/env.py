"""Alembic's entry. `memory.db` hands over the connection, locked and inside its transaction.

`Base` knows the tables of whoever imported theirs: `bot.storage.tables` adds the bot's. So memory imports
nothing of the bot, and is upgraded without it.
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
