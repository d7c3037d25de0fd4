"""The tables of the bot: the queue of mentions, what is said in answer, cursors, gaps, consent, sessions."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables import Base


class MentionRow(Base):
    """A mention and its fate.

    `due_at` is when a worker may take it (next): a waiting one's think time, a draft's post time, an active
    one's end of lease. It is null once there is an outcome.
    """

    __tablename__ = "mention"

    uri: Mapped[str] = mapped_column(primary_key=True)
    cid: Mapped[str]
    did: Mapped[str]
    reason: Mapped[str]
    text: Mapped[str]
    langs: Mapped[str]  # space separated
    root_uri: Mapped[str]
    root_cid: Mapped[str]
    parent_uri: Mapped[str | None]
    parent_cid: Mapped[str | None]
    command: Mapped[str | None]
    rev: Mapped[str | None]  # the repo's revision that last brought it; null: it was never heard
    said_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    retried_at: Mapped[datetime | None]  # by the operator: its age counts anew

    state: Mapped[str]
    due_at: Mapped[datetime | None]
    fence: Mapped[int]
    attempts: Mapped[int]
    worker: Mapped[str | None]
    why: Mapped[str | None]  # the reason of a refusal or silence, the last error of a failure
    admitted_at: Mapped[datetime | None]  # reserved against the limits
    drafted_at: Mapped[datetime | None]
    post_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    brain: Mapped[str | None]
    model: Mapped[str | None]
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost: Mapped[int | None] = mapped_column(BigInteger)  # millionths of a US dollar; null: not known

    __table_args__ = (
        Index(
            "uq_mention_active_did",
            "did",
            unique=True,
            sqlite_where=sql("state IN ('thinking', 'posting')"),
            postgresql_where=sql("state IN ('thinking', 'posting')"),
        ),
        Index(None, "due_at"),
        Index(None, "did", "seen_at"),
        Index(None, "admitted_at"),
        Index(None, "root_uri"),
        Index(None, "post_at"),
    )


class OutboxRow(Base):
    """One post of a reply. Key and record are fixed before it is sent, URI and CID set once it is there."""

    __tablename__ = "outbox"

    mention_uri: Mapped[str] = mapped_column(
        ForeignKey("mention.uri", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    part: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    facets: Mapped[str]  # JSON
    rkey: Mapped[str | None]
    record: Mapped[str | None]  # the exact JSON that is sent
    uri: Mapped[str | None]
    cid: Mapped[str | None]
    posted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]  # when it was known to be gone again

    __table_args__ = (Index(None, "uri"),)


class CursorRow(Base):
    __tablename__ = "cursor"

    host: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]


class StopRow(Base):
    """Who asked not to be answered any more. This is all that is kept of them after `forget`."""

    __tablename__ = "stop"

    did: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class BlockRow(Base):
    """Who blocks the bot. A deletion names the record and no more, so the record is what is kept."""

    __tablename__ = "block"

    uri: Mapped[str] = mapped_column(primary_key=True)
    did: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "did"),)


class GateRow(Base):
    """The threadgate of a thread: who may reply under `post`, as far as the stream has told."""

    __tablename__ = "gate"

    uri: Mapped[str] = mapped_column(primary_key=True)
    post: Mapped[str]
    record: Mapped[str]  # JSON, as a stranger wrote it
    at: Mapped[datetime]

    __table_args__ = (Index(None, "post"),)


class ThreadStopRow(Base):
    """A thread whose first author told the bot to stop there."""

    __tablename__ = "thread_stop"

    root_uri: Mapped[str] = mapped_column(primary_key=True)
    did: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "did"),)


class GapRow(Base):
    """A stretch of a stream in which something may have been missed. `since` and `until` are cursors."""

    __tablename__ = "gap"

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str]
    since: Mapped[int | None] = mapped_column(BigInteger)
    until: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str]
    at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class JobRow(Base):
    """Something to be looked up or done on the network, because of an event. `subject` is a DID or a URI."""

    __tablename__ = "errand"

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int]

    __table_args__ = (Index(None, "due_at"),)


class SessionRow(Base):
    """The account's session, so that a restart is no login."""

    __tablename__ = "session"

    account: Mapped[str] = mapped_column(primary_key=True)
    session: Mapped[str]
    at: Mapped[datetime]


class TurnRow(Base):
    """One thinking about one mention. Everything in words is null once it was erased."""

    __tablename__ = "turn"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    uri: Mapped[str]  # the mention's
    did: Mapped[str]
    at: Mapped[datetime]
    brain: Mapped[str]
    model: Mapped[str]
    persona: Mapped[str]
    outcome: Mapped[str]
    error: Mapped[str | None]
    told: Mapped[str | None]  # JSON, as the other two
    calls: Mapped[str | None]
    reply: Mapped[str | None]
    why: Mapped[str | None]
    edits: Mapped[str | None]
    tokens_in: Mapped[int]
    tokens_out: Mapped[int]
    cost: Mapped[int | None] = mapped_column(BigInteger)  # millionths of a US dollar
    took_ms: Mapped[int]

    __table_args__ = (
        Index(None, "uri"),
        Index(None, "did", "at"),
        Index(None, "at"),
        {"sqlite_autoincrement": True},
    )


class TurnSourceRow(Base):
    """A post whose words a turn has seen. When the post or what is known from it goes, so do they."""

    __tablename__ = "turn_source"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"), primary_key=True)
    uri: Mapped[str] = mapped_column(primary_key=True)

    __table_args__ = (Index(None, "uri"),)
