"""Further receipts of a note, notes withdrawn by a rollback, the note that a revision replaced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.rules.consolidation import gist
from memory.tables import ACTIVE, Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt",
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("cid", sa.Text(), nullable=False),
        sa.Column("said_at", Instant(timezone=True), nullable=False),
        sa.CheckConstraint(
            "substr(uri, 1, length(did) + 6) = 'at://' || did || '/'",
            name=op.f("ck_receipt_source_by_owner"),
        ),
        sa.ForeignKeyConstraint(
            ["note_id"], ["note.id"], name=op.f("fk_receipt_note_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["did"], ["person.did"], name=op.f("fk_receipt_did"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("note_id", "uri", name=op.f("pk_receipt")),
    )
    op.create_index(op.f("ix_receipt_did"), "receipt", ["did"])
    op.create_index(op.f("ix_receipt_uri"), "receipt", ["uri"])
    op.add_column("note", sa.Column("withdrawn_at", Instant(timezone=True), nullable=True))
    op.add_column("note", sa.Column("gist", sa.BigInteger(), server_default="0", nullable=False))
    active = sa.text(ACTIVE)
    op.create_index("ix_note_gist", "note", ["gist", "did"], sqlite_where=active, postgresql_where=active)
    op.add_column("revision", sa.Column("replaces", sa.Integer(), nullable=True))
    _fill()


def _fill() -> None:
    tx = op.get_bind()
    op.execute(
        "UPDATE revision SET replaces = (SELECT note.replaces FROM note WHERE note.id = revision.note_id) "
        "WHERE op = 'revise'"
    )
    for note_id, text in tx.execute(sa.text("SELECT id, text FROM note")).all():
        tx.execute(
            sa.text("UPDATE note SET gist = :gist WHERE id = :id"), {"gist": gist(text), "id": note_id}
        )


def downgrade() -> None:
    op.drop_column("revision", "replaces")
    op.drop_index("ix_note_gist", table_name="note")
    op.drop_column("note", "gist")
    op.drop_column("note", "withdrawn_at")
    op.drop_table("receipt")
