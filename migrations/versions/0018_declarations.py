"""What people declare about AI, and whether they block the bot: when it was read, and what it was.

On PostgreSQL both tables have the policy and the rights of the other tables of people (0016).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = ("denial", "stance")
DID = "(SELECT coalesce(current_setting('scrubjay.did', true), ''))"  # a subquery: once a statement


def upgrade() -> None:
    op.create_table(
        "denial",
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("inference", sa.Boolean(), nullable=False),
        sa.Column("embedding", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("did", name=op.f("pk_denial")),
    )
    op.create_table(
        "stance",
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("statements", sa.Text(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocks", sa.Boolean(), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("blocks_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("did", name=op.f("pk_stance")),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        op.execute(f"CREATE POLICY person ON {table} USING ({DID} IN ('', did))")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for role in _roles():
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {role}")


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _roles() -> list[str]:
    """The roles of bound transactions that have rights here (0016)."""
    found = (
        "SELECT DISTINCT quote_ident(role.rolname) FROM pg_class AS class "
        "CROSS JOIN LATERAL aclexplode(class.relacl) AS entry "
        "JOIN pg_roles AS role ON role.oid = entry.grantee "
        "WHERE class.oid = to_regclass('note') AND starts_with(role.rolname, 'scrubjay_person')"
    )
    return list(op.get_bind().scalars(sa.text(found)).all())
