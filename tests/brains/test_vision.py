"""What a model that sees is shown: the pictures themselves, byte for byte, beside their descriptions."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from support.factory import ANA, BEN
from support.harness import Crew
from support.scripted_brains import NO_MODEL, Fails, calls, over_minds, replies

from bot.brains.guard import FAILURES, Guarded
from bot.domain.mention import State
from bot.errors import BrainResting

OWN, QUOTED = b"\x89PNG\r\n\x1a\n pixels of a cat", b"\xff\xd8\xff pixels of a dog"
LABELS = "[image 1 of the post to answer: ", "[image 1 of the post that it quotes: "
SETTING = "SCRUBJAY_VISION=false"

sighted = over_minds(rules=NO_MODEL)


@pytest.fixture
def crew(db, tmp_path, mind):
    return Crew(db, tmp_path, mind.brain)


def see(crew, *, vision=True):
    """Let the brain, behind its guard, be one that is said to see, or not to."""
    options = replace(crew.bench.options, vision=vision, lease=crew.bench.options.lease * 10)
    crew.bench = replace(crew.bench, options=options)
    return crew.with_brain(Guarded(crew.brain, timeout=options.lease, clock=crew.clock))


def images(crew, did, data, alt):
    image = {"alt": alt, "image": crew.network.upload(did, data, "image/heic")}
    return {"$type": "app.bsky.embed.images", "images": [image]}


def show(crew, did=ANA):
    """A post that shows a cat and quotes one that shows a dog."""
    quoted = crew.network.write(
        BEN,
        {"text": "mine", "embed": images(crew, BEN, QUOTED, "a dog"), "createdAt": "2026-11-22T09:00:00Z"},
    )
    record = {"$type": "app.bsky.embed.record", "record": quoted.to_json()}
    media = images(crew, did, OWN, "a cat")
    both = {"$type": "app.bsky.embed.recordWithMedia", "record": record, "media": media}
    return crew.say(did, "look", embed=both)


def sent(data):
    return b64encode(data).decode()


@sighted
def test_pictures_reach_the_model_byte_for_byte_each_behind_the_place_where_it_was_shown(mind, crew):
    mind.script(calls("recall", {"query": "cat"}), replies("hello"))
    ref = show(see(crew))
    crew.work()
    asked = mind.requests[0]
    wanted = [LABELS[0], sent(OWN), LABELS[1], sent(QUOTED)]
    assert sorted(wanted, key=asked.index) == wanted
    assert asked.index("The post to answer") < asked.index(LABELS[0])
    assert ("image/png" in asked, "image/jpeg" in asked, "image/heic" in asked) == (True, True, False)
    assert (sent(OWN) in mind.requests[1], crew.fate(ref)[0]) == (True, State.ANSWERED)


@sighted
def test_a_model_that_is_not_said_to_see_is_shown_descriptions_only(mind, crew):
    mind.script(replies("hello"))
    show(see(crew, vision=False))
    crew.work()
    assert [word in mind.requests[0] for word in (sent(OWN), "[image 1", "image/png")] == [False] * 3
    assert ("> a cat" in mind.requests[0], "> a dog" in mind.requests[0]) == (True, True)
    assert "blob" not in [name for name, *_ in crew.network.calls]


@sighted
def test_pictures_are_sent_again_when_a_turn_is_tried_again(mind, crew):
    mind.script(Fails(503), replies("hello"))
    show(see(crew))
    crew.work()
    assert [sent(OWN) in mind.requests[which] for which in (0, -1)] == [True, True]
    assert len(mind.requests) > 1


@sighted
@pytest.mark.parametrize("status", [400, 500])
def test_a_provider_that_takes_no_pictures_is_trouble_that_names_the_setting(mind, crew, status):
    mind.script(Fails(status))
    ref = show(see(crew))
    crew.work(1)
    state, why = crew.fate(ref)
    assert (state, SETTING in why) == (State.WAITING, True)


@sighted
@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_failure_without_pictures_or_of_an_absent_server_is_not_put_down_to_them(mind, crew, status):
    mind.script(Fails(status))
    ref = show(see(crew)) if status == 503 else see(crew).say(ANA, "hi")
    crew.work(1)
    assert SETTING not in crew.fate(ref)[1]


@sighted
def test_one_persons_pictures_at_a_model_that_sees_none_do_not_keep_others_waiting(mind, crew):
    mind.script(Fails(500))
    see(crew)
    for _ in range(FAILURES):
        show(crew)
        crew.work(1)
        crew.clock.forward(minutes=1)
    mind.script(replies("hello"))
    ref = crew.say("did:plc:cleo", "hi")
    crew.work()
    state, why = crew.fate(ref)
    assert (state, BrainResting.__doc__ in (why or "")) == (State.ANSWERED, False)
