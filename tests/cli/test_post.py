"""Commands about the bot's posts, and the drafts that wait for the operator."""

from __future__ import annotations

import json
import shutil
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from support.cli_seed import AGAIN, BOT, HELLO, REPLY
from support.factory import ANA, ME
from support.harness import REMEMBER, Harness, ScriptedBrain

from bot.domain.approval import Approve
from memory.db import Database


def test_posts_are_listed_by_whom_they_answer(filled):
    found = json.loads(filled("post", "list", "--who", "iris.test", "--json").out)
    assert [said["part"]["ref"]["uri"] for said in found] == [REPLY]
    assert found[0]["part"]["ref"]["uri"].startswith(f"at://{BOT}/")


class Waiting:
    """A draft that waits, and the bot that made it."""

    def __init__(self, cli, migrated, ago=timedelta(0)):
        self.cli, self.data = cli, cli.home / "data"
        self.data.mkdir()
        shutil.copy(migrated, self.data / "scrubjay.db")
        self._network = self._ledger = None
        with self.bot() as bot:
            self._network = bot.network
            bot.network.set_handle(ANA, "ana.test")
            bot.clock.now = datetime.now(UTC) - ago
            bot.introduce(ANA)
            self.ref = bot.say(ANA, "I live in Lisbon")
            bot.work()
        self.uri = self.ref.uri

    @contextmanager
    def bot(self):
        """The bot, started again on what is stored."""
        with closing(Database(f"sqlite:///{self.data / 'scrubjay.db'}")) as db:
            brain = ScriptedBrain(REMEMBER, ("reply", {"text": "Noted, Ana!"}))
            more = {"network": self._network} if self._network else {}
            made = Harness(db, self.data, brain, **more).with_approval(Approve.ALL)
            made.clock.now = datetime.now(UTC)
            yield made

    def said(self):
        with self.bot() as bot:
            bot.work()
            bot.run_jobs()
            return [post.text for post in bot.network.posts(ME)]

    def notes(self):
        with self.bot() as bot:
            return bot.notes(ANA)

    def __call__(self, *args):
        return self.cli("post", *args)


@pytest.fixture
def waiting(cli, migrated):
    return Waiting(cli, migrated)


def test_a_draft_that_waits_is_listed_with_what_it_answers(waiting):
    assert waiting.said() == []
    done = waiting("list", "--held")
    assert "held" in done.out
    assert "@ana.test" in done.out
    assert waiting.uri in done.out
    shown = waiting("show", waiting.uri).out
    assert "Noted, Ana!" in shown
    found = json.loads(waiting("list", "--held", "--json").out)
    assert [(one["mention_uri"], one["held"]) for one in found] == [(waiting.uri, True)]
    assert "No draft waits" in waiting("list", "--held", "--who", "did:plc:nobody").err


def test_the_doctor_tells_how_many_wait(waiting):
    line = next(line for line in waiting.cli("doctor").out.splitlines() if "mentions" in line)
    assert "1 wait for `scrubjay post approve`" in line


def test_an_approved_draft_is_posted_and_remembered(waiting):
    done = waiting("approve", waiting.uri)
    assert "at the next free time" in done.err
    assert "Noted, Ana!" in done.out
    assert waiting.said() == ["Noted, Ana!"]
    assert waiting.notes() == ["lives in Lisbon"]
    done = waiting("approve", waiting.uri)
    assert done.code == 1
    assert "--held" in done.err


def test_in_a_pause_an_approval_says_when_it_is_posted(waiting):
    waiting.cli("pause")
    assert "after the pause" in waiting("approve", waiting.uri).err
    assert waiting.said() == []


def test_what_will_look_late_is_asked_once_more(cli, migrated):
    late = Waiting(cli, migrated, ago=timedelta(days=3))
    done = late("approve", late.uri)
    assert done.code == 2
    assert "3.0 days ago, and will look late" in done.err
    assert late.said() == []
    assert late("approve", late.uri, "--yes").code == 0
    assert late.said() == ["Noted, Ana!"]


def test_an_edited_draft_is_posted_with_the_link_to_its_asker(waiting):
    assert waiting("edit", waiting.uri, "--text", "Good to know, @ana.test.\n---\nReally.").code == 0
    assert waiting.said() == []
    assert "edited" in waiting("list", "--held").out
    waiting("approve", waiting.uri)
    assert waiting.said() == ["Good to know, @ana.test.", "Really."]
    with waiting.bot() as bot:
        first = bot.network.posts(ME)[0]
        assert first.record["facets"][0]["features"][0]["did"] == ANA


@pytest.mark.parametrize("text", ["", " \n---\nx", "x" * 301, "1\n---\n2\n---\n3\n---\n4"])
def test_a_text_that_cannot_be_posted_leaves_the_draft_as_it_was(waiting, text):
    done = waiting("edit", waiting.uri, "--text", text)
    assert done.code == 2
    assert "The draft is as it was" in done.err
    assert "Noted, Ana!" in waiting("show", waiting.uri).out


def test_the_editor_gets_the_draft_and_gives_the_new_one(waiting, monkeypatch):
    editor = waiting.cli.home / "editor"
    editor.write_text('#!/bin/sh\ngrep -q "Noted" "$1" && printf "By hand.\\n" > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    assert waiting("edit", waiting.uri).code == 0
    assert "By hand." in waiting("show", waiting.uri).out


def test_an_editor_that_saves_nothing_changes_nothing(waiting, monkeypatch):
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.delenv("VISUAL", raising=False)
    assert "Nothing was changed" in waiting("edit", waiting.uri).err
    assert "Noted, Ana!" in waiting("show", waiting.uri).out


def test_without_a_terminal_and_without_an_editor_nothing_hangs(waiting, monkeypatch):
    for name in ("EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    done = waiting("edit", waiting.uri)
    assert done.code == 2
    assert "--text" in done.err


def test_the_sentence_that_tells_of_memory_cannot_be_edited_away(waiting):
    with waiting.bot() as bot:
        ref = bot.say("did:plc:cleo", "I live in Lisbon")
        bot.work()
    done = waiting("edit", ref.uri, "--text", "Just this.")
    assert done.code == 2
    assert "tells who is remembered" in done.err
    notice = waiting.cli("mention", "show", ref.uri, "--json")
    told = json.loads(notice.out)["parts"][0]["text"].partition("\n\n")[2]
    assert waiting("edit", ref.uri, "--text", f"Just this.\n\n{told}").code == 0


def test_a_retracted_draft_is_not_posted_and_not_remembered(waiting):
    assert waiting("retract", waiting.uri).code == 2
    assert "withdrawn" in waiting("retract", waiting.uri, "--yes").err
    assert (waiting.said(), waiting.notes()) == ([], [])
    assert waiting("retract", waiting.uri, "--yes").code == 1


@pytest.mark.parametrize("by_answer", [False, True])
def test_a_retracted_answer_is_deleted(waiting, by_answer):
    waiting("approve", waiting.uri)
    waiting.said()
    posted = json.loads(waiting("list", "--json").out)[0]["part"]["ref"]["uri"]
    assert waiting("retract", posted if by_answer else waiting.uri, "--yes").code == 0
    assert waiting.said() == []
    assert "deleted" in waiting("show", posted).out
    assert waiting("retract", posted, "--yes").code == 1


def test_what_is_not_posted_yet_can_be_held(filled):
    done = filled("post", "hold", AGAIN)
    assert done.code == 1
    assert "post list" in done.err
    assert filled("post", "hold", HELLO).code == 1
