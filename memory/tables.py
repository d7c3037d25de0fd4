"""The tables of memory. Every row is about one person, and is erased with that person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    and_,
    false,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.engine import Dialect

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware datetime in UTC on every database (SQLite stores no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Micros(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970: 8 bytes, which numpy reads without conversion."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - the same on both
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the same on both
        return None if value is None else EPOCH + value * MICROSECOND


class Base(DeclarativeBase):
    """One metadata for the tables of memory and of the bot: both commit in one transaction."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Instant, str: Text}  # noqa: RUF012


def tables_of_people() -> tuple[Table, ...]:
    """The tables whose rows belong to a person: with a `did`, their mention's URI, or parts of such a row."""
    found: list[Table] = []
    for table in Base.metadata.sorted_tables:  # a table comes after those that it refers to
        named = "did" in table.c or "mention_uri" in table.c
        if named or any(key.column.table in found for key in table.foreign_keys):
            found.append(table)
    return tuple(found)


ACTIVE = "superseded_by IS NULL AND withdrawn_at IS NULL"


def where(condition: str) -> dict[str, Any]:
    """The arguments that make an index partial, on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def by_prefix(column: str) -> dict[str, Any]:
    """The arguments with which an index answers `starts_with`, whatever the collation of the database."""
    return {"postgresql_ops": {column: "text_pattern_ops"}}


def starts_with(tx: Connection, column: Any, prefix: str) -> ColumnElement[bool]:
    """Whether the text begins so: by a range, as LIKE with an escape would read the whole table."""
    end = f"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}"
    least, less = ("~>=~", "~<~") if tx.dialect.name == "postgresql" else (">=", "<")
    return and_(column.bool_op(least)(prefix), column.bool_op(less)(end))


class PersonRow(Base):
    __tablename__ = "person"

    did: Mapped[str] = mapped_column(primary_key=True)
    handle: Mapped[str | None]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    introduced_at: Mapped[datetime | None]
    told_of_memory: Mapped[bool] = mapped_column(server_default=true())  # at the introduction
    status: Mapped[str | None]  # of an account that is not active: takendown, suspended, deactivated, deleted
    status_at: Mapped[datetime | None]

    _hidden = Index("ix_person_hidden", "status", **where("status IS NOT NULL"))
    __table_args__ = (Index(None, "handle"), Index(None, "last_seen"), _hidden)


class HandleRow(Base):
    """The handles that a DID had, each since when. The newest row is the current one."""

    __tablename__ = "handle"

    did: Mapped[str] = mapped_column(ForeignKey("person.did", ondelete="CASCADE"), primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True)
    handle: Mapped[str]

    __table_args__ = (Index("ix_handle_name", "handle", **by_prefix("handle")),)


class DenialRow(Base):
    """What a person has declared that nobody may do with their words. Who denies nothing has no row.

    It may be about somebody who never spoke to the bot.
    """

    __tablename__ = "denial"

    did: Mapped[str] = mapped_column(primary_key=True)
    inference: Mapped[bool]  # show them to a model
    embedding: Mapped[bool]  # make vectors of them


class NoteRow(Base):
    """`gist` is `memory.rules.consolidation.gist` of the text; what several people say is counted by it."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    did: Mapped[str] = mapped_column(ForeignKey("person.did", ondelete="CASCADE"))
    text: Mapped[str]
    source_uri: Mapped[str]
    source_cid: Mapped[str]
    said_by: Mapped[str]
    said_at: Mapped[datetime]
    written_at: Mapped[datetime]
    replaces: Mapped[int | None]
    superseded_by: Mapped[int | None]
    valid_to: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    gist: Mapped[int] = mapped_column(BigInteger, server_default="0")
    waits: Mapped[bool] = mapped_column(server_default=false())  # for the operator's review

    __table_args__ = (
        CheckConstraint("said_by = did", name="said_by_owner"),
        CheckConstraint(
            "substr(source_uri, 1, length(did) + 6) = 'at://' || did || '/'", name="source_by_owner"
        ),
        CheckConstraint("(superseded_by IS NULL) = (valid_to IS NULL)", name="closed_by_successor"),
        Index(None, "did", "id"),
        Index(None, "source_uri"),
        Index("ix_note_gist", "gist", "did", **where(ACTIVE)),
        Index("ix_note_replaces", "replaces", **where("replaces IS NOT NULL")),
        Index("ix_note_superseded_by", "superseded_by", **where("superseded_by IS NOT NULL")),
        {"sqlite_autoincrement": True},  # n12 never names a second note
    )


class ShingleRow(Base):
    """A hash of `memory.shingles.of_note`: it tells a note, and goes with it. `who`: the hash of its DID."""

    __tablename__ = "note_shingle"

    hash: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    who: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("note.id", ondelete="CASCADE"), primary_key=True)

    __table_args__ = (Index(None, "note_id"),)


class ReceiptRow(Base):
    """A further post that said the same as a note."""

    __tablename__ = "receipt"

    note_id: Mapped[int] = mapped_column(ForeignKey("note.id", ondelete="CASCADE"), primary_key=True)
    uri: Mapped[str] = mapped_column(primary_key=True)
    did: Mapped[str] = mapped_column(ForeignKey("person.did", ondelete="CASCADE"))
    cid: Mapped[str]
    said_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("substr(uri, 1, length(did) + 6) = 'at://' || did || '/'", name="source_by_owner"),
        Index(None, "did"),
        Index(None, "uri"),
    )


class RevisionRow(Base):
    """What happened to a person's notes. The unique `key` makes each edit happen once."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    did: Mapped[str] = mapped_column(ForeignKey("person.did", ondelete="CASCADE"))
    note_id: Mapped[int]
    op: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str | None]
    actor: Mapped[str]
    source_uri: Mapped[str | None]
    key: Mapped[str]
    at: Mapped[datetime]
    replaces: Mapped[int | None]

    __table_args__ = (
        UniqueConstraint("key"),
        Index(None, "did", "id"),
        Index(None, "note_id"),
        {"sqlite_autoincrement": True},
    )


class PassageRow(Base):
    """Posts, answers and notes as retrieval finds them.

    `source` is the URI of the receipt, without `at://did/`: the post itself (`said`), the post that was
    answered (`answer`), or the note's post (`note`). `key` is `memory.rows.passages.key_of`, so that nothing
    is stored twice. `author` NULL: the person. `thread` is `memory.identifiers.thread_id` of the root.
    `valid_from` NULL: from `at`. `superseded_by` is the note that replaced this one. `stems`, `emb` and
    `lang` are computed from the text.
    """

    __tablename__ = "passage"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)  # fixed widths first: PostgreSQL pads the rest
    note_id: Mapped[int | None] = mapped_column(ForeignKey("note.id", ondelete="CASCADE"))
    key: Mapped[int] = mapped_column(BigInteger)
    thread: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(Micros)
    valid_from: Mapped[datetime | None] = mapped_column(Micros)
    valid_to: Mapped[datetime | None] = mapped_column(Micros)
    superseded_by: Mapped[int | None]
    did: Mapped[str] = mapped_column(ForeignKey("person.did", ondelete="CASCADE"))
    kind: Mapped[str]
    author: Mapped[str | None]
    source: Mapped[str]
    lang: Mapped[str | None]
    stems: Mapped[bytes] = mapped_column(LargeBinary)
    emb: Mapped[bytes | None] = mapped_column(LargeBinary)
    emb_model: Mapped[str | None]
    text: Mapped[str]

    __table_args__ = (
        CheckConstraint("(kind = 'note') = (note_id IS NOT NULL)", name="note_has_id"),
        CheckConstraint("kind IN ('said', 'answer', 'note')", name="kind_known"),
        CheckConstraint("(kind = 'answer') = (author IS NOT NULL)", name="said_by_owner"),
        UniqueConstraint("key"),
        Index(None, "did", "id"),
        Index("ix_passage_exchange", "did", "at", **where("note_id IS NULL")),
        Index("ix_passage_said", "at", **where("note_id IS NULL")),
        Index("uq_passage_note_id", "note_id", unique=True, **where("note_id IS NOT NULL")),
        {"sqlite_autoincrement": True},  # ids follow the order of recording; none is used twice
    )


class IndexStampRow(Base):
    """A number that changes with a person's passages; an index built under another is out of date."""

    __tablename__ = "shelf"

    did: Mapped[str] = mapped_column(ForeignKey("person.did", ondelete="CASCADE"), primary_key=True)
    stamp: Mapped[int] = mapped_column(BigInteger)
