"""What every command prints, and that no text of strangers controls the terminal."""

from __future__ import annotations

import json

import pytest
from support.cli_seed import EVIL, HELLO, REPLY

READING = [
    ("person", "list"),
    ("person", "show", "iris.test"),
    ("memory", "list", "iris.test"),
    ("memory", "show", "n1"),
    ("memory", "why", "n3"),
    ("memory", "history", "iris.test"),
    ("memory", "search", "dog"),
    ("memory", "at", "iris.test", "2026-11-22T12:30"),
    ("memory", "diff", "iris.test", "1", "3"),
    ("mention", "list"),
    ("mention", "show", HELLO),
    ("post", "list"),
    ("post", "show", REPLY),
    ("gap", "list"),
    ("gap", "list", "--open"),
    ("db", "check"),
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_with_json_a_reading_command_prints_one_document_and_nothing_else(filled, command):
    done = filled(*command, "--json")
    json.loads(done.out)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_is_piped_has_no_colours_and_no_padding(filled, command):
    done = filled(*command)
    assert done.out.strip()
    assert "\x1b" not in done.out
    assert [line for line in done.out.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize(
    "command",
    [
        ("memory", "list", "mallory.test"),
        ("memory", "history", "mallory.test"),
        ("memory", "search", "zebra"),
        ("memory", "at", "mallory.test", "2026-11-22"),
        ("memory", "diff", "iris.test", "2", "2"),
        ("mention", "list", "--state", "expired"),
        ("post", "list", "--who", "mallory.test"),
    ],
    ids=" ".join,
)
def test_nothing_found_is_said_on_stderr_and_is_no_failure(filled, command):
    done = filled(*command)
    assert (done.code, done.out) == (0, "")
    assert done.err.strip()


def test_what_strangers_write_cannot_act_on_the_terminal(filled):
    for command in (("mention", "list"), ("mention", "show", EVIL), ("mention", "show", EVIL, "--json")):
        done = filled(*command)
        assert "\\u001b[31mred" in done.out
        assert "[bold]loud[/bold]" in done.out
        assert "\\u202egnorw\\u009b" in done.out
        assert all(char.isprintable() or char == "\n" for char in done.out)
