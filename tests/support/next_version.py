"""The version after this one: the same program with migrations of its own."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from unittest.mock import patch

from memory import schema

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{revision}", "{before}"
{oldest}

def upgrade():
    op.add_column("person", sa.Column("{name}", sa.Text()))
    op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))

def downgrade():
    op.drop_table("{name}")
    op.drop_column("person", "{name}")
"""


def after(revision, count=1):
    return f"{int(revision) + count:04}"


@contextmanager
def next_version(folder, *oldest):
    """Be a version with one more migration for each of `oldest`: the oldest program it lets run, or None."""
    migrations = folder / "next" / "migrations"
    shutil.copytree(schema.folder(), migrations, dirs_exist_ok=True)
    before = schema.head()
    for count, let in enumerate(oldest, 1):
        revision = after(schema.head(), count)
        said = f'oldest = "{let}"' if let else ""
        text = MIGRATION.format(revision=revision, before=before, oldest=said, name=f"next_{revision}")
        (migrations / "versions" / f"{revision}_next.py").write_text(text)
        before = revision
    with patch.object(schema, "folder", lambda: migrations):
        yield
