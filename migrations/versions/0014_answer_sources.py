"""The posts that each answer was made of, whether its turn is kept or not.

The lists of turns become those of their mentions. Of other answers that are kept nobody knows what they were
made of.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from memory.tables import Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

FILL = """
INSERT INTO answer_source (mention_uri, uri, at)
SELECT turn.uri, turn_source.uri, max(turn.at) FROM turn_source JOIN turn ON turn.id = turn_source.turn_id
GROUP BY turn.uri, turn_source.uri
"""
UNKNOWN = """
INSERT INTO answer_source (mention_uri, uri, at)
SELECT kept.uri, '', :at FROM (
    SELECT uri FROM mention WHERE cid <> '' AND state <> 'waiting'
    UNION SELECT 'at://' || did || '/' || source FROM passage WHERE kind = 'answer'
) AS kept
WHERE kept.uri NOT IN (SELECT mention_uri FROM answer_source)
"""
BACK = """
INSERT INTO turn_source (turn_id, uri)
SELECT turn.id, answer_source.uri FROM answer_source JOIN turn ON turn.uri = answer_source.mention_uri
WHERE answer_source.uri <> ''
"""


def upgrade() -> None:
    op.create_table(
        "answer_source",
        sa.Column("mention_uri", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("mention_uri", "uri", name=op.f("pk_answer_source")),
    )
    op.create_index(op.f("ix_answer_source_uri"), "answer_source", ["uri"])
    op.create_index(op.f("ix_answer_source_at"), "answer_source", ["at"])
    op.execute(FILL)
    now = sa.bindparam("at", datetime.now(UTC), Instant())
    op.execute(sa.text(UNKNOWN).bindparams(now))
    op.drop_table("turn_source")


def downgrade() -> None:
    op.create_table(
        "turn_source",
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turn.id"], name=op.f("fk_turn_source_turn_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("turn_id", "uri", name=op.f("pk_turn_source")),
    )
    op.create_index(op.f("ix_turn_source_uri"), "turn_source", ["uri"])
    op.execute(BACK)
    op.drop_table("answer_source")
