"""The salted hash that stands for a thread once its mention has ended.

Mentions whose answer is to be erased were to lose the names of their threads at the next retention.
"""

from __future__ import annotations

import hashlib
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OPEN = ("waiting", "thinking", "drafted", "posting")


def upgrade() -> None:
    op.add_column("mention", sa.Column("hidden_root", sa.Text(), nullable=True))
    names = ("uri", "root_uri", "parent_uri", "parent_cid", "hidden_root", "state", "answer_forgotten")
    mention = sa.table("mention", *map(sa.column, names))
    tx, salt = op.get_bind(), secrets.token_hex(16)
    marked = mention.c.answer_forgotten.is_(sa.true()) & mention.c.root_uri.startswith("at://")
    for uri, root, state in tx.execute(
        sa.select(mention.c.uri, mention.c.root_uri, mention.c.state).where(marked)
    ).all():
        hidden = hashlib.sha256(f"{salt} {root}".encode()).hexdigest()
        ended = {"root_uri": hidden, "parent_uri": None, "parent_cid": None}
        values = {"hidden_root": hidden} if state in OPEN else ended
        tx.execute(mention.update().where(mention.c.uri == uri).values(values))


def downgrade() -> None:
    op.drop_column("mention", "hidden_root")
