"""The command that asks a brain about its own notes."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
from sqlalchemy import text
from support.factory import ANA

from bot.clock import now
from bot.storage import consent
from memory.db import Database

DENIED = "INSERT INTO denial (did, inference, embedding) VALUES (:did, true, false)"
NONE = "There is no note about this person that a prompt may show."


def change(cli, work):
    with closing(Database(f"sqlite:///{cli.home}/data/scrubjay.db")) as db, db.write() as tx:
        work(tx)


def test_each_note_is_asked_for_from_three_sides(talked):
    cli, _ = talked
    (found,) = json.loads(cli("probe", "@ana.test", "--json").out)
    assert found["text"] == "has a dog called Biscuit"
    assert [answer["side"] for answer in found["answers"]] == ["open", "so", "not so"]
    assert found["contradicts"] is False
    shown = cli("probe", "ana.test")
    assert (shown.code, "not so" in shown.out) == (0, True)
    assert "1 note, 3 questions. No contradiction." in shown.err


def test_of_who_has_no_note_nothing_is_asked(talked):
    cli, _ = talked
    assert cli("probe", "did:plc:ben").err.strip() == NONE


def test_an_unknown_person_is_told(talked):
    cli, _ = talked
    assert cli("probe", "did:plc:zoe").code == 1


def test_no_brain_is_shown_a_note_that_waits_for_review(talked):
    cli, _ = talked
    change(cli, lambda tx: tx.execute(text("UPDATE note SET waits = true")))
    assert cli("probe", "ana.test").err.strip() == NONE


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (lambda tx: consent.set_memory_wish(tx, ANA, now(), wanted=False), "not to be remembered"),
        (
            lambda tx: tx.execute(
                text(DENIED),
                {"did": ANA},
            ),
            "no model may be shown",
        ),
    ],
    ids=["no memory", "no inference"],
)
def test_what_the_person_wishes_holds_for_the_operator_too(talked, wish, told):
    cli, _ = talked
    change(cli, wish)
    done = cli("probe", "ana.test")
    assert done.code == 1
    assert told in done.err
