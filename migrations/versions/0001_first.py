"""The first schema: people, notes, revisions; mentions, outbox, cursors, stops, sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from memory.tables import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cursor",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_cursor")),
    )
    op.create_table(
        "mention",
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("cid", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("langs", sa.Text(), nullable=False),
        sa.Column("root_uri", sa.Text(), nullable=False),
        sa.Column("root_cid", sa.Text(), nullable=False),
        sa.Column("parent_uri", sa.Text(), nullable=True),
        sa.Column("parent_cid", sa.Text(), nullable=True),
        sa.Column("command", sa.Text(), nullable=True),
        sa.Column("said_at", Instant(timezone=True), nullable=False),
        sa.Column("seen_at", Instant(timezone=True), nullable=False),
        sa.Column("retried_at", Instant(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("admitted_at", Instant(timezone=True), nullable=True),
        sa.Column("drafted_at", Instant(timezone=True), nullable=True),
        sa.Column("post_at", Instant(timezone=True), nullable=True),
        sa.Column("ended_at", Instant(timezone=True), nullable=True),
        sa.Column("brain", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("uri", name=op.f("pk_mention")),
    )
    op.create_index(op.f("ix_mention_admitted_at"), "mention", ["admitted_at"], unique=False)
    op.create_index(op.f("ix_mention_did_seen_at"), "mention", ["did", "seen_at"], unique=False)
    op.create_index(op.f("ix_mention_due_at"), "mention", ["due_at"], unique=False)
    op.create_index(op.f("ix_mention_post_at"), "mention", ["post_at"], unique=False)
    op.create_index(op.f("ix_mention_root_uri"), "mention", ["root_uri"], unique=False)
    op.create_index(
        "uq_mention_active_did",
        "mention",
        ["did"],
        unique=True,
        sqlite_where=sa.text("state IN ('thinking', 'posting')"),
        postgresql_where=sa.text("state IN ('thinking', 'posting')"),
    )
    op.create_table(
        "person",
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("first_seen", Instant(timezone=True), nullable=False),
        sa.Column("last_seen", Instant(timezone=True), nullable=False),
        sa.Column("introduced_at", Instant(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("did", name=op.f("pk_person")),
    )
    op.create_index(op.f("ix_person_handle"), "person", ["handle"], unique=False)
    op.create_table(
        "session",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_session")),
    )
    op.create_table(
        "stop",
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("did", name=op.f("pk_stop")),
    )
    op.create_table(
        "handle",
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("since", Instant(timezone=True), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["did"], ["person.did"], name=op.f("fk_handle_did"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("did", "since", name=op.f("pk_handle")),
    )
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source_uri", sa.Text(), nullable=False),
        sa.Column("source_cid", sa.Text(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("said_at", Instant(timezone=True), nullable=False),
        sa.Column("written_at", Instant(timezone=True), nullable=False),
        sa.Column("replaces", sa.Integer(), nullable=True),
        sa.Column("superseded_by", sa.Integer(), nullable=True),
        sa.Column("valid_to", Instant(timezone=True), nullable=True),
        sa.CheckConstraint(
            "substr(source_uri, 1, length(did) + 6) = 'at://' || did || '/'",
            name=op.f("ck_note_source_by_owner"),
        ),
        sa.CheckConstraint(
            "(superseded_by IS NULL) = (valid_to IS NULL)", name=op.f("ck_note_closed_by_successor")
        ),
        sa.CheckConstraint("said_by = did", name=op.f("ck_note_said_by_owner")),
        sa.ForeignKeyConstraint(["did"], ["person.did"], name=op.f("fk_note_did"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_note_did_id"), "note", ["did", "id"], unique=False)
    op.create_index(op.f("ix_note_source_uri"), "note", ["source_uri"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("mention_uri", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("facets", sa.Text(), nullable=False),
        sa.Column("rkey", sa.Text(), nullable=True),
        sa.Column("record", sa.Text(), nullable=True),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.Column("cid", sa.Text(), nullable=True),
        sa.Column("posted_at", Instant(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["mention_uri"],
            ["mention.uri"],
            name=op.f("fk_outbox_mention_uri"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("mention_uri", "part", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_uri"), "outbox", ["uri"], unique=False)
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("source_uri", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", Instant(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["did"], ["person.did"], name=op.f("fk_revision_did"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sa.UniqueConstraint("key", name=op.f("uq_revision_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_revision_did_id"), "revision", ["did", "id"], unique=False)
    op.create_index(op.f("ix_revision_note_id"), "revision", ["note_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_revision_note_id"), table_name="revision")
    op.drop_index(op.f("ix_revision_did_id"), table_name="revision")
    op.drop_table("revision")
    op.drop_index(op.f("ix_outbox_uri"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index(op.f("ix_note_source_uri"), table_name="note")
    op.drop_index(op.f("ix_note_did_id"), table_name="note")
    op.drop_table("note")
    op.drop_table("handle")
    op.drop_table("stop")
    op.drop_table("session")
    op.drop_index(op.f("ix_person_handle"), table_name="person")
    op.drop_table("person")
    op.drop_index(
        "uq_mention_active_did",
        table_name="mention",
        sqlite_where=sa.text("state IN ('thinking', 'posting')"),
        postgresql_where=sa.text("state IN ('thinking', 'posting')"),
    )
    op.drop_index(op.f("ix_mention_root_uri"), table_name="mention")
    op.drop_index(op.f("ix_mention_post_at"), table_name="mention")
    op.drop_index(op.f("ix_mention_due_at"), table_name="mention")
    op.drop_index(op.f("ix_mention_did_seen_at"), table_name="mention")
    op.drop_index(op.f("ix_mention_admitted_at"), table_name="mention")
    op.drop_table("mention")
    op.drop_table("cursor")
