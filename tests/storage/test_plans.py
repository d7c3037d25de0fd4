"""What the statements of SQLite read: none that a mention or a list needs reads a whole table."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event
from support.factory import ANA, LIMITS, mention
from support.memory_people import MEMORY, NOW
from support.plans import INTERNAL

from bot.domain.mention import State
from bot.storage import facts, jobs, mentions, outbox, queue, turns, views, waits
from bot.storage.spending import Attempt
from memory.db import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE_TABLE = re.compile(rf"^(?!{INTERNAL})SCAN (?!.*USING (COVERING )?INDEX)|TEMP B-TREE FOR ORDER BY")
STATEMENTS = {
    "the newest mentions": views.entries,
    "the newest mentions in a state": lambda tx: views.entries(tx, state=State.FAILED),
    "the newest mentions of a person": lambda tx: views.entries(tx, did=ANA),
    "the parts of a reply": lambda tx: outbox.parts(tx, "at://x/y/z"),
    "the parts of many replies": lambda tx: outbox.parts_of(tx, ["at://x/y/z", "at://x/y/a"]),
    "the newest posts": views.posts,
    "a post is known": lambda tx: outbox.is_posted(tx, "3k"),
    "a post is deleted": lambda tx: outbox.mark_withdrawn(tx, "3k", NOW),
    "the bot's posts in a thread": lambda tx: outbox.bot_posts_in_thread(tx, "at://x/y/z"),
    "the people seen last": MEMORY.people.recent,
    "the turns with a post are redacted": lambda tx: turns.redact(tx, ["at://x/y/z"]),
    "a mention is due": lambda tx: mentions.is_due(tx, NOW),
    "whose turn it is": lambda tx: (
        mentions.accept(tx, mention(1), now=NOW, due_at=NOW),
        queue.next_waiting(tx, NOW),
    ),
    "a person has a turn": lambda tx: (
        queue.enqueue(tx, ANA, NOW),
        queue._next_person(tx, queue._heads(tx, NOW), NOW),
    ),
    "what was spent": lambda tx: facts.gather(tx, mention(1), Attempt("p", "t", "m", 1), LIMITS, NOW),
    "a job is due": lambda tx: jobs.is_due(tx, NOW),
    "a mention waits that was seen later": lambda tx: waits.are_ahead(tx, NOW),
    "nothing waits": lambda tx: waits.end_all(tx, NOW, timedelta(seconds=1)),
    "a job is claimed": lambda tx: jobs.claim(tx, NOW, lambda _: timedelta(seconds=1)),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Iterator[Database]:
    db = Database(f"sqlite:///{tmp_path_factory.mktemp('plans')}/scrubjay.db")
    db.upgrade()
    yield db
    db.close()


@pytest.mark.parametrize("run", STATEMENTS.values(), ids=STATEMENTS)
def test_no_statement_reads_or_sorts_a_whole_table(empty: Database, run):
    statements = []
    with empty.write() as tx:
        event.listen(tx, "before_cursor_execute", lambda *args: statements.append((args[2], args[3])))
        run(tx)
        made = tuple(statements)
        plans = [
            step.detail
            for statement, values in made
            for step in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    assert plans
    assert [step for step in plans if WHOLE_TABLE.search(step)] == []
