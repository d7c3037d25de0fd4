"""Whether people want to be remembered, as they said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.tables import Instant

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ROLES = (  # that bound transactions may take: also those of a database that was renamed or copied since
    "SELECT DISTINCT quote_ident(role.rolname) FROM pg_class AS class "
    "CROSS JOIN LATERAL aclexplode(class.relacl) AS entry JOIN pg_roles AS role ON role.oid = entry.grantee "
    "WHERE class.oid = to_regclass('note') AND starts_with(role.rolname, 'scrubjay_person')"
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
    for role in op.get_bind().scalars(sa.text(ROLES)).all():
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON memory_wish TO {role}")


def downgrade() -> None:
    op.drop_table("memory_wish")
