"""Commands about turns."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from support.factory import ANA, ME
from support.harness import Harness

from bot.brains import make
from memory.db import Database


def test_the_list_shows_the_latest_first_with_what_was_asked_and_said(talked):
    cli, (hello, dog, ben) = talked
    shown = cli("turn", "list").out
    assert [line.strip() for line in shown.splitlines() if line.startswith("  at://")] == [
        ben,
        ben,
        dog,
        hello,
    ]
    assert "My dog is called Biscuit" in shown
    assert "→ (nothing: no need)" in shown
    assert "scripted scripted-1  100 + 20 tokens" in shown
    assert [one["uri"] for one in json.loads(cli("turn", "list", "--json", "-n", "1").out)] == [ben]
    assert {one["did"] for one in json.loads(cli("turn", "list", "--json", "--who", "ana.test").out)} == {ANA}


def test_show_tells_what_was_told_where_it_comes_from_what_was_done_and_said(talked):
    cli, (hello, dog, _) = talked
    shown = cli("turn", "show", dog).out
    for part in (
        "@ana.test (did:plc:ana)",
        "became   answered",
        "Rules of conduct  operator: your program · ",
        "What you know of this person  memory: your own notes of what they said · ",
        "> n1 · 2026-11-22 · has a dog called Biscuit",
        "Where those notes come from",
        f"n1 · said 2026-11-22 12:00Z\n  {hello}",
        "> what is my dog called?",
        "What it did  1 call",
        "→ This will be posted.",
        "Biscuit.",
    ):
        assert part in shown
    assert "Agreement is not politeness" not in shown
    assert "Agreement is not politeness" in cli("turn", "show", dog, "--full").out


@pytest.mark.slow
def test_show_tells_which_pictures_went_along_and_a_replay_that_they_do_not(cli):
    (cli.home / "data").mkdir()
    db = Database(f"sqlite:///{cli.home}/data/scrubjay.db")
    db.upgrade()
    harness = Harness(db, cli.home / "data", make("rules"))
    harness.worker._services = replace(
        harness.services, options=replace(harness.services.options, vision=True)
    )
    blob = harness.network.upload(ANA, b"\xff\xd8\xff" + b"x" * 1234, "image/jpeg")
    image = {"alt": "a cat", "image": blob}
    ref = harness.say(ANA, "look", embed={"$type": "app.bsky.embed.images", "images": [image]})
    harness.work()
    db.close()
    shown = cli("turn", "show", ref.uri).out
    heading = "Pictures that went along"
    assert f"{heading}\n  image 1 of the post to answer · image/jpeg, 1,237 bytes" in shown
    assert blob["ref"]["$link"] in shown
    again = json.loads(cli("replay", ref.uri, "--json").out)
    assert [len(again[which]["told"]["images"]) for which in ("then", "now")] == [1, 0]
    assert any(line.startswith("pictures are not fetched again") for line in again["differs"])


def test_the_bots_own_answer_may_be_asked_about(talked):
    cli, (_, dog, _) = talked
    (part, *_) = json.loads(cli("mention", "show", dog, "--json").out)["parts"]
    assert part["ref"]["uri"].startswith(f"at://{ME}/")
    assert cli("turn", "show", part["ref"]["uri"]).out == cli("turn", "show", dog).out


def test_each_attempt_is_shown(talked):
    cli, (_, _, ben) = talked
    shown = cli("turn", "show", ben).out
    assert ("attempt 1 of 2" in shown, "attempt 2 of 2" in shown) == (True, True)
    assert "503" in shown
    assert 'remember {"text": "' + "x" * 150 + "…" in shown
    assert re.search(r"\n    ✗ .*the note has 400 characters", shown)
    assert [one["outcome"] for one in json.loads(cli("turn", "show", ben, "--json").out)] == [
        "trouble",
        "silence",
    ]


@pytest.mark.parametrize("command", [("turn", "list"), ("turn", "show"), ("replay",)])
def test_no_strangers_word_acts_on_the_terminal_and_json_is_one_document(talked, command):
    cli, (_, dog, _) = talked
    target = () if command[-1] == "list" else (dog,)
    shown = cli(*command, *target)
    assert shown.code == 0
    assert not {"\x1b", "\u202e", "\x9b"} & {*shown.out}
    assert [line for line in shown.out.splitlines() if line != line.rstrip()] == []
    assert json.loads(cli(*command, *target, "--json").out)


def test_a_forgotten_note_leaves_its_turns_without_words(talked):
    cli, (hello, dog, _) = talked
    assert cli("memory", "forget", "n1", "--yes").code == 0
    for uri in (hello, dog):
        (one,) = json.loads(cli("turn", "show", uri, "--json").out)
        assert (one["erased"], one["told"], one["reply"]) == (True, None, None)
    assert "Its words were erased" in cli("turn", "show", dog).out
    assert "(erased)" in cli("turn", "list").out
    done = cli("replay", dog)
    assert (done.code, done.out) == (1, "")
    assert "its words were erased" in done.err
    assert "Biscuit" not in cli("turn", "list", "--json").out


def test_with_nothing_kept_the_list_says_so(cli):
    cli("db", "upgrade")
    assert "No turn is kept yet." in cli("turn", "list").err


def test_a_command_that_reads_makes_neither_database_nor_folder(cli):
    done = cli("turn", "list")
    assert (done.code, "`scrubjay run` makes it" in done.err) == (1, True)
    assert not (cli.home / "data").exists()


def test_a_command_that_reads_does_not_change_an_older_schema(cli):
    cli("db", "upgrade")
    with closing(sqlite3.connect(cli.home / "data" / "scrubjay.db")) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '0001'")
    done = cli("turn", "list")
    assert (done.code, "scrubjay db upgrade" in done.err) == (1, True)
