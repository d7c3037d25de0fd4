"""Of whoever does not want it nothing is in a prompt, a picture, a kept turn or a vector."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from support.events import plain, rows
from support.factory import ME
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain
from support.wishes import block, block_by_list, declare, detach, with_options

from bot.domain.mention import State
from bot.domain.policy import PolicyReason
from bot.errors import TransientNetworkError
from bot.storage import consent
from memory.store import Memory

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PARTS = ("asker", "parent", "root", "quoted")
BYSTANDERS = PARTS[1:]
WORDS = {"asker": "ALBATROSS", "parent": "PELICAN", "root": "ROOSTER", "quoted": "QUETZAL"}


class Vectors:
    """An encoder that keeps what it was given."""

    name, dims = "vectors", 4

    def __init__(self):
        self.seen = []

    def passages(self, texts):
        self.seen += texts
        return np.ones((len(texts), 4), np.float32)

    def query(self, words):
        self.seen.append(" ".join(words))
        return np.ones(4, np.float32)


@dataclass
class Scene:
    """Root > parent > mention, which quotes a post with a picture: four people, others for each `number`."""

    harness: Harness
    encoder: Vectors
    number: int = 0
    ref: object = None

    def did(self, part):
        return f"did:plc:{part}{self.number}"

    def name(self, part):
        return f"{part}name{self.number}.test"

    def next(self):
        """Four other people, two hours later."""
        self.number += 1
        self.harness.clock.forward(hours=2)
        for seen in (self.encoder.seen, self.harness.brain.prompts, self.harness.network.calls):
            seen.clear()

    def play(self):
        """Say it, let it be thought about and posted."""
        network = self.harness.network
        for part in PARTS:
            network.set_handle(self.did(part), self.name(part))
        root = network.write(self.did("root"), plain(WORDS["root"]))
        in_thread = {"root": root.to_json(), "parent": root.to_json()}
        parent = network.write(self.did("parent"), plain(WORDS["parent"]) | {"reply": in_thread})
        image = {"alt": "", "image": network.upload(self.did("quoted"), PIXEL, "image/png")}
        shown = {"embed": {"$type": "app.bsky.embed.images", "images": [image]}}
        quoted = network.write(self.did("quoted"), plain(WORDS["quoted"]) | shown)
        reply = {"root": root.to_json(), "parent": parent.to_json()}
        embed = {"$type": "app.bsky.embed.record", "record": quoted.to_json()}
        asker = self.did("asker")
        self.ref = self.harness.say(asker, WORDS["asker"], rkey="3kabcdefghijk", reply=reply, embed=embed)
        self.harness.work()

    @property
    def is_thought(self):
        return bool(self.harness.brain.prompts)

    def told(self):
        """What the brain was given, and what is kept of it."""
        kept = [str(row["told"]) for row in rows(self.harness, "turn") if row["uri"] == self.ref.uri]
        given = [prompt.text() + repr(prompt.thread) for prompt in self.harness.brain.prompts]
        return "".join(given + kept)

    def called(self, method):
        return [arguments for name, arguments in self.harness.network.calls if name == method]


@pytest.fixture
def scene(db, tmp_path):
    encoder = Vectors()
    harness = Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))
    memory = Memory(encoder=encoder)
    harness.services = replace(harness.services, memory=memory)
    harness.handler = replace(harness.handler, memory=memory)
    harness.listener = replace(harness.listener, handler=harness.handler)
    with_options(harness, vision=True, no_bots_words=frozenset({"#nobot"}))
    return Scene(harness, encoder)


def stop(scene, did):
    with scene.harness.services.db.write() as tx:
        consent.stop(tx, did, scene.harness.clock())


def deny_inference(scene, did):
    declare(scene.harness, did, inference=False)


def deny_embedding(scene, did):
    declare(scene.harness, did, embedding=False)


def hide_from_logged_out(scene, did):
    scene.harness.network.set_labels(did, "!no-unauthenticated")


WISHES = {
    "nothing": lambda scene, did: None,
    "stop": stop,
    "block": lambda scene, did: block(scene.harness, did),
    "list block": lambda scene, did: block_by_list(scene.harness, did),
    "inference": deny_inference,
    "embedding": deny_embedding,
    "logged out": hide_from_logged_out,
    "bio": lambda scene, did: scene.harness.network.set_bio(did, "#nobot"),
}
ENDING = {"stop", "block", "list block", "inference", "bio"}  # of the asker
ENDING_THREAD = {"block", "list block", "bio"}  # of the thread's first author
SHOWING = {"nothing", "embedding"}  # of a bystander


def is_answered(wishes):
    return wishes["asker"] not in ENDING and wishes["root"] not in ENDING_THREAD


@pytest.mark.parametrize(
    ("part", "wish"), list(itertools.product(PARTS, WISHES)), ids=lambda value: value.replace(" ", "-")
)
def test_a_wish_holds_for_whoever_has_it_and_for_nobody_else(scene, part, wish):
    check(scene, dict.fromkeys(PARTS, "nothing") | {part: wish})


@pytest.mark.slow
@pytest.mark.parametrize("of_asker", ["nothing", "embedding", "logged out"])
def test_every_combination_of_wishes_holds(scene, of_asker):
    """On PostgreSQL every pair of them: each scene takes longer there."""
    wishes = ("nothing", "stop", "inference", "embedding")
    for places in itertools.product(range(len(wishes)), repeat=3):
        if not scene.harness.services.db.is_sqlite and sum(places) % len(wishes):
            continue
        of_others = (wishes[place] for place in places)
        scene.next()
        check(scene, dict(zip(PARTS, (of_asker, *of_others), strict=True)))


def check(scene, wishes):
    for part, wish in wishes.items():
        WISHES[wish](scene, scene.did(part))
    scene.play()
    answered = is_answered(wishes)
    assert (scene.harness.outcome(scene.ref)[0] is State.ANSWERED, scene.is_thought) == (answered, answered)
    told = scene.told()
    for part in BYSTANDERS:
        is_shown = answered and wishes[part] in SHOWING
        assert (WORDS[part] in told, scene.name(part) in told) == (is_shown, is_shown), part
    assert (WORDS["asker"] in told) is answered
    assert bool(scene.called("blob")) is (answered and wishes["quoted"] in SHOWING)
    seen = " ".join(scene.encoder.seen)
    assert all(WORDS[part] not in seen for part in BYSTANDERS)
    assert bool(seen) is (answered and wishes["asker"] != "embedding")
    if answered:
        hidden = sum(wishes[part] not in SHOWING for part in BYSTANDERS)
        assert scene.harness.brain.prompts[0].text().count("(not shown)") == hidden


def test_a_detached_quote_is_not_shown_and_its_picture_not_fetched(scene):
    uri = f"at://{scene.did('asker')}/app.bsky.feed.post/3kabcdefghijk"
    write = scene.harness.network.write

    def write_and_detach(did, record, rkey=None, collection="app.bsky.feed.post"):
        ref = write(did, record, rkey, collection)
        if WORDS["quoted"] in str(record.get("text")):
            detach(scene.harness, ref, uri)
        return ref

    scene.harness.network.write = write_and_detach
    scene.play()
    told = scene.told()

    assert (WORDS["quoted"] in told, scene.name("quoted") in told, WORDS["parent"] in told) == (
        False,
        False,
        True,
    )
    assert scene.called("blob") == []
    assert "(not shown)" in scene.harness.brain.prompts[0].text()


def test_who_lets_nobody_quote_a_post_is_shown_it_in_their_own_quote(scene):
    did = scene.did("asker")
    own = scene.harness.network.write(did, plain(WORDS["quoted"]))
    rule = {"embeddingRules": [{"$type": "app.bsky.feed.postgate#disableRule"}], "post": own.uri}
    scene.harness.network.write(did, rule, rkey=own.uri.split("/")[-1], collection="app.bsky.feed.postgate")
    embed = {"$type": "app.bsky.embed.record", "record": own.to_json()}
    refs = [scene.harness.say(who, "see", embed=embed) for who in (did, scene.did("parent"))]
    scene.harness.work()

    assert [scene.harness.outcome(ref)[0] for ref in refs] == [State.ANSWERED] * 2
    prompts = {prompt.mention.uri: prompt.text() for prompt in scene.harness.brain.prompts}
    assert [WORDS["quoted"] in prompts[ref.uri] for ref in refs] == [True, False]


@pytest.mark.parametrize("method", ["relation", "declarations", "profile"])
def test_a_bystander_of_whom_nothing_can_be_read_is_not_shown_and_holds_up_nobody(scene, method):
    read = getattr(scene.harness.network, method)

    async def failing(did, **more):
        if did == scene.did("parent"):
            raise TransientNetworkError("502")
        return await read(did, **more)

    async def failing_with_budget(did, budget=None):
        return await failing(did, budget=budget)

    async def failing_alone(did):
        return await failing(did)

    doubles = {"declarations": failing_with_budget, "relation": failing_alone}
    setattr(scene.harness.network, method, doubles.get(method, failing))
    scene.play()

    assert scene.harness.outcome(scene.ref) == (State.ANSWERED, None)
    assert (WORDS["parent"] in scene.told(), WORDS["root"] in scene.told()) == (False, True)


def test_above_a_post_that_is_not_shown_the_thread_goes_on(scene):
    stop(scene, scene.did("parent"))
    scene.play()
    assert [post.text for post in scene.harness.brain.prompts[0].thread] == [WORDS["root"], None]


def test_a_bystander_is_looked_at_once_in_some_minutes(scene):
    scene.play()
    assert sorted(scene.called("declarations")) == sorted((scene.did(part),) for part in PARTS)
    relations = [did for (did,) in scene.called("relation")]
    assert [relations.count(scene.did(part)) for part in PARTS] == [2, 1, 2, 1]  # the last before the post


def test_existing_vectors_go_when_embedding_is_denied_and_the_words_are_still_found(scene):
    scene.play()
    before = [row["emb"] for row in rows(scene.harness, "passage")]
    deny_embedding(scene, scene.did("asker"))
    scene.harness.clock.forward(minutes=11)
    scene.encoder.seen.clear()
    scene.harness.say(scene.did("asker"), "and the albatross?")
    scene.harness.work()
    passages = rows(scene.harness, "passage")

    assert (all(before), len(passages) > len(before)) == (True, True)
    assert ({row["emb"] for row in passages}, {row["emb_model"] for row in passages}) == ({None}, {None})
    assert scene.encoder.seen == []
    assert "ALBATROSS" in scene.harness.brain.prompts[-1].text()


def test_a_denied_person_stays_out_of_a_new_index(scene):
    deny_embedding(scene, scene.did("asker"))
    scene.play()
    memory, db = scene.harness.services.memory, scene.harness.services.db
    scene.encoder.seen.clear()

    assert list(memory.retrieval.reindex(db)) == [(0, 0)]
    assert (scene.encoder.seen, {row["emb"] for row in rows(scene.harness, "passage")}) == ([], {None})


def test_the_reason_of_a_declined_mention_names_the_denial(scene):
    deny_inference(scene, scene.did("asker"))
    scene.play()
    assert scene.harness.outcome(scene.ref) == (State.DECLINED, PolicyReason.DENIED)
    assert scene.harness.network.posts(ME) == []
