"""Whether people want to be remembered, as they said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.tables import Instant

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ROLE = (
    "SELECT quote_ident(rolname) FROM pg_roles "
    "WHERE rolname = ('scrubjay_person_' || current_database())::name"
)


def upgrade() -> None:
    op.create_table(
        "memory_wish",
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("did", name=op.f("pk_memory_wish")),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    did = "(SELECT coalesce(current_setting('scrubjay.did', true), ''))"  # as in 0016
    op.execute(f"CREATE POLICY person ON memory_wish USING ({did} IN ('', did))")
    op.execute("ALTER TABLE memory_wish ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    if role := op.get_bind().scalar(sa.text(ROLE)):
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON memory_wish TO {role}")


def downgrade() -> None:
    op.drop_table("memory_wish")
