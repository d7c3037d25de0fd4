"""The revision of the author's repo in which a mention was last seen, so that an older edit is recognised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mention", sa.Column("rev", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("mention") as mention:
        mention.drop_column("rev")
