"""A backup of a database of any kind, and its restoration."""

from __future__ import annotations

from bot.storage import tables
from memory.tables import Base

assert tables.MentionRow.metadata is Base.metadata


def backup(db):
    """Every row of every table."""
    with db.read() as tx:
        return {
            table: [dict(row) for row in tx.execute(table.select()).mappings()]
            for table in Base.metadata.sorted_tables
        }


def restore(db, rows):
    """What the tables had then, and nothing else."""
    with db.write() as tx:
        for table in reversed(rows):
            tx.execute(table.delete())
        for table, held in rows.items():
            if held:
                tx.execute(table.insert(), held)
