"""What waits for the reply that tells a person that they are remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

DID = "(SELECT coalesce(current_setting('scrubjay.did', true), ''))"
ROLES = (  # that bound transactions may take: also those of a database that was renamed or copied since
    "SELECT DISTINCT quote_ident(role.rolname) FROM pg_class AS class "
    "CROSS JOIN LATERAL aclexplode(class.relacl) AS entry JOIN pg_roles AS role ON role.oid = entry.grantee "
    "WHERE class.oid = to_regclass('note') AND starts_with(role.rolname, 'scrubjay_person')"
)
OF_THE_PERSON = f"{DID} = '' OR EXISTS (SELECT FROM mention WHERE mention.uri = introduction.mention_uri)"


def upgrade() -> None:
    op.create_table(
        "introduction",
        sa.Column("mention_uri", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("edits", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mention_uri"],
            ["mention.uri"],
            name=op.f("fk_introduction_mention_uri"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("mention_uri", name=op.f("pk_introduction")),
    )
    op.add_column(
        "person", sa.Column("told_of_memory", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
    if op.get_bind().dialect.name == "postgresql":
        _protect()


def downgrade() -> None:
    op.drop_column("person", "told_of_memory")
    op.drop_table("introduction")


def _protect() -> None:
    """Row-level security, and the rights of the roles of migration 0016."""
    op.execute(f"CREATE POLICY person ON introduction USING ({OF_THE_PERSON})")
    op.execute("ALTER TABLE introduction ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for role in op.get_bind().scalars(sa.text(ROLES)).all():
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON introduction TO {role}")
