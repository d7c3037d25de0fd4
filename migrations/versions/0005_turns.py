"""Turn records: the prompt, the tool calls, the reply and the cost of each turn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.tables import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "turn",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.Column("brain", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("persona", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("calls", sa.Text(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("edits", sa.Text(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_turn")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_turn_uri"), "turn", ["uri"], unique=False)
    op.create_index(op.f("ix_turn_did_at"), "turn", ["did", "at"], unique=False)
    op.create_index(op.f("ix_turn_at"), "turn", ["at"], unique=False)
    op.create_table(
        "turn_source",
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turn.id"], name=op.f("fk_turn_source_turn_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("turn_id", "uri", name=op.f("pk_turn_source")),
    )
    op.create_index(op.f("ix_turn_source_uri"), "turn_source", ["uri"], unique=False)


def downgrade() -> None:
    op.drop_table("turn_source")
    op.drop_table("turn")
