"""Which lines of the journal of erasures were carried out in this database.

Until now every start looked through the whole store for what the journal names. Of the lines that are here
nobody knows it yet, so the first start looks once more. A program that wants 0023 writes lines without it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
oldest = "0023"


def upgrade() -> None:
    op.add_column("erasure", sa.Column("applied", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("erasure", "applied")
