"""What a provider may answer with status 200: answers with odd metadata, and bodies that are none."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from support.brain_script import Call, Says
from support.factory import ANA
from support.harness import Harness
from support.loopback import Answer
from support.model_brain import ModelRig
from support.talker import Talker

from bot.brains.guard import Guarded
from bot.domain.mention import State
from bot.errors import TransientBrainError

TEXT, CALL = Says(text="Hello there!"), Says((Call("reply", {"text": "Hello there!"}),))


@pytest.fixture
def rig():
    with (made := ModelRig()).server:
        yield made


def answer(rig, body, **more):
    rig.server._answer = lambda _: Answer(body, **more)


async def think(rig, body, **more):
    answer(rig, body, **more)
    return (await Talker(rig.brain).think("hello")).reply


def changed(body, path, value):
    """The body with this value at a path such as `choices.0.message`."""
    body = copy.deepcopy(body)
    *way, last = [int(one) if one.isdigit() else one for one in path.split(".")]
    at = body
    for one in way:
        at = at[one]
    at[last] = value
    return body


FUNCTION = "choices.0.message.tool_calls.0.function.arguments"
SAME = [
    (TEXT, "choices.0.finish_reason", "eos"),
    (TEXT, "choices.0.finish_reason", "STOP"),
    (TEXT, "choices.0.finish_reason", "end_turn"),
    (CALL, "choices.0.finish_reason", "tool_use"),
    (CALL, "choices.0.finish_reason", "stop"),
    (TEXT, "usage", None),
    (TEXT, "service_tier", "standard"),
    (TEXT, "created", None),
    (TEXT, "choices.0.message.content", [{"type": "text", "text": "Hello there!"}]),
    (TEXT, "choices.0.message.content", "<think>a secret</think>\n\nHello there!"),
    (TEXT, "choices.0.message.content", "a secret</think>Hello there!<|im_end|>"),
    (TEXT, "choices.0.message.reasoning_content", "a secret"),
    (CALL, "choices.0.message.tool_calls.0.id", ""),
    (CALL, "choices.0.message.content", "I will say hello."),
    (CALL, FUNCTION, '"{\\"text\\": \\"Hello there!\\"}"'),
    (CALL, FUNCTION, "Hello there!"),
]


@pytest.mark.parametrize(
    ("says", "path", "value"), SAME, ids=[f"{path}={value!r}" for _, path, value in SAME]
)
async def test_an_answer_with_odd_metadata_is_an_answer(rig, says, path, value):
    assert await think(rig, changed(rig._completion(says), path, value)) == "Hello there!"


UNWHOLE = [
    *(None, "", "error", "abort", "network_error", "model_length", "max_tokens", "content_filter", "length"),
    *("insufficient_system_resource", "whatever", 7),
]


@pytest.mark.parametrize("finish", UNWHOLE)
@pytest.mark.parametrize("says", [TEXT, CALL], ids=["text", "call"])
async def test_only_an_answer_that_is_known_as_whole_is_said(rig, says, finish):
    person = Talker(rig.brain)
    answer(rig, changed(rig._completion(says), "choices.0.finish_reason", finish))
    with pytest.raises(TransientBrainError):
        await person.think("hello")
    assert person.said is None


ERROR = {"message": "Provider returned error", "code": 429}
BODIES = {
    "no choices": {"choices": []},
    "choices null": {"choices": None},
    "only an error": ("whole", {"error": ERROR, "user_id": "u"}),
    "an error, all else null": ("whole", {"id": None, "choices": None, "created": None, "error": ERROR}),
    "nested": ("whole", {"id": None, "choices": None, "provider": {"choices": []}}),
    "message null": {"choices": [{"index": 0, "message": None, "finish_reason": "stop"}]},
    "a choice that is none": {"choices": [None]},
    "choices of text": {"choices": ["Hello there!"]},
    "choices an object": {"choices": {"0": "Hello"}},
    "content an object": {
        "choices": [{"index": 0, "message": {"content": {"a": 1}}, "finish_reason": "stop"}]
    },
    "content a number": {"choices": [{"index": 0, "message": {"content": 7}, "finish_reason": "stop"}]},
    "calls of text": {
        "choices": [{"index": 0, "message": {"tool_calls": ["reply"]}, "finish_reason": "tool_calls"}]
    },
    "a call without a function": {
        "choices": [{"index": 0, "message": {"tool_calls": [{"id": "1"}]}, "finish_reason": "tool_calls"}]
    },
    "a list": ("whole", []),
    "a text": ("whole", "Hello there!"),
    "null": ("whole", None),
    "a number": ("whole", 7),
    "empty": ("whole", {}),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_that_is_no_answer_is_trouble_and_no_bug(rig, body):
    body = body[1] if isinstance(body, tuple) else {**rig._completion(TEXT), **body}
    with pytest.raises(TransientBrainError) as trouble:
        await think(rig, body)
    assert not trouble.value.post_suspected or "nothing that can be posted" in str(trouble.value)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><body>502 Bad Gateway</body></html>", "text/html"),
        (b"<html><body>502 Bad Gateway</body></html>", "application/json"),
        (b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\ndata: [DONE]\n\n', "text/event-stream"),
        (b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\ndata: [DONE]\n\n', "application/json"),
        (b'{"choices": [{"index": 0, "message": {"content": "You are', "application/json"),
        (b"", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"Hello there!", "text/plain"),
    ],
)
async def test_a_body_that_is_no_json_is_trouble_and_no_bug(rig, body, kind):
    with pytest.raises(TransientBrainError):
        await think(rig, body, kind=kind)


@pytest.mark.filterwarnings("ignore:Failed to extract usage")
@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": 10**30, "completion_tokens": 20, "total_tokens": 10**30},
        {"prompt_tokens": 100, "completion_tokens": -20, "total_tokens": 80},
    ],
)
async def test_tokens_are_estimated_where_the_provider_does_not_count_them(rig, usage):
    answer(rig, changed(rig._completion(CALL), "usage", usage))
    person = Talker(rig.brain)
    await person.think("hello")
    assert person.spent.tokens_in > 200
    assert 0 < person.spent.tokens_out < 50
    assert person.spent.cost is None


@pytest.mark.slow
def test_a_mention_waits_while_a_gateway_answers_with_no_choices(tmp_path, db, rig):
    answer(rig, {**rig._completion(TEXT), "choices": []})
    harness = Harness(db, tmp_path, rig.brain)
    harness.with_brain(Guarded(rig.brain, timeout=timedelta(seconds=20), clock=harness.clock))
    ref = harness.say(ANA, "hello")
    for _ in range(12):
        harness.work()
        harness.clock.forward(minutes=11)
    assert harness.outcome(ref)[0] is State.WAITING
