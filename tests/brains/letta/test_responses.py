"""What Letta streams, read to one response, and what its errors mean."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bot.brains.letta.responses import (
    VISION_HINT,
    LettaResponse,
    read_response,
    require_whole,
    to_brain_error,
)
from bot.errors import PermanentBrainError, TransientBrainError


def asked(*names):
    calls = [SimpleNamespace(tool_call_id=f"c-{name}", name=name, arguments="{}") for name in names]
    return SimpleNamespace(message_type="approval_request_message", tool_call=calls[0], tool_calls=calls)


async def stream(*events):
    for event in (*events, SimpleNamespace(message_type="stop_reason", stop_reason="requires_approval")):
        yield event


@pytest.mark.parametrize("events", [[asked("remember", "reply")], [asked("remember"), asked("reply")]])
async def test_calls_are_read_whether_they_come_together_or_one_by_one(events):
    assert [call.name for call in (await read_response(stream(*events))).calls] == ["remember", "reply"]


async def test_a_call_that_is_told_twice_is_one():
    assert len((await read_response(stream(asked("reply"), asked("reply")))).calls) == 1


@pytest.mark.parametrize("stop", ["", "requires_approval", "error", "max_steps", "cancelled", "what is this"])
def test_an_answer_without_an_end_of_its_own_is_trouble(stop):
    with pytest.raises(TransientBrainError):
        require_whole(LettaResponse("You are", (), stop, 0, 0))


@pytest.mark.parametrize(
    ("status", "error_type", "error", "post_suspected"),
    [
        (400, "", TransientBrainError, True),
        (200, "llm_bad_request", TransientBrainError, True),
        (200, "context_window_exceeded", TransientBrainError, True),
        (500, "", TransientBrainError, False),
        (200, "llm_error", TransientBrainError, False),
        (200, "llm_rate_limit", TransientBrainError, False),
        (401, "", PermanentBrainError, None),
        (200, "llm_authentication", PermanentBrainError, None),
    ],
)
def test_an_error_tells_whether_the_post_may_be_its_cause(status, error_type, error, post_suspected):
    found = to_brain_error(status, {"error_type": error_type}, {})
    assert (type(found), getattr(found, "post_suspected", None)) == (error, post_suspected)


@pytest.mark.parametrize(
    ("detail", "error", "post_suspected"),
    [
        ("INVALID_ARGUMENT: Bad request to OpenAI-compatible endpoint: 400", TransientBrainError, True),
        ("CONTEXT_WINDOW_EXCEEDED: Request too large for OpenAI", TransientBrainError, True),
        ("PERMISSION_DENIED: Error code: 403", PermanentBrainError, None),
        ("PAYMENT_REQUIRED: Error code: 402", PermanentBrainError, None),
        ("UNKNOWN_CODE: INVALID_ARGUMENT: x", TransientBrainError, False),
        ("a prompt with INVALID_ARGUMENT: in it", TransientBrainError, False),
        (None, TransientBrainError, False),
    ],
)
@pytest.mark.parametrize("error_type", ["llm_error", "internal_error"])
def test_of_a_vague_error_within_a_stream_the_code_in_its_detail_tells(
    error_type, detail, error, post_suspected
):
    found = to_brain_error(200, {"error_type": error_type, "message": "An error", "detail": detail}, {})
    assert (type(found), getattr(found, "post_suspected", None)) == (error, post_suspected)
    assert "OpenAI" not in str(found)
    assert "prompt with" not in str(found)


def test_the_code_in_the_detail_of_another_error_is_not_read():
    found = to_brain_error(200, {"error_type": "llm_rate_limit", "detail": "PERMISSION_DENIED: no"}, {})
    assert isinstance(found, TransientBrainError)


@pytest.mark.parametrize("kind", ["user_message", "event_message", "summary_message"])
async def test_an_answer_to_a_summary_in_the_place_of_the_prompt_is_not_read(kind):
    compaction = SimpleNamespace(message_type=kind)
    with pytest.raises(TransientBrainError) as trouble:
        await read_response(stream(compaction, asked("reply")))
    assert trouble.value.post_suspected


@pytest.mark.parametrize(
    ("status", "error_type", "named"),
    [(400, "", True), (500, "", True), (200, "llm_error", True), (200, "llm_bad_request", True),
     (503, "llm_error", False), (429, "", False), (200, "llm_rate_limit", False), (401, "", False)],
)  # fmt: skip
def test_pictures_are_named_only_where_they_may_be_the_cause(status, error_type, named):
    found = to_brain_error(status, {"error_type": error_type}, {}, has_images=True)
    assert (VISION_HINT in found.args) == named
    assert VISION_HINT not in to_brain_error(status, {"error_type": error_type}, {}).args
    assert not named or found.post_suspected
