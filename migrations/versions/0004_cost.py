"""What each mention cost, in millionths of a US dollar; null where the model's price is not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mention", sa.Column("cost", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("mention", "cost")
