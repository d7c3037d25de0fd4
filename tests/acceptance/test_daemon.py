"""The daemon as a process of its own, on a real network."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

import pytest
from sqlalchemy.exc import OperationalError
from support import transcript

from bot.demo.daemon import Daemon
from bot.devnet.localnet import LocalNet
from bot.domain.mention import OUTCOMES, State
from bot.errors import NotFound
from bot.storage import views
from memory.db import Database
from memory.errors import DatabaseUnavailable

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

PATIENCE = 100
MENTION = "app.bsky.richtext.facet#mention"


@pytest.fixture
def net(tmp_path):
    with LocalNet(tmp_path / "network") as network:
        yield network


class Bot:
    """An account, its daemon and its database."""

    def __init__(self, net, folder):
        self.actor = net.actor("jay")
        self.actor.label("bot")
        self.daemon = Daemon(folder, net, self.actor.account)
        self.database = Database(f"sqlite:///{folder / 'data' / 'scrubjay.db'}")

    def entry(self, ref):
        with self.database.read() as tx:
            return views.entry(tx, ref.uri)

    def outcome(self, ref):
        """Wait for what becomes of this post."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(NotFound, OperationalError, DatabaseUnavailable):  # not heard, or no tables yet
                if (state := self.entry(ref).state) in OUTCOMES:
                    return state
            time.sleep(0.05)
        return None

    def replies(self):
        """How many of the bot's posts answer which post."""
        return Counter(post.record["reply"]["parent"]["uri"] for post in self.actor.posts())


@pytest.fixture
def bot(net, tmp_path):
    made = Bot(net, tmp_path)
    yield made
    made.daemon.kill()
    made.database.close()


@pytest.fixture(scope="module")
def demo():
    """The demo, whose daemon is killed five times: its summary on stdout, the conversation on stderr."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "demo", "--json", "--kill", "5"],
        capture_output=True,
        text=True,
        env=transcript.ENVIRONMENT,
        timeout=200,
        check=False,
    )


def test_killed_five_times_at_random_every_mention_has_one_outcome_and_one_reply(demo):
    summary = json.loads(demo.stdout)
    faults = {key: summary[key] for key in ("double", "lost", "wrong")}
    assert (faults, summary["kills"]) == ({"double": 0, "lost": 0, "wrong": []}, 5), demo.stderr
    assert (demo.returncode, summary["mentions"], summary["answered"]) == (0, 24, 19)


def test_the_transcript_in_the_readme_is_what_the_demo_prints(demo):
    assert transcript.stable(transcript.of_readme()) == transcript.stable(transcript.excerpt(demo.stderr)), (
        "run: make transcript"
    )


def test_a_listener_and_two_workers_beside_a_whole_daemon_answer_each_mention_once(bot, net, tmp_path):
    ana = net.actor("ana")
    others = [Daemon(tmp_path, net, bot.actor.account) for _ in range(3)]
    bot.daemon.start()
    for other, role in zip(others, ("listen", "work", "work"), strict=True):
        other.start(role)
    refs = [ana.post("@jay.test hello, I like rain", mentions=[bot.actor]) for _ in range(6)]
    states = [bot.outcome(ref) for ref in refs]
    for daemon in others:
        assert daemon.stop() == 0

    assert states == [State.ANSWERED] * 6
    assert bot.replies() == Counter({ref.uri: 1 for ref in refs})


def test_the_network_may_die_and_come_back(bot, net):
    ana = net.actor("ana")
    bot.daemon.start()
    first = ana.post("@jay.test hello, I like rain", mentions=[bot.actor])
    assert bot.outcome(first) == State.ANSWERED
    net.kill()
    time.sleep(1)
    net.start()
    second = ana.post("@jay.test I live in Lisbon", mentions=[bot.actor])

    assert bot.outcome(second) == State.ANSWERED
    assert bot.replies() == Counter([first.uri, second.uri])


def test_malformed_posts_are_survived_and_the_next_mention_is_answered(bot, net):
    ana = net.actor("ana")
    bot.daemon.start()
    facet = {"index": {"byteStart": 0, "byteEnd": 9}, "features": [{"$type": MENTION, "did": bot.actor.did}]}
    outside = {**facet, "index": {"byteStart": 5, "byteEnd": 10**9}}
    nowhere = {"uri": "at://did:plc:nobody/app.bsky.feed.post/3lbbbbbbbbbbb", "cid": "bafyreigarbage"}
    post = {"$type": "app.bsky.feed.post", "createdAt": "2026-11-22T12:00:00Z"}
    for record in (
        {**post, "facets": [facet]},
        {**post, "text": 7, "facets": [facet]},
        {**post, "text": "", "facets": [facet]},
        {**post, "text": "@jay.test \u202e\u0000 I like rain \ud83d\udc26", "facets": [outside, facet]},
        {**post, "text": "@jay.test", "facets": [facet], "reply": {"parent": nowhere, "root": nowhere}},
        {**post, "text": "@jay.test " + "x" * 100_000, "facets": [facet]},
        {**post, "text": "@jay.test", "facets": "none", "embed": [bot.actor.did]},
    ):
        ana.write(record, validate=False)
    ref = ana.post("@jay.test hello, I like rain", mentions=[bot.actor])

    assert bot.outcome(ref) == State.ANSWERED
    assert set(bot.replies().values()) == {1}
    assert bot.daemon.stop() == 0


def test_an_account_that_does_not_say_that_it_is_a_bot_is_refused(bot):
    bot.actor.label()
    bot.daemon.start()
    code = bot.daemon.wait(30)

    assert code == 78
    assert "self-label" in bot.daemon.log.read_text()


def test_a_conversation_in_the_terminal(tmp_path):
    said = ["Hello!", "My dog is called Biscuit", "What is my dog's name?", "👍", "/memory", "forget me"]
    chat = subprocess.run(
        [sys.executable, "-m", "bot", "chat"],
        input="\n".join([*said, "/memory", "/quit"]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )

    assert chat.returncode == 0, chat.stderr
    known, after = chat.stdout.split("Done: I've erased")
    assert known.count("Biscuit") >= 3
    assert "(silent" in known
    assert "at://did:web:" in known
    assert "(nothing)" in after
    assert "Biscuit" not in after


def test_an_interrupt_ends_the_conversation_without_another_enter(tmp_path):
    terminal, keyboard = pty.openpty()
    chat = subprocess.Popen(
        [sys.executable, "-m", "bot", "chat"], stdin=keyboard, stdout=subprocess.PIPE, cwd=tmp_path
    )
    chat.stdout.readline()  # it says how to talk to it, and asks
    time.sleep(0.5)
    chat.send_signal(signal.SIGINT)
    try:
        assert chat.wait(15) == 0
    finally:
        chat.kill()
        chat.stdout.close()
        os.close(terminal)
        os.close(keyboard)
