"""What a mention costs: transactions and statements."""

from __future__ import annotations

import pytest
from sqlalchemy import event
from support.factory import ANA
from support.harness import REPLY, Harness, ScriptedBrain

from bot.domain.mention import State
from memory.db import Database

STATEMENTS = "SELECT", "INSERT", "UPDATE", "DELETE", "WITH"


@pytest.fixture
def sqlite(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/jay.db")
    db.upgrade()
    yield db
    db.close()


def test_a_mention_that_is_stored_takes_four_commits_and_at_most_43_statements(sqlite, tmp_path):
    harness = Harness(sqlite, tmp_path, ScriptedBrain(REPLY))
    harness.introduce(ANA)
    harness.say(ANA, "I live in Lisbon")
    harness.work()
    ref = harness.say(ANA, "and my sister in Porto")
    sent, commits = [], []
    event.listen(sqlite.engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    event.listen(sqlite.engine, "commit", commits.append)
    harness.work(1)  # with the storing there are five

    statements = [statement for statement in sent if statement.startswith(STATEMENTS)]
    assert harness.outcome(ref)[0] is State.ANSWERED
    assert len(commits) == 4
    assert len(statements) <= 43, statements
