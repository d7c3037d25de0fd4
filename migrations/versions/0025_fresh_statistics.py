"""Let PostgreSQL look at the queue's tables again after ten thousand changes.

By itself it does so when a tenth of a table has changed. In a store of a million mentions a hundred thousand
could begin to wait before it knew of one. Until then it looks for the next among all: a claim took 300 ms.
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
oldest = "0023"

SETTINGS = {"autovacuum_analyze_scale_factor": 0, "autovacuum_analyze_threshold": 10000}
TABLES = ("mention", "person_queue")


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for table in TABLES:
            settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
            op.execute(f"ALTER TABLE {table} SET ({settings})")


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(
                f"ALTER TABLE {table} RESET (autovacuum_analyze_scale_factor, autovacuum_analyze_threshold)"
            )
