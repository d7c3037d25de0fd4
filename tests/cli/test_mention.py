"""Commands about mentions."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from support.cli_seed import AGAIN, EVIL, HELLO, IRIS, REPLY


@pytest.mark.parametrize(
    ("options", "uris"),
    [
        ((), [AGAIN, EVIL, HELLO]),
        (("--who", "iris.test"), [AGAIN, HELLO]),
        (("--state", "failed"), [EVIL]),
        (("-n", "1"), [AGAIN]),
        (("--who", IRIS, "--state", "failed"), []),
    ],
)
def test_mentions_are_listed_by_person_state_and_number(filled, options, uris):
    found = json.loads(filled("mention", "list", *options, "--json").out)
    assert [entry["mention"]["ref"]["uri"] for entry in found] == uris


def test_a_state_that_only_another_version_knows_is_shown_as_it_is(filled):
    with closing(sqlite3.connect(filled.home / "data" / "scrubjay.db")) as db, db:
        db.execute("UPDATE mention SET state = 'merged' WHERE uri = ?", (EVIL,))
    assert "merged" in filled("mention", "list").out
    assert state(filled, EVIL) == "merged"
    assert filled("doctor").code in {0, 1}
    assert "open" not in filled("mention", "skip", EVIL, "--yes").out


def test_a_mention_is_shown_with_its_answer(filled):
    done = filled("mention", "show", HELLO)
    assert "Hello Iris!" in done.out
    assert REPLY in done.out


def state(cli, uri):
    return json.loads(cli("mention", "show", uri, "--json").out)["state"]


def test_a_failed_mention_may_be_tried_again(filled):
    assert filled("mention", "retry", EVIL).code == 0
    assert state(filled, EVIL) == "waiting"


def test_what_a_forgotten_person_said_is_not_tried_again(filled):
    assert filled("mention", "retry", "forgotten:0123").code == 2


def test_an_open_mention_may_be_skipped_with_a_reason(filled):
    assert filled("mention", "skip", AGAIN, "--yes", "--why", "she asked me in person").code == 0
    assert state(filled, AGAIN) == "declined"
    assert "she asked me in person" in filled("mention", "show", AGAIN).out


def test_an_end_that_the_operator_made_is_told_on_stderr(filled):
    done = filled("mention", "skip", AGAIN, "--yes")
    line = next(json.loads(line) for line in done.err.splitlines() if line.startswith("{"))
    assert (line["event"], line["uri"], line["state"]) == ("mention.ended", AGAIN, "declined")
    assert done.out == ""
