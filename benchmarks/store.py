"""A store as it is after a long time: people, mentions that have ended, notes and what belongs to them.

The rows are made by SQL inside the database, so that a million people take minutes. There are so many
mentions a day, whatever the size: a larger store is an older one. Retention was applied until yesterday.
Passages have no vectors, and a note has one shingle and every fifth one a revision; all else is as the bot
writes it.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from bot.storage import tables as _tables  # noqa: F401 - adds the tables of the bot
from bot.storage.ledger import MAGIC
from memory.retrieval import Retrieval
from memory.rules.consolidation import gist
from memory.tables import Base

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Index

    from memory.db import Database, Tx

SYNCED_AT_ONCE = 50
A_DAY = 5000  # mentions; each is of another person
NOTES = 10  # of a person
COMMON = ("likes rainy days", "rides a bicycle", "drinks too much coffee", "bakes bread", "sleeps badly")
SHARED_BY = 100  # of so many people one says each of these
TEXT_DAYS = 31  # for which texts are kept
SPENT_A_DAY = 300  # answers: the default limit
SCATTER = 2654435761  # odd, so that no two numbers below 2**32 become the same
REPLY = "So you do. " * 150

# Macros: what the two databases write differently. {n} is the number of a person; 0 spoke last.
DIALECTS = {
    "sqlite": {
        "series": "WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n - 1 FROM s WHERE n > 0)",
        "pad": "printf('%0{width}d', {number})",
        "ago": "strftime('%Y-%m-%d %H:%M:%f000', '{now}', '-' || ({seconds}) || ' seconds')",
        "micros": "(({epoch} - {seconds}) * 1000000)",
        "false": "0",
        "bytes": "x'0102030405060708090a0b0c'",
        "number": "CAST({number} AS INTEGER)",
        "fast": "PRAGMA query_only=OFF;PRAGMA synchronous=OFF;PRAGMA foreign_keys=OFF;"
        "PRAGMA cache_size=-1000000",
        "settle": "PRAGMA wal_checkpoint(TRUNCATE)",
    },
    "postgresql": {
        "series": "WITH s(n) AS (SELECT generate_series({first}, 0, -1)::bigint)",
        "pad": "lpad(({number})::text, {width}, '0')",
        "ago": "(timestamptz '{now}Z' - ({seconds}) * interval '1 second')",
        "micros": "(({epoch} - {seconds}) * 1000000)::bigint",
        "false": "false",
        "bytes": "'\\x0102030405060708090a0b0c'::bytea",
        "number": "({number})::bigint",
        "fast": "SET synchronous_commit=off;SET session_replication_role=replica;"
        "SET maintenance_work_mem='1GB'",
        "settle": "VACUUM ANALYZE",  # it does so by itself within minutes
    },
}


class Filler:
    """Writes rows for `people` people into an empty, migrated database."""

    def __init__(self, db: Database, people: int, now: datetime) -> None:
        self.db, self.people, self.now = db, people, now
        self._macros = DIALECTS[db.engine.dialect.name]

    def fill(self, notes: int = NOTES) -> None:
        """Fill all tables. Indexes are dropped before and made again after it, which is faster."""
        with self.db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for setting in self._macros["fast"].split(";"):
                connection.exec_driver_sql(setting)
            indexes = self._indexes(connection)
            for index in indexes:
                index.drop(connection, checkfirst=True)
            for statement in (*self._people(), *self._notes(notes), *self._mentions(), *self._rest()):
                connection.execute(text(statement))
            self._share(connection, notes)
            for index in indexes:
                index.create(connection, checkfirst=True)
            connection.exec_driver_sql(self._macros["settle"])
        self.db.engine.dispose()  # with the settings
        self._sync()

    def _sync(self) -> None:
        """Write the passages of those who spoke last as the bot does, with what only Python can compute."""
        for start in range(0, min(self.people, A_DAY) // 2, SYNCED_AT_ONCE):
            with self.db.write() as tx:
                for number in range(start, start + SYNCED_AT_ONCE):
                    Retrieval().sync(tx, did_of(number))

    def _indexes(self, connection: Connection) -> list[Index]:
        """All indexes in the order they were made: SQLite takes the newer of two that are as good."""
        found = [index for table in Base.metadata.sorted_tables for index in table.indexes]
        if not self.db.is_sqlite:
            return found
        made = "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY rowid"
        names = list(connection.exec_driver_sql(made).scalars())
        return sorted(
            (index for index in found if index.name in names), key=lambda index: names.index(index.name)
        )

    # --- the rows --------------------------------------------------------------------------------

    def _people(self) -> Iterator[str]:
        did, ago, no = self._did("n"), self._ago("n"), self._macros["false"]
        handle = "'user' || n || '.example.com'"
        times = dict.fromkeys(("first_seen", "last_seen", "introduced_at"), ago)
        person = {"did": did, "handle": handle, **times, "told_of_memory": f"NOT {no}"}
        yield self._insert("person", person)
        yield self._insert("handle", {"did": did, "since": ago, "handle": handle})
        yield self._insert("shelf", {"did": did, "stamp": "n"})
        flags = {"blocks": no, "muted": no, "declared_at": ago, "blocks_at": ago}
        yield self._insert("stance", {"did": did, "statements": "'{}'", **flags})

    def _notes(self, notes: int) -> Iterator[str]:
        """The ids rise with time. PostgreSQL's sequences are moved behind them."""
        count = self.people * notes
        who, id_ = self._number(f"n / {notes}"), f"{count} - n"
        did, ago, at = self._did(who), self._ago(who), self._micros(who)
        source = f"'app.bsky.feed.post/3n' || {self._pad('n', 11)}"
        uri, said = f"'at://' || {did} || '/' || {source}", "'keeps the number ' || n || ' in mind'"
        of = {"id": id_, "did": did, "text": said}
        post = {"source_uri": uri, "source_cid": "'bafy'", "said_by": did, "said_at": ago, "written_at": ago}
        yield self._insert("note", {**of, **post, "gist": self._hash(id_)}, count)
        found = {"note_id": id_, "key": self._hash(id_), "thread": "n", "at": at}
        bare = {"kind": "'note'", "source": source, "stems": self._macros["bytes"]}
        yield self._insert("passage", {**of, **found, **bare}, count)
        yield self._insert("note_shingle", {"hash": self._hash(id_), "who": who, "note_id": id_}, count)
        edit = {"did": did, "note_id": id_, "op": "'remember'", "after": said, "actor": "'rules'", "at": ago}
        yield self._insert(
            "revision", {**edit, "source_uri": uri, "key": f"{uri} || '#0'"}, count, "n % 5 = 0"
        )
        yield from self._exchanges(count)
        if not self.db.is_sqlite:
            for table in ("note", "passage"):
                yield f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"

    def _exchanges(self, after: int) -> Iterator[str]:
        """The posts and the answers whose texts are still kept."""
        kept = min(self.people, TEXT_DAYS * A_DAY)
        for place, (kind, author) in enumerate((("said", "NULL"), ("answer", "'did:plc:scrubjay'"))):
            passage = {
                "id": f"{after} + 2 * ({kept} - n) + {place}",
                "key": self._hash(f"-2 * n - {place + 1}"),
                "thread": "n",
                "at": self._micros("n"),
                "did": self._did("n"),
                "kind": f"'{kind}'",
                "author": author,
                "source": f"'app.bsky.feed.post/3m' || {self._pad('n', 11)}",
                "stems": self._macros["bytes"],
                "text": "'what was said when it was number ' || n",
            }
            yield self._insert("passage", passage, kept)

    def _mentions(self) -> Iterator[str]:
        did, ago, uri = self._did("n"), self._ago("n"), self._uri("n")
        other = f"'at://' || {self._did('n + 1')} || '/app.bsky.feed.post/3r' || {self._pad('n', 11)}"
        kept = f"n < {TEXT_DAYS * A_DAY}"
        mention = {
            "uri": uri,
            "cid": f"CASE WHEN {kept} THEN 'bafy' ELSE '' END",
            "did": did,
            "reason": "'mention'",
            "text": f"CASE WHEN {kept} THEN 'I live in number ' || n ELSE '' END",
            "langs": "'en'",
            "root_uri": f"CASE WHEN n % 5 = 0 THEN {other} ELSE {uri} END",
            "parent_uri": f"CASE WHEN n % 5 = 0 THEN {other} END",
            "root_cid": "'bafy'",
            **dict.fromkeys(("said_at", "seen_at", "ended_at"), ago),
            "state": "CASE WHEN n % 20 < 16 THEN 'answered' WHEN n % 20 < 18 THEN 'declined' "
            "WHEN n % 20 = 18 THEN 'silent' ELSE 'expired' END",
            "why": "CASE WHEN n % 20 IN (16, 17) THEN 'limit' END",
            "post_at": f"CASE WHEN n % 20 < 16 THEN {ago} END",
            **dict.fromkeys(("fence", "attempts", "post_failures"), "1"),
            **dict.fromkeys(("tokens_in", "tokens_out", "cost"), "100"),
        }
        yield self._insert("mention", mention)
        key = f"'3p' || {self._pad('n', 11)}"
        post = {"rkey": key, "uri": f"'at://did:plc:scrubjay/app.bsky.feed.post/' || {key}", "cid": "'bafy'"}
        said = {"text": f"CASE WHEN {kept} THEN 'So you do.' ELSE '' END", "facets": "'[]'", "posted_at": ago}
        yield self._insert("outbox", {"mention_uri": uri, "part": "0", **said, **post}, where="n % 20 < 16")
        gate = f"'at://' || {did} || '/app.bsky.feed.threadgate/3m' || {self._pad('n', 11)}"
        record = """'{"allow": null, "hidden": []}'"""
        yield self._insert(
            "gate", {"uri": gate, "post": uri, "record": record, "at": ago}, where="n % 10 = 0"
        )

    def _rest(self) -> Iterator[str]:
        did, ago, uri = self._did("n"), self._ago("n"), self._uri("n")
        kept = min(self.people, TEXT_DAYS * A_DAY)
        turn = {"uri": uri, "did": did, "at": ago, "brain": "'rules'", "model": "''", "persona": "'p'"}
        turn |= {"outcome": "'reply'", "calls": "'[]'", "reply": f"'{REPLY}'", "edits": "'[]'"}
        yield self._insert("turn", {**turn, "tokens_in": "100", "tokens_out": "20", "took_ms": "7"}, kept)
        for step in (0, 1, 2):
            post = f"'at://' || {self._did(f'n + {step}')} || '/app.bsky.feed.post/3s{step}'"
            yield self._insert("answer_source", {"mention_uri": uri, "uri": post, "at": ago}, kept)
        spend = {"at": ago, "kind": "'turn'", "newcomer": self._macros["false"], "fence": "1"}
        spend |= {name: f"'{name}' || n" for name in ("person", "thread", "mention")}
        spend |= dict.fromkeys(
            ("replies", "posts", "points", "calls", "tokens_in", "tokens_out", "money"), "1"
        )
        yield self._insert("spend", spend, min(self.people, A_DAY), f"n % {A_DAY // SPENT_A_DAY} = 0")

    def _share(self, tx: Tx, notes: int) -> None:
        """Let many people say the same: of every SHARED_BY people one says each common thing."""
        chosen = text("UPDATE note SET text = :text, gist = :gist WHERE id % :step = :place")
        for place, said in enumerate(COMMON):
            tx.execute(
                chosen, {"text": said, "gist": gist(said), "step": SHARED_BY * notes, "place": place * notes}
            )

    # --- the SQL ---------------------------------------------------------------------------------

    def _insert(self, table: str, row: dict[str, str], count: int | None = None, where: str = "true") -> str:
        """The INSERT of a row for each n below `count` (None: of each person), the oldest first."""
        series = self._macros["series"].format(first=(self.people if count is None else count) - 1)
        columns, values = ", ".join(row), ", ".join(row.values())
        return f"INSERT INTO {table} ({columns}) {series} SELECT {values} FROM s WHERE {where}"

    def _pad(self, number: str, width: int) -> str:
        return self._macros["pad"].format(number=number, width=width)

    def _number(self, number: str) -> str:
        return self._macros["number"].format(number=number)

    def _did(self, number: str) -> str:
        """The DID of person `number`. The order of DIDs is not that of time."""
        return f"'did:plc:' || {self._pad(f'(({number}) * {SCATTER}) % 4294967296', 24)}"

    def _uri(self, number: str) -> str:
        return f"'at://' || {self._did(number)} || '/app.bsky.feed.post/3m' || {self._pad(number, 11)}"

    @staticmethod
    def _hash(number: str) -> str:
        """A number of 64 bits, as a hash is; but hashes that follow each other are written faster."""
        return f"({number}) * 400000000000"

    def _ago(self, number: str) -> str:
        seconds = f"({number}) * 86400 / {A_DAY}"
        return self._macros["ago"].format(seconds=seconds, now=f"{self.now:%Y-%m-%d %H:%M:%S}")

    def _micros(self, number: str) -> str:
        seconds = f"(({number}) * 86400 / {A_DAY})"
        return self._macros["micros"].format(epoch=int(self.now.timestamp()), seconds=seconds)


def did_of(number: int) -> str:
    """The DID of this person of a filled store."""
    return f"did:plc:{number * SCATTER % 4294967296:024d}"


def write_ledger(path: Path, lines: int) -> None:
    """A ledger with so many mentions that were answered until yesterday, none of a store that has it."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    with path.open("w", encoding="ascii") as file:
        file.write(f"{MAGIC} {secrets.token_hex(32)}\n")
        for ago in reversed(range(lines)):
            file.write(f"a {secrets.token_hex(32)} {last - timedelta(days=ago // A_DAY)}\n")
