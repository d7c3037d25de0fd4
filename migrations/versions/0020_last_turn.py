"""An index for the last turn of those who wait, behind which a person goes who had theirs."""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_person_queue_held_turn_at"), "person_queue", ["held", "turn_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_person_queue_held_turn_at"), "person_queue")
