"""What a model that sees is shown: the pictures themselves, byte for byte, beside their descriptions."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from support.factory import ANA, BEN
from support.harness import Harness
from support.scripted_brains import NO_MODEL, Fails, calls, over_brains, replies

from bot.brains.breaker import FAILURES
from bot.brains.guard import Guarded
from bot.domain.mention import State
from bot.errors import BreakerOpen

pytestmark = pytest.mark.slow

OWN, QUOTED = b"\x89PNG\r\n\x1a\n pixels of a cat", b"\xff\xd8\xff pixels of a dog"
LABELS = "[image 1 of the post to answer: ", "[image 1 of the post that it quotes: "
SETTING = "SCRUBJAY_VISION=false"

sighted = over_brains(rules=NO_MODEL)


@pytest.fixture
def harness(db, tmp_path, rig):
    return Harness(db, tmp_path, rig.brain)


def see(harness, *, vision=True):
    """Let the brain, behind its guard, be one that is said to see, or not to."""
    options = replace(harness.services.options, vision=vision, lease=harness.services.options.lease * 10)
    harness.services = replace(harness.services, options=options)
    return harness.with_brain(Guarded(harness.brain, timeout=options.lease, clock=harness.clock))


def images(harness, did, data, alt):
    image = {"alt": alt, "image": harness.network.upload(did, data, "image/heic")}
    return {"$type": "app.bsky.embed.images", "images": [image]}


def show(harness, did=ANA):
    """A post that shows a cat and quotes one that shows a dog."""
    quoted = harness.network.write(
        BEN,
        {"text": "mine", "embed": images(harness, BEN, QUOTED, "a dog"), "createdAt": "2026-11-22T09:00:00Z"},
    )
    record = {"$type": "app.bsky.embed.record", "record": quoted.to_json()}
    media = images(harness, did, OWN, "a cat")
    both = {"$type": "app.bsky.embed.recordWithMedia", "record": record, "media": media}
    return harness.say(did, "look", embed=both)


def sent(data):
    return b64encode(data).decode()


@sighted
def test_pictures_reach_the_model_byte_for_byte_each_behind_the_place_where_it_was_shown(rig, harness):
    rig.script(calls("recall", {"query": "cat"}), replies("hello"))
    ref = show(see(harness))
    harness.work()
    asked = rig.requests[0]
    wanted = [LABELS[0], sent(OWN), LABELS[1], sent(QUOTED)]
    assert sorted(wanted, key=asked.index) == wanted
    assert asked.index("The post to answer") < asked.index(LABELS[0])
    assert ("image/png" in asked, "image/jpeg" in asked, "image/heic" in asked) == (True, True, False)
    assert (sent(OWN) in rig.requests[1], harness.outcome(ref)[0]) == (True, State.ANSWERED)


@sighted
def test_a_model_that_is_not_said_to_see_is_shown_descriptions_only(rig, harness):
    rig.script(replies("hello"))
    show(see(harness, vision=False))
    harness.work()
    assert [word in rig.requests[0] for word in (sent(OWN), "[image 1", "image/png")] == [False] * 3
    assert ("> a cat" in rig.requests[0], "> a dog" in rig.requests[0]) == (True, True)
    assert "blob" not in [name for name, *_ in harness.network.calls]


@sighted
def test_pictures_are_sent_again_when_a_turn_is_tried_again(rig, harness):
    rig.script(Fails(503), replies("hello"))
    show(see(harness))
    harness.work()
    assert [sent(OWN) in rig.requests[which] for which in (0, -1)] == [True, True]
    assert len(rig.requests) > 1


@sighted
@pytest.mark.parametrize("status", [400, 500])
def test_a_provider_that_takes_no_pictures_is_trouble_that_names_the_setting(rig, harness, status):
    rig.script(Fails(status))
    ref = show(see(harness))
    harness.work(1)
    state, why = harness.outcome(ref)
    assert (state, SETTING in why) == (State.WAITING, True)


@sighted
@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_failure_without_pictures_or_of_an_absent_server_is_not_put_down_to_them(rig, harness, status):
    rig.script(Fails(status))
    ref = show(see(harness)) if status == 503 else see(harness).say(ANA, "hi")
    harness.work(1)
    assert SETTING not in harness.outcome(ref)[1]


@sighted
def test_one_persons_pictures_at_a_model_that_sees_none_do_not_keep_others_waiting(rig, harness):
    rig.script(Fails(500))
    see(harness)
    for _ in range(FAILURES):
        show(harness)
        harness.work(1)
        harness.clock.forward(minutes=1)
    rig.script(replies("hello"))
    ref = harness.say("did:plc:cleo", "hi")
    harness.work()
    state, why = harness.outcome(ref)
    assert (state, BreakerOpen.__doc__ in (why or "")) == (State.ANSWERED, False)
