"""What the machines of one PostgreSQL share: wakeups, and their ledgers. On SQLite the tables stay empty.

The database tells its listeners when work falls due (`bot.storage.wakeups`). A trigger does it, so that every
writer tells: the bot, an older version of it, and an operator's SQL. A mention tells when a worker may claim
it, in microseconds since 1970; a job only that there is one.

`alembic_version` gets a column that says which programs run on the schema (`memory.schema`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TELL = """
CREATE FUNCTION scrubjay_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        PERFORM pg_notify('scrubjay_due', (extract(epoch FROM NEW.due_at) * 1000000)::bigint::text);
    ELSE
        PERFORM pg_notify('scrubjay_due', '');
    END IF;
    RETURN NULL;
END $$
"""
# Claims and renewals set `due_at`, too, but leave the mention in another state.
MENTION = """
CREATE TRIGGER due AFTER INSERT OR UPDATE OF due_at ON mention FOR EACH ROW
WHEN (NEW.state IN ('waiting', 'drafted') AND NEW.due_at IS NOT NULL) EXECUTE FUNCTION scrubjay_due()
"""
JOB = "CREATE TRIGGER due AFTER INSERT ON errand FOR EACH STATEMENT EXECUTE FUNCTION scrubjay_due()"


def upgrade() -> None:
    op.add_column("alembic_version", sa.Column("programs", sa.Text()))
    op.create_table(
        "ledger_line",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "hash", name=op.f("pk_ledger_line")),
    )
    op.create_index(op.f("ix_ledger_line_day"), "ledger_line", ["day"])
    op.create_table(
        "ledger_salt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_salt")),
    )
    if _is_postgresql():
        for statement in (TELL, MENTION, JOB):
            op.execute(statement)


def downgrade() -> None:
    if _is_postgresql():
        for table in ("errand", "mention"):
            op.execute(f"DROP TRIGGER due ON {table}")
        op.execute("DROP FUNCTION scrubjay_due()")
    op.drop_table("ledger_salt")
    op.drop_table("ledger_line")
    op.drop_column("alembic_version", "programs")


def _is_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")
