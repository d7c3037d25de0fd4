"""Mentions that end in another one's turn, and how many were heard in a thread within minutes.

`mention` gets a column that names the mention whose turn it ended in. The index over threads gets the time,
so that a crowded one is counted without reading all that it ever had. An older program that runs beside this
one merges nothing, and shows the new state by its name.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.tables import by_prefix, where

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
oldest = "0023"


def upgrade() -> None:
    op.add_column("mention", sa.Column("merged_into", sa.Text(), nullable=True))
    op.create_index("ix_mention_merged_into", "mention", ["merged_into"], **where("merged_into IS NOT NULL"))
    op.create_index("ix_mention_root_seen_at", "mention", ["root_uri", "seen_at"], **by_prefix("root_uri"))
    op.drop_index("ix_mention_root", "mention")


def downgrade() -> None:
    op.create_index("ix_mention_root", "mention", ["root_uri"], **by_prefix("root_uri"))
    op.drop_index("ix_mention_root_seen_at", "mention")
    op.drop_index("ix_mention_merged_into", "mention")
    op.execute("UPDATE mention SET state = 'declined' WHERE state = 'merged'")
    op.drop_column("mention", "merged_into")
