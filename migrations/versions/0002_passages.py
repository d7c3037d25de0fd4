"""Passages: posts, answers and notes, with stems and vector, for retrieval."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.tables import Micros

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("note_id", sa.Integer(), nullable=True),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("thread", sa.BigInteger(), nullable=False),
        sa.Column("at", Micros(), nullable=False),
        sa.Column("valid_from", Micros(), nullable=True),
        sa.Column("valid_to", Micros(), nullable=True),
        sa.Column("superseded_by", sa.Integer(), nullable=True),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("lang", sa.Text(), nullable=True),
        sa.Column("stems", sa.LargeBinary(), nullable=False),
        sa.Column("emb", sa.LargeBinary(), nullable=True),
        sa.Column("emb_model", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.CheckConstraint("(kind = 'note') = (note_id IS NOT NULL)", name=op.f("ck_passage_note_has_id")),
        sa.CheckConstraint("kind IN ('said', 'answer', 'note')", name=op.f("ck_passage_kind_known")),
        sa.CheckConstraint("(kind = 'answer') = (author IS NOT NULL)", name=op.f("ck_passage_said_by_owner")),
        sa.ForeignKeyConstraint(["did"], ["person.did"], name=op.f("fk_passage_did"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["note_id"], ["note.id"], name=op.f("fk_passage_note_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passage")),
        sa.UniqueConstraint("key", name=op.f("uq_passage_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_passage_did"), "passage", ["did"])
    noted = sa.text("note_id IS NOT NULL")
    op.create_index(
        "uq_passage_note_id",
        "passage",
        ["note_id"],
        unique=True,
        sqlite_where=noted,
        postgresql_where=noted,
    )
    op.create_table(
        "shelf",
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["did"], ["person.did"], name=op.f("fk_shelf_did"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("did", name=op.f("pk_shelf")),
    )


def downgrade() -> None:
    op.drop_table("shelf")
    op.drop_table("passage")
