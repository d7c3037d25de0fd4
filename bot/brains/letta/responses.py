"""What Letta answers: a stream read into one response, and its errors as transient or permanent errors.

An error's text may quote a prompt. So only its status and its type are passed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx
from letta_client import APIStatusError, LettaError

from bot.brains.loop import Call
from bot.domain.retry_after import retry_after
from bot.errors import BrainError, PermanentBrainError, TransientBrainError
from bot.prompt.images import VISION_HINT

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

WHOLE_STOPS = frozenset({"end_turn", "requires_approval", "tool_rule", "no_tool_call"})
PROVIDER_REFUSED = "Letta's own account with the model's provider is not accepted; fix it in Letta."
NO_CREDITS = "Letta's credits are used up; add some there."
REJECTED = "The provider rejects the request."
TOO_LONG = (
    "The prompt does not fit into the model's context; lower SCRUBJAY_BLOCK_TOKENS, or use a larger model."
)
OPERATOR_ERRORS: Mapping[int | str, str] = MappingProxyType(
    {
        401: "Letta does not accept the key: check SCRUBJAY_LETTA_KEY.",
        403: "Letta does not allow this key to do so: check SCRUBJAY_LETTA_KEY.",
        402: NO_CREDITS,
        422: "Letta does not understand the request; is it older than 0.16?",
        "llm_authentication": PROVIDER_REFUSED,
        "llm_permission_denied": PROVIDER_REFUSED,
        "bedrock_permission_denied": PROVIDER_REFUSED,
        "llm_insufficient_credits": NO_CREDITS,
        "insufficient_credits": NO_CREDITS,
        "not-enough-credits": NO_CREDITS,
        "permission_denied": PROVIDER_REFUSED,
        "payment_required": NO_CREDITS,
    }
)
POST_ERRORS: Mapping[int | str, str] = MappingProxyType(
    {
        400: "Letta rejects the request.",
        413: TOO_LONG,
        "llm_bad_request": REJECTED,
        "invalid_argument": REJECTED,
        "llm_empty_response": "The model said nothing.",
        "context_window_exceeded": TOO_LONG,
        "context_window_overflow_in_system_prompt": TOO_LONG,
    }
)
# errors that pictures may have caused
IMAGE_ERRORS: frozenset[int | str] = frozenset({400, 500, "llm_bad_request", "invalid_argument", "llm_error"})
# told when Letta puts a summary of its own in the place of the prompt; 0.16.8 streams the first
SHORTENED = frozenset({"user_message", "event_message", "summary_message"})
ERROR_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,60}")
# 0.16.8 streams what a provider refuses as one of these; the word before the colon in its detail tells which
VAGUE_ERRORS = frozenset({"llm_error", "internal_error"})
DETAIL_CODE = re.compile(r"([A-Z][A-Z_]{2,59}):")


@dataclass(frozen=True, slots=True)
class LettaResponse:
    """The answer to one request: text, tool calls that wait for a result, the stop reason, and tokens."""

    text: str
    calls: tuple[Call, ...]
    stop: str
    tokens_in: int
    tokens_out: int


@contextmanager
def translate_errors(missing: str | None = None, *, has_images: bool = False) -> Iterator[None]:
    """Turn what the client raises into TransientBrainError or PermanentBrainError.

    `missing` says what a 404 means here. Without it a 404 is transient: somebody deleted the agent or the
    conversation. `has_images`: the request held pictures.
    """
    try:
        yield
    except APIStatusError as error:
        if error.status_code == httpx.codes.NOT_FOUND and missing:
            raise PermanentBrainError(missing) from error
        raise to_brain_error(
            error.status_code, error.body, error.response.headers, has_images=has_images
        ) from error
    except (LettaError, httpx.HTTPError) as error:
        raise TransientBrainError(f"Letta does not answer: {type(error).__name__}.") from error
    except ValueError as error:  # of the client's JSON
        raise TransientBrainError("Letta's answer was cut.") from error


def to_brain_error(
    status: int, body: object, headers: Mapping[str, str], *, has_images: bool = False
) -> BrainError:
    """The error of ours that an error of Letta's means. An error within a stream has status 200."""
    error_type = _error_type(body)
    said = f"Letta says {status}{f' {error_type}' if error_type else ''}."
    if advice := OPERATOR_ERRORS.get(error_type) or OPERATOR_ERRORS.get(status):
        return PermanentBrainError(said, advice)
    hint = (
        [VISION_HINT]
        if has_images and (error_type if status == httpx.codes.OK else status) in IMAGE_ERRORS
        else []
    )
    if advice := POST_ERRORS.get(error_type) or POST_ERRORS.get(status):
        return TransientBrainError(said, advice, *hint, post_suspected=True)
    wait = retry_after(headers, datetime.now(UTC))
    return TransientBrainError(said, *hint, retry_after=wait, post_suspected=bool(hint))


async def read_response(stream: AsyncIterable[Any], *, has_images: bool = False) -> LettaResponse:
    """Read one answer to its end. Raises BrainError for an error that stands in it."""
    text: list[str] = []
    calls: dict[str, Call] = {}
    stop, tokens_in, tokens_out = "", 0, 0
    async for event in stream:
        match event.message_type:
            case "assistant_message":
                text.append(_text(event.content))
            case "approval_request_message":
                calls |= {call.id: call for call in _calls(event)}
            case "stop_reason":
                stop = event.stop_reason
            case "usage_statistics":
                tokens_in, tokens_out = event.prompt_tokens or 0, event.completion_tokens or 0
            case kind if kind in SHORTENED:
                raise TransientBrainError("Letta would shorten the prompt.", TOO_LONG, post_suspected=True)
            case "error_message":
                raise to_brain_error(200, event.model_dump(), {}, has_images=has_images)
            case _:  # pings, reasoning, and calls that the server answered itself
                pass
    return LettaResponse("".join(text).strip(), tuple(calls.values()), stop, tokens_in, tokens_out)


def require_whole(response: LettaResponse) -> None:
    """Raise TransientBrainError unless the stop reason says that the answer is whole."""
    if response.stop not in WHOLE_STOPS or (response.stop == "requires_approval" and not response.calls):
        why = (
            OPERATOR_ERRORS.get(response.stop)
            or POST_ERRORS.get(response.stop)
            or response.stop
            or "its answer was cut"
        )
        raise TransientBrainError(
            f"Letta stopped short: {why}", post_suspected=response.stop not in {"", *OPERATOR_ERRORS}
        )


def _calls(event: Any) -> Iterator[Call]:
    found = event.tool_calls if isinstance(event.tool_calls, list) else [event.tool_call]
    for one in found or [event.tool_call]:
        if one is not None and one.tool_call_id:
            yield Call(one.tool_call_id, one.name or "", one.arguments or "")


def _text(content: object) -> str:
    """An assistant's content: text, or a list of parts of which some are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.text) for part in parts if getattr(part, "type", "") == "text")


def _error_type(body: object) -> str:
    """The type of an error, wherever this version of Letta puts it; "" if there is none."""
    if not isinstance(body, Mapping):
        return ""
    within = (body.get("error"), body.get("detail"))
    inner: Mapping[str, Any] = next((one for one in within if isinstance(one, Mapping)), {})
    reasons = body.get("reasons")
    listed = reasons[0] if isinstance(reasons, list) and reasons else None
    found = (body.get("error_type"), inner.get("type"), inner.get("code"), listed)
    names = (one for one in found if isinstance(one, str) and ERROR_TYPE.fullmatch(one))
    error_type = next(names, "")
    coded = DETAIL_CODE.match(str(body.get("detail"))) if error_type in VAGUE_ERRORS else None
    return coded[1].lower() if coded else error_type
