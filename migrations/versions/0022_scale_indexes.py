"""Indexes for what is listed, expires, is settled and is rechecked, so that no statement reads a whole table.

On PostgreSQL an index that is there already is left as it is: of a large table it can be made before, with
CREATE INDEX CONCURRENTLY, while an older version runs (docs/scale.md). This migration is one transaction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


class NewIndex(NamedTuple):
    """`prefix`: its last column is asked for by how its values begin."""

    name: str
    table: str
    columns: tuple[str, ...]
    where: str | None = None
    prefix: bool = False


NEW = (
    NewIndex("ix_mention_ended_at", "mention", ("ended_at",)),
    NewIndex("ix_mention_kept", "mention", ("ended_at",), "cid <> ''"),
    NewIndex("ix_mention_root", "mention", ("root_uri",), prefix=True),
    NewIndex("ix_mention_parent", "mention", ("parent_uri",), "parent_uri IS NOT NULL", prefix=True),
    NewIndex("ix_mention_answered", "mention", ("did", "ended_at"), "state = 'answered'"),
    NewIndex("ix_answer_source_post", "answer_source", ("uri",), prefix=True),
    NewIndex("ix_gate_hidden", "gate", ("uri",), "record NOT LIKE '%\"hidden\": []%'"),
    NewIndex("ix_person_hidden", "person", ("status",), "status IS NOT NULL"),
    NewIndex("ix_handle_name", "handle", ("handle",), prefix=True),
    NewIndex("ix_note_replaces", "note", ("replaces",), "replaces IS NOT NULL"),
    NewIndex("ix_note_superseded_by", "note", ("superseded_by",), "superseded_by IS NOT NULL"),
    NewIndex("ix_passage_did_id", "passage", ("did", "id")),
    NewIndex("ix_passage_exchange", "passage", ("did", "at"), "note_id IS NULL"),
    NewIndex("ix_passage_said", "passage", ("at",), "note_id IS NULL"),
)
OLD = (  # others do what they did, or nothing asks for them any more
    NewIndex("ix_mention_root_uri", "mention", ("root_uri",)),
    NewIndex("ix_mention_admitted_at", "mention", ("admitted_at",)),
    NewIndex("ix_mention_answered_did", "mention", ("did",), "state = 'answered'"),
    NewIndex("ix_answer_source_uri", "answer_source", ("uri",)),
    NewIndex("ix_passage_did", "passage", ("did",)),
)
# PostgreSQL compares the beginnings of texts by an index only with these operators, but in a database whose
# collation is C. On SQLite the primary key does it.
MENTIONS = (
    "CREATE INDEX IF NOT EXISTS ix_answer_source_mention ON answer_source (mention_uri text_pattern_ops)"
)


def upgrade() -> None:
    for index in NEW:
        _create(index)
    for index in OLD:
        op.drop_index(index.name, index.table)
    if _is_postgresql():
        op.execute(MENTIONS)


def downgrade() -> None:
    if _is_postgresql():
        op.drop_index("ix_answer_source_mention", "answer_source")
    for index in OLD:
        _create(index)
    for index in NEW:
        op.drop_index(index.name, index.table)


def _create(index: NewIndex) -> None:
    options: dict[str, Any] = (
        {"postgresql_ops": {index.columns[-1]: "text_pattern_ops"}} if index.prefix else {}
    )
    if index.where:
        options |= {"sqlite_where": sa.text(index.where), "postgresql_where": sa.text(index.where)}
    op.create_index(index.name, index.table, list(index.columns), if_not_exists=True, **options)


def _is_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")
