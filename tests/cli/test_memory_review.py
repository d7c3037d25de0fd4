"""Notes that wait for the operator, on the command line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from support.cli_seed import IRIS


@pytest.fixture
def waiting(filled):
    """Of Iris's notes the last one waits."""
    with closing(sqlite3.connect(filled.home / "data" / "scrubjay.db")) as db, db:
        db.execute("UPDATE note SET waits = 1 WHERE id = 3")
    return filled


def names(cli, *args):
    return [note["name"] for note in json.loads(cli("memory", *args, "--json").out)]


def test_what_waits_is_listed_with_whose_it_is(waiting):
    assert names(waiting, "review") == names(waiting, "review", "iris.test") == ["n3"]
    done = waiting("memory", "review")
    assert "Lives in Lisbon" in done.out
    assert "@iris.test" in done.out
    assert "for `scrubjay memory review`" in waiting("memory", "show", "n3").out
    assert names(waiting, "list", IRIS) == ["n1", "n3"]


def test_an_accepted_note_waits_no_more(waiting):
    assert waiting("memory", "accept", "n3").code == 0
    assert "No note waits" in waiting("memory", "review").err
    done = waiting("memory", "accept", "n3")
    assert (done.code, "does not wait" in done.err) == (1, True)


def test_a_dropped_note_is_gone_and_what_it_replaced_holds_again(waiting):
    assert waiting("memory", "drop", "n3").code == 2
    assert waiting("memory", "drop", "n3", "--yes").code == 0
    assert names(waiting, "list", IRIS) == ["n1", "n2"]


def test_an_edited_note_is_the_operators_and_waits_no_more(waiting):
    assert waiting("memory", "edit", "n3", "Lives in Lisbon, by the river").code == 0
    assert names(waiting, "review") == []
    assert "by the river" in waiting("memory", "list", IRIS).out


@pytest.mark.parametrize("given", [("n3", "n1"), ("n3", "n99")])
def test_of_several_all_are_decided_or_none(waiting, given):
    for command in (("accept",), ("drop", "--yes")):
        assert waiting("memory", *command, *given).code == 1
    assert names(waiting, "review") == ["n3"]


def test_a_drop_that_fails_is_not_made_good_at_the_next_start(waiting):
    assert waiting("memory", "drop", "n3", "n1", "--yes").code == 1
    assert len((waiting.home / "data" / "journal").read_text().splitlines()) == 1  # its head: no wish


def test_a_note_that_is_named_twice_is_dropped_once(waiting):
    done = waiting("memory", "drop", "n3", "N3", "--yes")
    assert (done.code, done.err) == (0, "Dropped: n3.\n")
