"""Blocks, threadgates, gaps, account status, stopped threads and withdrawn parts; and a table of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.tables import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("status", sa.Text(), nullable=True))
    op.add_column("person", sa.Column("status_at", Instant(timezone=True), nullable=True))
    op.add_column("outbox", sa.Column("withdrawn_at", Instant(timezone=True), nullable=True))
    _consent()
    op.create_table(
        "gap",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.Column("closed_at", Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gap")),
    )
    op.create_table(
        "errand",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.Column("due_at", Instant(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_errand")),
    )
    op.create_index(op.f("ix_errand_due_at"), "errand", ["due_at"], unique=False)


def _consent() -> None:
    op.create_table(
        "block",
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("uri", name=op.f("pk_block")),
    )
    op.create_index(op.f("ix_block_did"), "block", ["did"], unique=False)
    op.create_table(
        "gate",
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("uri", name=op.f("pk_gate")),
    )
    op.create_index(op.f("ix_gate_post"), "gate", ["post"], unique=False)
    op.create_table(
        "thread_stop",
        sa.Column("root_uri", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("root_uri", name=op.f("pk_thread_stop")),
    )
    op.create_index(op.f("ix_thread_stop_did"), "thread_stop", ["did"], unique=False)


def downgrade() -> None:
    for table in ("thread_stop", "gate", "block", "errand", "gap"):
        op.drop_table(table)
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_column("withdrawn_at")
    with op.batch_alter_table("person") as person:
        person.drop_column("status_at")
        person.drop_column("status")
