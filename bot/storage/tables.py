"""The tables of the bot: mentions, outbox, pauses, spending, cursors, consent, jobs, turns, ledger."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, false, true
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from memory.tables import Base, by_prefix, where

GATES_THAT_HIDE = "record NOT LIKE '%\"hidden\": []%'"  # replies


class MentionRow(Base):
    """A mention, its state and its outcome.

    `due_at` is when a worker may claim it: the time to think of a waiting mention, the time to post of a
    drafted one, the end of the lease of an active one. It is null once there is an outcome.
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
    rev: Mapped[str | None]  # the repo's revision with its last edit; null: no stream brought it
    said_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    retried_at: Mapped[datetime | None]  # by the operator: its age counts from here
    answer_forgotten: Mapped[bool] = mapped_column(server_default=false())  # erase the answer at the end
    hidden_root: Mapped[str | None]  # what stands for `root_uri` from the end on: a salted hash
    merged_into: Mapped[str | None]  # the mention in whose turn this one ended

    state: Mapped[str]
    due_at: Mapped[datetime | None]
    fence: Mapped[int]
    attempts: Mapped[int]
    post_failures: Mapped[int] = mapped_column(server_default=sql("0"))  # turns that the post may have failed
    worker: Mapped[str | None]
    why: Mapped[str | None]  # the reason of the outcome, or the last error
    admitted_at: Mapped[datetime | None]  # of earlier versions; what counts stands in `spend`
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
        Index(
            "ix_mention_waiting_did_due_at",
            "did",
            "due_at",
            sqlite_where=sql("state = 'waiting'"),
            postgresql_where=sql("state = 'waiting'"),
        ),
        Index("ix_mention_answered", "did", "ended_at", **where("state = 'answered'")),
        Index(None, "due_at"),
        Index(None, "did", "seen_at"),
        Index(None, "seen_at"),
        Index(None, "state", "seen_at"),
        Index(None, "ended_at"),
        Index("ix_mention_kept", "ended_at", **where("cid <> ''")),
        Index("ix_mention_root_seen_at", "root_uri", "seen_at", **by_prefix("root_uri")),
        Index("ix_mention_merged_into", "merged_into", **where("merged_into IS NOT NULL")),
        Index(
            "ix_mention_parent", "parent_uri", **where("parent_uri IS NOT NULL"), **by_prefix("parent_uri")
        ),
        Index(None, "post_at"),
    )


class PersonQueueRow(Base):
    """A person whose mentions wait. The earliest `turn_at` comes first; who had a turn goes to the end.

    The row of the empty DID is that of all newcomers together.
    """

    __tablename__ = "person_queue"

    did: Mapped[str] = mapped_column(primary_key=True)
    newcomer: Mapped[bool]  # had no answer yet
    turn_at: Mapped[datetime]
    served: Mapped[int]
    held: Mapped[bool]  # until `turn_at`, by a limit

    __table_args__ = (Index(None, "newcomer", "turn_at", "served"), Index(None, "held", "turn_at"))


class PauseRow(Base):
    """A time in which the operator lets the bot answer nothing. `until`: it ends by itself then."""

    __tablename__ = "pause"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    began_at: Mapped[datetime]
    until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ages: Mapped[bool]  # whether mentions grow older meanwhile

    __table_args__ = (Index(None, "ended_at"),)


class OutboxRow(Base):
    """One post of a reply. Key and record are fixed before it is sent; URI and CID are set after that."""

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
    edited_at: Mapped[datetime | None]  # when the operator wrote this text
    withdrawn_at: Mapped[datetime | None]  # when the bot learned that the post was deleted

    __table_args__ = (Index(None, "uri"), Index(None, "rkey"), Index(None, "posted_at", "part"))


class IntroductionRow(Base):
    """What a turn wants remembered of a person, until the reply is posted."""

    __tablename__ = "introduction"

    mention_uri: Mapped[str] = mapped_column(
        ForeignKey("mention.uri", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    key: Mapped[str | None]  # null: the person is told, but not remembered
    edits: Mapped[str]  # JSON
    answer: Mapped[str]
    tells: Mapped[bool] = mapped_column(server_default=true())  # the reply tells the person what the bot is


class DirectMessageRow(Base):
    """One direct message of the answer to a mention, until the mention ends."""

    __tablename__ = "direct_message"

    mention_uri: Mapped[str] = mapped_column(
        ForeignKey("mention.uri", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]  # null once it is sent
    after: Mapped[str | None]  # id of the message before it; null: it was not tried yet
    sent: Mapped[str | None]  # its own id


class SpendRow(Base):
    """What one attempt at an answer has reserved or spent. Who it was for stands as salted hashes only.

    An attempt is a claim of a mention (`mention`, `fence`); what the program does by itself has rows, too.
    """

    __tablename__ = "spend"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]  # of SpendKind
    person: Mapped[str]
    thread: Mapped[str]
    mention: Mapped[str]
    fence: Mapped[int]
    newcomer: Mapped[bool]  # had no answer yet
    replies: Mapped[int]
    posts: Mapped[int]
    points: Mapped[int]
    calls: Mapped[int]
    tokens_in: Mapped[int] = mapped_column(BigInteger)
    tokens_out: Mapped[int] = mapped_column(BigInteger)
    money: Mapped[int] = mapped_column(BigInteger)  # millionths of a US dollar

    __table_args__ = (
        Index(None, "at"),
        Index(None, "person", "at"),
        Index(None, "thread", "at"),
        Index(None, "mention", "fence"),
        {"sqlite_autoincrement": True},
    )


class SpendDayRow(Base):
    """What was spent on one day, UTC, once its rows of `spend` are removed."""

    __tablename__ = "spend_day"

    day: Mapped[str] = mapped_column(primary_key=True)  # 2026-11-22
    kind: Mapped[str] = mapped_column(primary_key=True)
    replies: Mapped[int]
    posts: Mapped[int]
    points: Mapped[int]
    calls: Mapped[int]
    tokens_in: Mapped[int] = mapped_column(BigInteger)
    tokens_out: Mapped[int] = mapped_column(BigInteger)
    money: Mapped[int] = mapped_column(BigInteger)


class CursorRow(Base):
    __tablename__ = "cursor"

    host: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]


class StopRow(Base):
    """A person who asked not to be answered. Only this is kept of them after `forget me`."""

    __tablename__ = "stop"

    did: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class MemoryWishRow(Base):
    """Whether a person wants to be remembered. That they do not is kept after `forget me`, too."""

    __tablename__ = "memory_wish"

    did: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    wanted: Mapped[bool]


class BlockRow(Base):
    """A block of the bot. The key is the record's URI, because a deletion names only that."""

    __tablename__ = "block"

    uri: Mapped[str] = mapped_column(primary_key=True)
    did: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "did"),)


class StanceRow(Base):
    """Where a person stands towards the bot, as their repo and the AppView told, and when they were read.

    A time that is null: not read, or changed since.
    """

    __tablename__ = "stance"

    did: Mapped[str] = mapped_column(primary_key=True)
    statements: Mapped[str]  # JSON: what each of their declarations says of the bot, by AT URI
    declared_at: Mapped[datetime | None]  # when these were read
    blocks: Mapped[bool]  # by the AppView, also by a list
    muted: Mapped[bool]  # by the bot's own account
    blocks_at: Mapped[datetime | None]  # when their blocks and the AppView were read


class GateRow(Base):
    """The threadgate of a thread: who may reply under `post`, the thread's first post."""

    __tablename__ = "gate"

    uri: Mapped[str] = mapped_column(primary_key=True)
    post: Mapped[str]
    record: Mapped[str]  # JSON of a Gate
    at: Mapped[datetime]

    __table_args__ = (Index(None, "post"), Index("ix_gate_hidden", "uri", **where(GATES_THAT_HIDE)))


class ThreadStopRow(Base):
    """A thread in which its first author told the bot to stop."""

    __tablename__ = "thread_stop"

    root_uri: Mapped[str] = mapped_column(primary_key=True)
    did: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index(None, "did"),)


class GapRow(Base):
    """A stretch of a stream in which events may be missing. `since` and `until` are cursors."""

    __tablename__ = "gap"

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str]
    since: Mapped[int | None] = mapped_column(BigInteger)
    until: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str]
    at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class JobRow(Base):
    """A job. `subject` is a DID, a record key or `brain`. The table has the name of earlier versions."""

    __tablename__ = "errand"

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int]

    __table_args__ = (Index(None, "due_at"),)


class SessionRow(Base):
    """The account's session, so that a restart needs no new login."""

    __tablename__ = "session"

    account: Mapped[str] = mapped_column(primary_key=True)
    session: Mapped[str]
    at: Mapped[datetime]


class TurnRow(Base):
    """A turn record. After erasure, all columns with texts are null."""

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
    told: Mapped[str | None]  # JSON of a TurnInput
    calls: Mapped[str | None]  # JSON
    reply: Mapped[str | None]
    why: Mapped[str | None]
    edits: Mapped[str | None]  # JSON
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


class SourceRow(Base):
    """A post that the bot was shown when it thought about a mention. Empty: nobody knows which ones.

    When the post is erased, so is what is kept of the answer and of the turns. The mention may be one that
    only another database has: its answer was imported.
    """

    __tablename__ = "answer_source"

    mention_uri: Mapped[str] = mapped_column(primary_key=True)
    uri: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]

    __table_args__ = (
        Index("ix_answer_source_post", "uri", **by_prefix("uri")),
        Index("ix_answer_source_mention", "mention_uri", **by_prefix("mention_uri")).ddl_if("postgresql"),
        Index(None, "at"),
    )


class ErasureRow(Base):
    """A line of the journal of erasures: for the other machines, and to tell a database that was restored.

    `applied`: this database has nothing of it any more. What another file brought is still to be looked for.
    """

    __tablename__ = "erasure"

    hash: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    applied: Mapped[bool] = mapped_column(server_default=false())


class ErasureSaltRow(Base):
    """The salt of the journal of erasures: one row, with the id 1. Only PostgreSQL has it."""

    __tablename__ = "erasure_salt"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    salt: Mapped[str]


class LedgerRow(Base):
    """A line of the ledger, for the other machines. `day`: the latest. Only PostgreSQL has rows."""

    __tablename__ = "ledger_line"

    kind: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str]

    __table_args__ = (Index(None, "day"),)


class LedgerSaltRow(Base):
    """The salts of the ledgers, the one to hash with first. Only PostgreSQL has them."""

    __tablename__ = "ledger_salt"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    salt: Mapped[str]
