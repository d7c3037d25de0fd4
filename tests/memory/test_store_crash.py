"""A crash between any two statements leaves all of a change, or nothing of it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event
from support.memory_people import ALICE, MEMORY, NOW, ROOMY, everything, later, receipt, retain, say

from memory.identifiers import thread_id
from memory.model import Forget, Passage, Remember, RetentionPolicy, Revise

if TYPE_CHECKING:
    from collections.abc import Callable

    from memory.db import Database, Tx


class PowerCut(Exception):
    pass


@contextmanager
def cut_at(db: Database, number: int):
    """Let the `number`th statement fail before it reaches the database. Yields how many were sent."""
    sent = [0]

    def count(_connection, _cursor, statement, *_rest) -> None:
        if statement.startswith(("BEGIN", "PRAGMA", "SET ")):
            return
        if sent[0] == number:
            raise PowerCut
        sent[0] += 1

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", count)


def apply(tx: Tx, *edits) -> None:
    said = receipt(post="p9", said_at=later(9))
    MEMORY.apply(tx, ALICE, edits, said, key=said.uri, actor="rules", at=later(9))


def exchange(tx: Tx) -> None:
    apply(tx, Remember("likes tea"), Remember("lives in Rome"), Forget(3))
    uri = receipt(post="p9").uri
    MEMORY.retrieval.record(
        tx, Passage(ALICE, "said", ALICE, "I live in Rome now", thread_id(uri), uri, later(9))
    )


def carried(tx: Tx) -> None:
    document = json.dumps(MEMORY.export(tx, ALICE))
    MEMORY.erase(tx, ALICE)
    MEMORY.import_(tx, document)


CHANGES: dict[str, Callable[[Tx], object]] = {
    "exchange": exchange,
    "edit": lambda tx: MEMORY.edit(tx, 2, "lives in Turin", actor="operator", at=later(9)),
    "rollback": lambda tx: MEMORY.rollback(tx, ALICE, NOW, actor="operator", at=later(9)),
    "forget": lambda tx: MEMORY.forget_note(tx, 2, actor="operator", at=later(9)),
    "unsay": lambda tx: MEMORY.forget_post(tx, receipt().uri, later(9)),
    "erase": lambda tx: MEMORY.erase(tx, ALICE),
    "import": carried,
    "retain": lambda tx: retain(tx, later(24 * 365), RetentionPolicy()),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_crash_at_any_statement_leaves_nothing_of_a_change(known: Database, change: str):
    (bonn,) = say(known, Remember("lives in Bonn"))
    say(known, Revise(bonn.id, "lives in Oslo"), Remember("has a dog"), post="p2", hours=1)
    say(known, Remember("likes tea"), post="p3", hours=2)
    say(known, Remember("likes tea"), post="p4", hours=3)
    before, number = everything(known), 0
    assert ROOMY.notes > len(before.split("did:plc:alice")) > 0
    while cut(known, CHANGES[change], number):
        assert everything(known) == before
        number += 1
    assert number > 1
    assert everything(known) != before


def cut(db: Database, change: Callable[[Tx], object], number: int) -> bool:
    """Make the change with a power cut at this statement. False if it had fewer statements."""
    with cut_at(db, number) as sent:
        try:
            with db.write() as tx:
                change(tx)
        except PowerCut:
            assert sent[0] == number
            return True
    return False
