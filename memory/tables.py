"""The tables of memory. Everything here is about one person and goes when they say so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class Instant(TypeDecorator[datetime]):
    """An aware datetime in UTC on every database (SQLite keeps no zone)."""

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


class Base(DeclarativeBase):
    """One metadata for memory and bot: they commit together, in one database."""

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


class PersonRow(Base):
    __tablename__ = "person"

    did: Mapped[str] = mapped_column(primary_key=True)
    handle: Mapped[str | None]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    introduced_at: Mapped[datetime | None]
    status: Mapped[str | None]  # of an account that is not active: takendown, suspended, deactivated, deleted
    status_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "handle"),)


class HandleRow(Base):
    """Which handle a DID had since when. The newest row is the current one."""

    __tablename__ = "handle"

    did: Mapped[str] = mapped_column(ForeignKey("person.did", ondelete="CASCADE"), primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True)
    handle: Mapped[str]


class NoteRow(Base):
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

    __table_args__ = (
        CheckConstraint("said_by = did", name="said_by_owner"),
        CheckConstraint(
            "substr(source_uri, 1, length(did) + 6) = 'at://' || did || '/'", name="source_by_owner"
        ),
        CheckConstraint("(superseded_by IS NULL) = (valid_to IS NULL)", name="closed_by_successor"),
        Index(None, "did", "id"),
        Index(None, "source_uri"),
        {"sqlite_autoincrement": True},  # n12 never names a second note
    )


class RevisionRow(Base):
    """What happened to a person's notes. `key` makes an edit happen once, however often it is tried."""

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

    __table_args__ = (
        UniqueConstraint("key"),
        Index(None, "did", "id"),
        Index(None, "note_id"),
        {"sqlite_autoincrement": True},
    )
