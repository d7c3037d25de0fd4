"""Row-level security on PostgreSQL, and the role that a transaction for one person takes.

A transaction whose setting `scrubjay.did` is empty sees every row, as before. If the role cannot be made, the
policies hold all the same for an owner of the tables who is no superuser; `scrubjay doctor` tells.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import ProgrammingError

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

PEOPLES = (
    *("block", "handle", "mention", "note", "passage", "person", "person_queue"),
    *("receipt", "revision", "shelf", "stop", "thread_stop", "turn"),
)
PARTS = {  # of a row of another table
    "note_shingle": "note.id = note_shingle.note_id",
    "outbox": "mention.uri = outbox.mention_uri",
}
NAMED = "answer_source"  # its rows are found by the mention's URI
TABLES = (*PEOPLES, *PARTS, NAMED)
FORGIVEN = ("42501", "42710", "2BP01")  # not permitted; there already; has rights in another database
SEQUENCES = ("note_id_seq", "passage_id_seq", "revision_id_seq", "turn_id_seq")
DID = "(SELECT coalesce(current_setting('scrubjay.did', true), ''))"  # a subquery: once a statement


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in PEOPLES:
        _protect(table, f"{DID} IN ('', did)")
    for table, same in PARTS.items():
        _protect(table, f"{DID} = '' OR EXISTS (SELECT FROM {same.split('.')[0]} WHERE {same})")
    _protect(NAMED, f"{DID} = '' OR starts_with(mention_uri, 'at://' || {DID} || '/')")
    role = _role()
    _try(f"CREATE ROLE {role} NOLOGIN")
    if _is_there():
        _try(f"GRANT {role} TO CURRENT_USER")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {role}")
        op.execute(f"GRANT USAGE ON SEQUENCE {', '.join(SEQUENCES)} TO {role}")
        _try(f"GRANT USAGE ON SCHEMA {_quoted('current_schema()')} TO {role}")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    if _is_there():
        op.execute(f"REVOKE ALL ON {', '.join(TABLES)} FROM {_role()}")
        op.execute(f"REVOKE ALL ON SEQUENCE {', '.join(SEQUENCES)} FROM {_role()}")
        _try(f"REVOKE ALL ON SCHEMA {_quoted('current_schema()')} FROM {_role()}")
        _try(f"DROP ROLE {_role()}")
    for table in TABLES:
        op.execute(f"DROP POLICY person ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")


def _protect(table: str, condition: str) -> None:
    op.execute(f"CREATE POLICY person ON {table} USING ({condition})")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")


def _role() -> str:
    """Roles are the server's, so each database has one of its own."""
    return _quoted("('scrubjay_person_' || current_database())::name")  # cut off as PostgreSQL cuts off names


def _is_there() -> bool:
    found = "SELECT count(*) FROM pg_roles WHERE quote_ident(rolname) = :role"
    return bool(op.get_bind().scalar(sa.text(found), {"role": _role()}))


def _quoted(name: str) -> str:
    return str(op.get_bind().scalar(sa.text(f"SELECT quote_ident({name})")))


def _try(statement: str) -> None:
    """Do it if the user may, and if it is not done already."""
    try:
        with op.get_bind().begin_nested():
            op.execute(statement)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in FORGIVEN:
            raise
