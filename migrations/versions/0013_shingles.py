"""Hashes by which a note is recognised in a text; those of the notes that are there already are made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.identifiers import hash_64
from memory.shingles import of_note

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BATCH = 1000  # notes read at a time


def upgrade() -> None:
    table = op.create_table(
        "note_shingle",
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.BigInteger(), nullable=False),
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["note_id"], ["note.id"], name=op.f("fk_note_shingle_note_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", "who", "note_id", name=op.f("pk_note_shingle")),
    )
    op.create_index(op.f("ix_note_shingle_note_id"), "note_shingle", ["note_id"])
    _fill(table)


def downgrade() -> None:
    op.drop_table("note_shingle")


def _fill(table: sa.Table) -> None:
    tx, last = op.get_bind(), 0
    note = sa.table("note", sa.column("id"), sa.column("did"), sa.column("text"))
    while True:
        some = sa.select(note).where(note.c.id > last).order_by(note.c.id).limit(BATCH)
        found = tx.execute(some).all()
        if not found:
            return
        last = found[-1].id
        rows = [
            {"hash": each, "who": hash_64(row.did), "note_id": row.id}
            for row in found
            for each in sorted(of_note(row.text))
        ]
        if rows:
            tx.execute(table.insert(), rows)
