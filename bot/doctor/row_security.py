"""Check whether row-level security holds for the database's user."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

import bot.storage.tables  # noqa: F401 - registers its tables
from bot.doctor.check import Check
from memory.db import Database
from memory.row_security import role_of
from memory.tables import tables_of_people

if TYPE_CHECKING:
    from bot.config.settings import Settings
    from memory.db import Tx

NAME = "row security"
NOBODY = "did:plc:nobody"
PASSES_ALL = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
NAMES = text(
    "SELECT quote_ident(('scrubjay_person_' || current_database())::name), quote_ident(current_user), "
    "quote_ident(current_schema())"
)


def check_row_security(settings: Settings) -> Check:
    """Look whether a transaction for one person is shown others' rows, if a statement asks for all."""
    with closing(Database(settings.database)) as db:
        if db.is_sqlite:
            return Check(NAME, ok=True, detail="SQLite has none: every statement names its person")
        with db.read(NOBODY) as tx:
            role = role_of(tx)
            passed = [name for name in _tables() if not _holds(tx, name)]
        if not passed:
            detail = f"holds, as the role {role}" if role else "holds: the user passes no policy"
            return Check(NAME, ok=True, detail=detail)
        with db.read() as tx:
            mend = _made_by_hand(tx) if role is None and tx.scalar(PASSES_ALL) else _switched_on(passed)
    detail = f"the database's user passes the policies of {', '.join(passed)}"
    return Check(NAME, ok=False, detail=detail, mend=mend)


def _tables() -> list[str]:
    return sorted(table.name for table in tables_of_people())


def _holds(tx: Tx, table: str) -> bool:
    return bool(tx.scalar(select(func.row_security_active(table))))


def _switched_on(tables: list[str]) -> str:
    return " ".join(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;" for table in tables
    )


def _made_by_hand(tx: Tx) -> str:
    """What makes the role, for a superuser who is connected to this database."""
    role, user, schema = tx.execute(NAMES).one()
    return (
        f"as a superuser, in this database: CREATE ROLE {role} NOLOGIN; GRANT {role} TO {user}; "
        f"GRANT USAGE ON SCHEMA {schema} TO {role}; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(_tables())} TO {role}; "
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}; "
        "then start scrubjay again"
    )
