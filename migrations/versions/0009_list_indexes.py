"""Indexes for the operator's lists, and for the bot's posts by record key."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = (
    ("mention", ("seen_at",)),
    ("mention", ("state", "seen_at")),
    ("outbox", ("rkey",)),
    ("outbox", ("posted_at", "part")),
    ("person", ("last_seen",)),
)


def upgrade() -> None:
    for table, columns in INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def downgrade() -> None:
    for table, columns in INDEXES:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table)
