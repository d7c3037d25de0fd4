"""Mentions whose answer is erased once they have ended, because it may repeat what was forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column: sa.Column[bool] = sa.Column(
        "answer_forgotten", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("mention", column)


def downgrade() -> None:
    op.drop_column("mention", "answer_forgotten")
