"""Pauses, and drafts and notes that wait for the operator.

`introduction` gets a column that says whether the reply tells the person what the bot is: what a turn wants
remembered now waits for other replies, too. `outbox` gets the time when the operator wrote a text. An older
program that runs beside this one knows of no pause, and works on; to it a note that waits is like any other.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.tables import Instant

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
oldest = "0023"


def upgrade() -> None:
    op.create_table(
        "pause",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("began_at", Instant(timezone=True), nullable=False),
        sa.Column("until", Instant(timezone=True), nullable=True),
        sa.Column("ended_at", Instant(timezone=True), nullable=True),
        sa.Column("ages", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pause")),
    )
    op.create_index(op.f("ix_pause_ended_at"), "pause", ["ended_at"])
    op.add_column("introduction", sa.Column("tells", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("note", sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("outbox", sa.Column("edited_at", Instant(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "edited_at")
    op.drop_column("note", "waits")
    op.drop_column("introduction", "tells")
    op.drop_index(op.f("ix_pause_ended_at"), "pause")
    op.drop_table("pause")
