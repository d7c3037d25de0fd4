"""What comes back from Letta: a stream read to one round, and errors told as trouble or refusal.

Of an error only its status and kind are passed on: its text may quote a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx
from letta_client import APIStatusError, LettaError

from bot.brains.loop import Call
from bot.errors import BrainError, PermanentBrainError, TransientBrainError
from bot.prompt.images import VISION_HINT

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

WHOLE = frozenset({"end_turn", "requires_approval", "tool_rule", "no_tool_call"})
PROVIDER = "Letta's own account with the model's provider is not accepted; mend it on the Letta side."
CREDITS = "Letta's credits are used up; add some there."
TOO_LONG = (
    "The prompt does not fit into the model's context; lower SCRUBJAY_BLOCK_TOKENS, or use a larger model."
)
REFUSALS: Mapping[int | str, str] = MappingProxyType(
    {
        401: "Letta does not accept the key: check SCRUBJAY_LETTA_KEY.",
        403: "Letta does not allow this key to do so: check SCRUBJAY_LETTA_KEY.",
        402: CREDITS,
        422: "Letta does not understand the request; is it older than 0.16?",
        "llm_authentication": PROVIDER,
        "llm_permission_denied": PROVIDER,
        "bedrock_permission_denied": PROVIDER,
        "llm_insufficient_credits": CREDITS,
        "insufficient_credits": CREDITS,
        "not-enough-credits": CREDITS,
    }
)
TURNS_OWN: Mapping[int | str, str] = MappingProxyType(
    {
        400: "Letta rejects the request.",
        "llm_bad_request": "The provider rejects the request.",
        "llm_empty_response": "The model said nothing.",
        "context_window_exceeded": TOO_LONG,
        "context_window_overflow_in_system_prompt": TOO_LONG,
    }
)
UNSEEN: frozenset[int | str] = frozenset({400, 500, "llm_bad_request", "llm_error"})  # pictures, perhaps
KIND = re.compile(r"[A-Za-z0-9_.-]{1,60}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to: text, tool calls that wait for an answer, why it ended, and tokens."""

    text: str
    calls: tuple[Call, ...]
    stop: str
    tokens_in: int
    tokens_out: int


@contextmanager
def told(missing: str | None = None, *, shows: bool = False) -> Iterator[None]:
    """Turn what the client raises into TransientBrainError or PermanentBrainError.

    `missing` is what a 404 means here. Without it a
    404 is transient: the agent or the conversation was deleted under us. `shows`: the request held pictures.
    """
    try:
        yield
    except APIStatusError as error:
        if error.status_code == httpx.codes.NOT_FOUND and missing:
            raise PermanentBrainError(missing) from error
        raise judge(error.status_code, error.body, error.response.headers, shows=shows) from error
    except (LettaError, httpx.HTTPError) as error:
        raise TransientBrainError(f"Letta does not answer: {type(error).__name__}.") from error
    except ValueError as error:  # of the client's JSON
        raise TransientBrainError("Letta's answer was cut.") from error


def judge(status: int, body: object, headers: Mapping[str, str], *, shows: bool = False) -> BrainError:
    """Tell what an error means; a stream that began well carries its error with status 200."""
    kind = _kind(body)
    said = f"Letta says {status}{f' {kind}' if kind else ''}."
    if advice := REFUSALS.get(kind) or REFUSALS.get(status):
        return PermanentBrainError(said, advice)
    blind = [VISION_HINT] if shows and (kind if status == httpx.codes.OK else status) in UNSEEN else []
    if advice := TURNS_OWN.get(kind) or TURNS_OWN.get(status):
        return TransientBrainError(said, advice, *blind, of_turn=True)
    return TransientBrainError(
        said, *blind, retry_after=_seconds(headers.get("retry-after")), of_turn=bool(blind)
    )


async def read(stream: AsyncIterable[Any], *, shows: bool = False) -> Answer:
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
            case "error_message":
                raise judge(200, event.model_dump(), {}, shows=shows)
            case _:  # pings, reasoning, and what the server told itself
                pass
    return Answer("".join(text).strip(), tuple(calls.values()), stop, tokens_in, tokens_out)


def require_whole(came: Answer) -> None:
    """Raise TransientBrainError unless the answer came to an end of its own."""
    if came.stop not in WHOLE or (came.stop == "requires_approval" and not came.calls):
        why = REFUSALS.get(came.stop) or TURNS_OWN.get(came.stop) or came.stop or "its answer was cut"
        raise TransientBrainError(f"Letta stopped short: {why}", of_turn=came.stop not in {"", *REFUSALS})


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


def _kind(body: object) -> str:
    """The kind of an error, wherever this version of Letta puts it; "" if it tells none."""
    if not isinstance(body, Mapping):
        return ""
    within = (body.get("error"), body.get("detail"))
    inner: Mapping[str, Any] = next((one for one in within if isinstance(one, Mapping)), {})
    reasons = body.get("reasons")
    listed = reasons[0] if isinstance(reasons, list) and reasons else None
    for kind in (body.get("error_type"), inner.get("type"), inner.get("code"), listed):
        if isinstance(kind, str) and KIND.fullmatch(kind):
            return kind
    return ""


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() else None
