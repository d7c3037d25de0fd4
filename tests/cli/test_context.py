"""How people and posts are named, how an operator is asked, and how errors are shown."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import sys
from contextlib import closing

import pytest
from support.cli_seed import AGAIN, HELLO, IRIS, REPLY

ASKING = [
    ("memory", "forget", "iris.test"),
    ("memory", "forget", "n3"),
    ("memory", "rollback", "iris.test", "--to", "2"),
    ("mention", "skip", AGAIN),
]


@pytest.mark.parametrize("who", ["iris.test", "@iris.test", "@IRIS.test", IRIS, f"@{IRIS}"])
def test_a_person_may_be_named_by_handle_or_did(filled, who):
    notes = json.loads(filled("memory", "list", who, "--json").out)
    assert [note["name"] for note in notes] == ["n1", "n3"]


@pytest.mark.parametrize(
    "uri",
    [
        HELLO,
        HELLO.replace(IRIS, "iris.test"),
        f"https://bsky.app/profile/{IRIS}/post/3kirisirisaaa",
        "https://bsky.app/profile/iris.test/post/3kirisirisaaa/",
    ],
)
def test_a_mention_may_be_named_by_its_uri_or_its_link(filled, uri):
    assert json.loads(filled("mention", "show", uri, "--json").out)["mention"]["ref"]["uri"] == HELLO


def test_the_bots_own_post_may_be_named_by_the_link_with_its_handle(filled):
    link = "https://bsky.app/profile/scrubjay.test/post/3kscrubjayaaa"
    done = filled("post", "show", link, "--json", SCRUBJAY_HANDLE="scrubjay.test")
    assert json.loads(done.out)["part"]["ref"]["uri"] == REPLY


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_without_a_terminal_and_without_yes_nothing_is_destroyed(filled, command):
    before = filled("memory", "export", IRIS).out
    done = filled(*command)
    assert done.code == 2
    assert "--yes" in done.err
    assert filled("memory", "export", IRIS).out == before


def names(cli):
    return [note["name"] for note in json.loads(cli("memory", "list", IRIS, "--json").out)]


def answer(cli, reply: bytes, *args: str) -> int:
    """Run a command on a terminal of its own and type `reply`."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cli.home)
        script = "from bot.cli import main; main(prog_name='scrubjay')"
        os.execv(sys.executable, [sys.executable, "-c", script, *args])
    os.write(terminal, reply)
    try:
        while os.read(terminal, 1024):
            pass
    except OSError:  # the terminal closes with its last process
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.slow
def test_on_a_terminal_it_asks_and_a_no_changes_nothing(filled):
    assert answer(filled, b"n\n", "memory", "forget", "n3") == 1
    assert names(filled) == ["n1", "n3"]
    assert answer(filled, b"y\n", "memory", "forget", "n3") == 0
    assert names(filled) == ["n1"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("memory", "list", "nobody.test"), "Nobody is remembered under"),
        (("person", "show", "did:plc:nobodynobodynobodynobody"), "Nobody is remembered under"),
        (("memory", "show", "n99"), "There is no such note: n99"),
        (("memory", "edit", "n1", " "), "the note is empty"),
        (("mention", "show", HELLO + "x"), "There is no mention"),
        (("mention", "retry", HELLO), "answered"),
        (("mention", "skip", HELLO, "--yes"), "answered"),
        (("post", "show", HELLO), "There is no post"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_one_clear_message_and_exit_1(filled, command, said):
    done = filled(*command)
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def state(cli, uri):
    return json.loads(cli("mention", "show", uri, "--json").out)["state"]


@pytest.mark.parametrize(
    "command",
    [
        ("memory", "show", "biscuit"),
        ("memory", "export"),
        ("memory", "export", "iris.test", "--all"),
        ("memory", "at", "iris.test", "yesterday"),
        ("mention", "show", "3kirisirisaaa"),
        ("mention", "list", "--state", "happy"),
        ("mention", "list", "-n", "0"),
        ("memory", "list"),
        ("fly",),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2(filled, command):
    done = filled(*command)
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize(
    ("damage", "command"),
    [
        ("UPDATE mention SET said_at = 'PRIVATE'", "mention list"),
        ("UPDATE mention SET said_at = 3.5", "mention list"),
        ("UPDATE outbox SET facets = '{PRIVATE'", "post list"),
        ("UPDATE person SET first_seen = 'PRIVATE'", "person list"),
    ],
)
def test_a_value_that_cannot_be_read_is_told_in_one_line_and_not_shown(filled, damage, command):
    with closing(sqlite3.connect(filled.home / "data" / "scrubjay.db")) as db, db:
        db.execute(damage)
    done = filled(*command.split())
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert "a value in it cannot be read" in done.err
    assert "PRIVATE" not in done.err
