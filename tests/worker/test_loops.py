"""Bots without a label that answer each other stop: by the limits, and for the day by their behaviour."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.factory import ANA, LIMITS
from support.harness import Harness, ScriptedBrain

from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.network.in_memory import InMemoryNetwork

WORDS = "There is always more to say about the birds of number {} and their winter stores"


class Chatty(ScriptedBrain):
    """Never says the same twice, and never stays silent."""

    async def think(self, prompt, tools):
        self.prompts.append(prompt)
        letter = chr(ord("a") + len(self.prompts) % 26)
        await tools.call("reply", {"text": WORDS.format(f"{self.name} {letter * 30}")})


def instances(db_of, folder, count):
    """So many bots, each with its own database, on one network."""
    bots, posts = [], {}
    for number in range(count):
        network = InMemoryNetwork(f"did:plc:bot{number}", f"bot{number}.test")
        network._posts = posts
        brain = Chatty()
        brain.name = f"bot {number}"
        place = folder / str(number)
        place.mkdir()
        bots.append(Harness(db_of(place), place, brain, network=network))
    return bots


def address(bot):
    feature = {"$type": "app.bsky.richtext.facet#mention", "did": bot.network.did}
    name = f"@{bot.network.handle}"
    return [{"index": {"byteStart": 0, "byteEnd": len(name)}, "features": [feature]}]


def play(bots, hours):
    """Let each hear what the others post, a second later, for so long. Returns the posts of each."""
    heard = [set() for _ in bots]
    end = bots[0].clock() + timedelta(hours=hours)
    while bots[0].clock() < end:
        fresh = 0
        for bot, known in zip(bots, heard, strict=True):
            for uri, post in list(bot.network._posts.items()):
                if uri not in known and post.did != bot.network.did:
                    known.add(uri)
                    bot.handle(post.ref)
            fresh -= len(bot.network.posts(bot.network.did))
            bot.work()
            fresh += len(bot.network.posts(bot.network.did))
        for bot in bots:
            bot.clock.forward(**({"seconds": 1} if fresh else {"minutes": 5}))
    return [len(bot.network.posts(bot.network.did)) for bot in bots]


@pytest.fixture
def db_of(request):
    from memory.db import Database

    made = []

    def make(folder):
        db = Database(f"sqlite:///{folder}/scrubjay.db")
        db.upgrade()
        made.append(db)
        return db

    yield make
    for db in made:
        db.close()


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 5])
def test_unlabelled_bots_that_face_each_other_stop(db_of, tmp_path, count):
    bots = instances(db_of, tmp_path, count)
    for bot, following in zip(bots, [*bots[1:], bots[0]], strict=True):
        bot.network.write(
            bot.network.did,
            {
                "$type": "app.bsky.feed.post",
                "text": f"@{following.network.handle} what do you know?",
                "createdAt": bot.clock().isoformat(),
                "facets": address(following),
            },
        )
    after_a_day = play(bots, 24)
    assert all(1 < posts <= 1 + bots[0].limits.thread_posts * count for posts in after_a_day)
    assert play(bots, 12) == after_a_day


def test_who_answers_as_fast_as_a_program_is_not_answered_any_more_that_day(db, tmp_path):
    harness = Harness(db, tmp_path, Chatty(), limits=replace(LIMITS, partner_posts=99))
    root = harness.say(ANA, "hello there, my friend")
    ref, outcomes = root, []
    for number in range(6):
        harness.work()
        (answer,) = harness.replies(ref)
        harness.clock.forward(seconds=2)
        under = {"reply": {"root": root.to_json(), "parent": answer.ref.to_json()}}
        ref = harness.say(ANA, WORDS.format("xyzuvw"[number] * 20), **under)
        outcomes.append(harness.outcome(ref))
        harness.work()
        if harness.entry(ref).state is not State.ANSWERED:
            break
    assert harness.outcome(ref) == (State.DECLINED, PolicyReason.BOT)
    assert len(outcomes) == 4
