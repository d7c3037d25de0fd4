"""How a database would carry out the statements that were sent to it: what reads a whole table."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from bot.domain.mention import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memory.db import Database

Statement = tuple[str, Any]

# Who has rows of these is waiting, is being answered, or is a host: they do not grow with the years.
SMALL = frozenset(
    {"cursor", "direct_message", "gap", "introduction", "pause", "session", "spend_day"}
    | {"erasure_salt", "ledger_salt"}
)
FEW = frozenset({"ix_gate_hidden", "ix_pause_ended_at"})  # indexes of few rows, which may be read whole
SCAN = re.compile(r"^SCAN (?P<name>\w+)(?: USING (?:COVERING )?INDEX (?P<index>\w+))?")
# All mentions of a state that is an outcome are nearly all there are, though an index finds them.
OF_A_STATE = re.compile(r"^SEARCH mention USING (COVERING )?INDEX \w+ \(state=\?\)$")
OUTCOME = re.compile(r"mention\.state = '(\w+)'")
OF_LIST = re.compile(r"WHERE mention\.state = \? ORDER BY mention\.seen_at DESC, mention\.uri\s+LIMIT")
ENDED = set(map(str, OUTCOMES))
SCHEMA = (
    "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'sqlite_sequence' ORDER BY type DESC"
)
INDEXED = re.compile(r"^CREATE (?:UNIQUE )?INDEX \w+ ON (?P<name>\w+)")
# what is no table: lanes and `standing` are subqueries of one row, and `answers` end at a limit
INTERNAL = (
    r"SCAN (CONSTANT ROW|\d+ CONSTANT ROWS|\(subquery|json_each|anon_"
    r"|(regular|newcomer|lane|last|standing|answers)( LEFT-JOIN)?$)"
)


@contextmanager
def watched(db: Database) -> Iterator[list[Statement]]:
    """The statements sent within the block, each once, with values of theirs."""
    sent: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: Any) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
            sent.setdefault(statement, values[0] if many else values)

    event.listen(db.engine, "before_cursor_execute", note)
    found: list[Statement] = []
    yield found
    event.remove(db.engine, "before_cursor_execute", note)
    found += sent.items()


def whole_tables(db: Database, statements: list[Statement]) -> list[str]:
    """Where one of these statements reads a whole table that grows: the step of its plan, and the statement.

    A list in the order of an index that ends at its limit reads no more than that.
    """
    read = _of_sqlite if db.is_sqlite else _of_postgres
    return [
        f"{step}: {statement}" for statement, values in statements for step in read(db, statement, values)
    ]


def _of_sqlite(db: Database, statement: str, values: Any) -> list[str]:
    with db.engine.connect() as tx:
        schema = tuple(row.sql for row in tx.exec_driver_sql(SCHEMA))
    found = []
    set_to, _, _ = statement.partition("WHERE")
    asked = set(map(str, (values or ())[set_to.count("?") :]))
    asked |= set(OUTCOME.findall(statement))
    ended = not OF_LIST.search(statement) and asked & ENDED
    for step in _steps(schema, statement, values):
        if ended and OF_A_STATE.match(step):
            found.append(step)
        scan = SCAN.match(step)
        if scan is None or re.match(INTERNAL, step) or scan["name"] in SMALL:
            continue
        limited = "LIMIT" in statement and (scan["index"] or "WHERE" not in statement)
        if not (limited or scan["index"] in FEW):
            found.append(step)
    return found


def _steps(schema: tuple[str, ...], statement: str, values: Any) -> set[str]:
    """The steps of its plans. Of two indexes that are as good the newest is taken, so each is that once."""
    explained = f"EXPLAIN QUERY PLAN {statement}", values or ()
    used = [made for made in schema if (table := INDEXED.search(made)) and table["name"] in statement]
    return {step for made in used or schema[-1:] for *_, step in _emptied(schema, made).execute(*explained)}


@cache
def _emptied(schema: tuple[str, ...], newest: str) -> sqlite3.Connection:
    """A database without rows in which this index was made last."""
    db = sqlite3.connect(":memory:")
    for made in (*(each for each in schema if each != newest), newest):
        db.execute(made)
    return db


def _of_postgres(db: Database, statement: str, values: Any) -> list[str]:
    with db.engine.connect() as tx:
        tx.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are small here
        (plan,) = tx.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalars()
        tx.rollback()
    return list(_whole(plan[0]["Plan"], limited=False))


def _whole(node: dict[str, Any], *, limited: bool) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name")
    if kind == "Seq Scan" and table not in SMALL:
        yield f"{kind} of {table}"
    index = node.get("Index Name")
    if index and index not in FEW and not (limited or "Index Cond" in node):
        yield f"{kind} by {index}"
    limited = kind == "Limit" or (limited and kind not in {"Sort", "Aggregate", "Hash"})
    for child in node.get("Plans", ()):
        yield from _whole(child, limited=limited)
