"""What was spent, for the limits and by day, and whose turn it is.

What was admitted within the last day goes on counting; whoever has a waiting mention has a turn.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from memory.tables import Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COUNTS = ("replies", "posts", "points", "calls")
SUMS = ("tokens_in", "tokens_out", "money")
PARTIAL_INDEXES = (
    ("ix_mention_answered_did", ["did"], "state = 'answered'"),
    ("ix_mention_waiting_did_due_at", ["did", "due_at"], "state = 'waiting'"),
)


def _amounts() -> list[sa.Column[int]]:
    counts = [sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS]
    return counts + [sa.Column(name, sa.BigInteger(), nullable=False) for name in SUMS]


def upgrade() -> None:
    op.create_table(
        "spend",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "person", "thread", "mention")),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("newcomer", sa.Boolean(), nullable=False),
        *_amounts(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spend")),
        sqlite_autoincrement=True,
    )
    for spend in (("at",), ("person", "at"), ("thread", "at"), ("mention", "fence")):
        op.create_index(op.f(f"ix_spend_{'_'.join(spend)}"), "spend", list(spend))
    op.create_table(
        "spend_day",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        *_amounts(),
        sa.PrimaryKeyConstraint("day", "kind", name=op.f("pk_spend_day")),
    )
    op.create_table(
        "person_queue",
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("newcomer", sa.Boolean(), nullable=False),
        sa.Column("turn_at", Instant(timezone=True), nullable=False),
        sa.Column("served", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("did", name=op.f("pk_person_queue")),
    )
    turns = ["newcomer", "turn_at", "served"]
    op.create_index(op.f("ix_person_queue_newcomer_turn_at_served"), "person_queue", turns)
    for name, columns, where in PARTIAL_INDEXES:
        rows = sa.text(where)
        op.create_index(name, "mention", columns, sqlite_where=rows, postgresql_where=rows)
    _keep_counting()
    op.execute(
        "INSERT INTO person_queue (did, newcomer, turn_at, served, held) SELECT did, NOT EXISTS (SELECT 1 "
        "FROM mention AS a WHERE a.did = mention.did AND a.state = 'answered'), min(due_at), 0, false "
        "FROM mention WHERE state = 'waiting' GROUP BY did"
    )


def _keep_counting() -> None:
    """The salt of the hashes is not in the database: these count for all, and for no person."""
    mention = sa.table(
        "mention",
        sa.column("state"),
        sa.column("admitted_at", Instant(timezone=True)),
        *(sa.column(name) for name in ("tokens_in", "tokens_out", "cost")),
    )
    spend = sa.table(
        "spend",
        *(sa.column(name) for name in ("at", "kind", "person", "thread", "mention", "fence", "newcomer")),
        *(sa.column(name) for name in (*COUNTS, *SUMS)),
    )
    replied = sa.case((mention.c.state.in_(("thinking", "drafted", "posting", "answered")), 1), else_=0)
    empty, zero = sa.literal(""), sa.literal(0)
    rows = sa.select(
        mention.c.admitted_at,
        sa.literal("turn"),
        empty,
        empty,
        empty,
        zero,
        sa.false(),
        replied,
        replied,
        replied * 3,
        sa.literal(1),
        mention.c.tokens_in,
        mention.c.tokens_out,
        sa.func.coalesce(mention.c.cost, 0),
    ).where(mention.c.admitted_at > datetime.now(UTC) - timedelta(days=1))
    op.execute(spend.insert().from_select([column.name for column in spend.c], rows))


def downgrade() -> None:
    for name, _, _ in PARTIAL_INDEXES:
        op.drop_index(name, "mention")
    op.drop_table("person_queue")
    op.drop_table("spend_day")
    op.drop_table("spend")
