"""Direct messages that answer a mention, until it ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

DID = "(SELECT coalesce(current_setting('scrubjay.did', true), ''))"
ROLES = (  # that bound transactions may take: also those of a database that was renamed or copied since
    "SELECT DISTINCT quote_ident(role.rolname) FROM pg_class AS class "
    "CROSS JOIN LATERAL aclexplode(class.relacl) AS entry JOIN pg_roles AS role ON role.oid = entry.grantee "
    "WHERE class.oid = to_regclass('note') AND starts_with(role.rolname, 'scrubjay_person')"
)
OF_THE_PERSON = f"{DID} = '' OR EXISTS (SELECT FROM mention WHERE mention.uri = direct_message.mention_uri)"


def upgrade() -> None:
    op.create_table(
        "direct_message",
        sa.Column("mention_uri", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("sent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mention_uri"],
            ["mention.uri"],
            name=op.f("fk_direct_message_mention_uri"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("mention_uri", "number", name=op.f("pk_direct_message")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _protect()


def downgrade() -> None:
    op.drop_table("direct_message")


def _protect() -> None:
    """Row-level security, and the rights of the roles of migration 0016."""
    op.execute(f"CREATE POLICY person ON direct_message USING ({OF_THE_PERSON})")
    op.execute("ALTER TABLE direct_message ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    for role in op.get_bind().scalars(sa.text(ROLES)).all():
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON direct_message TO {role}")
