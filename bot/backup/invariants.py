"""What must be true of the rows, beyond what the schema forbids: SQL that finds what is not."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import SQLColumnExpression, and_, func, or_, select, table, text
from sqlalchemy import column as named
from sqlalchemy.orm import aliased

from bot.domain.mention import ACTIVE, OPEN, State
from bot.storage.tables import MentionRow, OutboxRow, PersonQueueRow
from memory.tables import Base, NoteRow, PassageRow, ReceiptRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Column, Select, Table

    from memory.db import Tx

SHOWN = 5  # rows or constraints that are named
SEQUENCES = table("sqlite_sequence", named("name"), named("seq"))
NOT_VALID = text("SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated ORDER BY 1")
SEQUENCE = text("SELECT pg_get_serial_sequence(:table, :column)")

STORED = MappingProxyType(  # what SQLite calls the values of a column of this type
    {"TEXT": "text", "DATETIME": "text", "BLOB": "blob"}
    | dict.fromkeys(("INTEGER", "BIGINT", "BOOLEAN"), "integer")
)

OTHER, EARLIER = aliased(NoteRow), aliased(OutboxRow)
IS_OPEN = MentionRow.state.in_(OPEN)
QUEUED = select(PersonQueueRow.did).where(PersonQueueRow.did == MentionRow.did).exists()
BEFORE = select(EARLIER.part).where(
    EARLIER.mention_uri == OutboxRow.mention_uri,
    EARLIER.part == OutboxRow.part - 1,
    EARLIER.uri.is_not(None),
)


def _notes(row: Any) -> Select[Any]:
    """The rows whose note is somebody else's, or is not there."""
    owned = select(NoteRow.id).where(NoteRow.id == row.note_id, NoteRow.did == row.did).exists()
    return select(row.note_id).where(row.note_id.is_not(None), ~owned)


def _replacing(link: SQLColumnExpression[Any]) -> Select[Any]:
    """The notes that name, as what replaced them or what they replace, one that is not their person's."""
    theirs = select(OTHER.id).where(OTHER.id == link, OTHER.did == NoteRow.did).exists()
    return select(NoteRow.id).where(link.is_not(None), ~theirs)


# name: the rows that are wrong
INVARIANTS: Mapping[str, Select[Any]] = MappingProxyType(
    {
        "every state is known": select(MentionRow.uri).where(MentionRow.state.not_in([*State])),
        "an open mention has a time, and no end": select(MentionRow.uri).where(
            IS_OPEN, or_(MentionRow.due_at.is_(None), MentionRow.ended_at.is_not(None))
        ),
        "an ended mention has an end, and no time": select(MentionRow.uri).where(
            ~IS_OPEN, or_(MentionRow.due_at.is_not(None), MentionRow.ended_at.is_(None))
        ),
        "who works on a mention has a fence": select(MentionRow.uri).where(
            MentionRow.state.in_(ACTIVE), or_(MentionRow.fence < 1, MentionRow.worker.is_(None))
        ),
        "whose mention waits has a turn": select(MentionRow.uri).where(
            MentionRow.state == State.WAITING, ~QUEUED
        ),
        "a post that was sent has its key, name and time": select(OutboxRow.mention_uri).where(
            or_(
                OutboxRow.uri.is_(None) != OutboxRow.posted_at.is_(None),
                and_(OutboxRow.uri.is_not(None), or_(OutboxRow.rkey.is_(None), OutboxRow.cid.is_(None))),
            )
        ),
        "no two posts have one key": select(OutboxRow.rkey)
        .where(OutboxRow.rkey.is_not(None))
        .group_by(OutboxRow.rkey)
        .having(func.count() > 1),
        "no part was sent before the one above it": select(OutboxRow.mention_uri).where(
            OutboxRow.part > 0, OutboxRow.uri.is_not(None), ~BEFORE.exists()
        ),
        "a note that was replaced is replaced by one of the same person": _replacing(NoteRow.superseded_by),
        "a note has a receipt": select(NoteRow.id).where(
            or_(NoteRow.source_uri == "", NoteRow.source_cid == "")
        ),
        "a receipt is of the note's person": _notes(ReceiptRow),
        "a passage is of the note's person": _notes(PassageRow),
    }
)


def broken(tx: Tx) -> Iterator[tuple[str, int]]:
    """Each invariant, with how many rows break it."""
    for name, wrong in INVARIANTS.items():
        yield name, tx.scalar(select(func.count()).select_from(wrong.subquery())) or 0


def broken_keys(tx: Tx) -> str:
    """The rows whose foreign key leads nowhere; on PostgreSQL the keys that the server does not vouch for."""
    if tx.dialect.name == "postgresql":
        return ", ".join(tx.scalars(NOT_VALID))
    rows = tx.exec_driver_sql("PRAGMA foreign_key_check").all()
    named_rows = [f"{row[0]} row {row[1]} names no {row[2]}" for row in rows[:SHOWN]]
    return ", ".join(named_rows) + (f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")


def foreign_values(tx: Tx) -> str:
    """The columns with values that are not of their type: SQLite takes any. Empty if there are none."""
    if tx.dialect.name != "sqlite":
        return ""
    found = []
    for each in Base.metadata.sorted_tables:
        columns = [column for column in each.columns if column.type.compile(tx.dialect) in STORED]
        counts = [func.count().filter(~_is_stored(column, tx)).label(column.name) for column in columns]
        row = tx.execute(select(*counts)).one()
        found += [f"{each.name}.{name} ({count} rows)" for name, count in row._mapping.items() if count]  # noqa: SLF001 - SQLAlchemy's own interface
    return ", ".join(found[:SHOWN]) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _is_stored(column: Column[Any], tx: Tx) -> SQLColumnExpression[bool]:
    return func.typeof(column).in_(["null", STORED[column.type.compile(tx.dialect)]])


def late_sequences(tx: Tx) -> str:
    """The tables that would give a number a second time; empty if none would."""
    late = []
    for each in numbered_tables():
        given = given_number(tx, each)
        highest = tx.scalar(select(func.max(each.c.id)))
        if highest is not None and given is not None and given < highest:
            late.append(f"{each.name} ({given} given, {highest} is there)")
    return ", ".join(late)


def numbered_tables() -> list[Table]:
    """The tables whose ids count up."""
    return [each for each in Base.metadata.sorted_tables if each.dialect_options["sqlite"]["autoincrement"]]


def given_number(tx: Tx, each: Table) -> int | None:
    """The last id that this table has given; None if it gave none, or takes the next free one."""
    if tx.dialect.name == "sqlite":
        return tx.scalar(select(SEQUENCES.c.seq).where(SEQUENCES.c.name == each.name))
    sequence = tx.scalar(SEQUENCE, {"table": each.name, "column": "id"})
    if sequence is None:
        return None
    found: int | None = tx.exec_driver_sql(
        f"SELECT last_value FROM {sequence} WHERE is_called"  # noqa: S608 - the server's own name of it
    ).scalar()
    return found
