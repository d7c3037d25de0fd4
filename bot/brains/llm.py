"""The `model` brain: the model of any provider, through pydantic-ai.

The library makes one request at a time (`pydantic_ai.direct`). The loop over tools is ours, because we decide
what ends a turn and what a failure means for the mention. The library tells the same of every provider's
answer: why it ended, what it cost, the kind of an error, and when to come back. It also marks what a
provider's cache should keep. With the providers' own clients we would write all that for each of them.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, cast

from bot.brains import loop
from bot.brains.loop import Call, Response
from bot.domain.prompt import Trust, Usage, are_counted
from bot.domain.retry_after import bounded
from bot.errors import BrainError, BrainTimeout, SettingsError, TransientBrainError
from bot.prompt import images
from memory.text import tokens

try:
    from pydantic_ai import exceptions
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import BinaryContent, ModelRequest, ToolReturnPart, UserPromptPart
    from pydantic_ai.models import ModelRequestParameters, infer_model
    from pydantic_ai.models.openai import OpenAIChatModelSettings
    from pydantic_ai.providers import infer_provider_class
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
    from pydantic_ai.tools import ToolDefinition
except ModuleNotFoundError as error:
    raise SettingsError(
        f"SCRUBJAY_BRAIN=model needs {error.name}. Install it: pip install 'scrubjay[model]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import timedelta

    from pydantic import SecretStr
    from pydantic_ai.messages import ModelMessage, ModelRequestPart, ModelResponse, UserContent
    from pydantic_ai.models import Model as ProviderModel

    from bot.domain.prompt import Prompt, ToolResult, ToolSpec
    from bot.ports import Toolbox

COMPATIBLE = "openai-compatible"
# the words by which providers say that an answer is whole; pydantic-ai also calls a missing one "stop"
WHOLE = frozenset(
    {"stop", "end_turn", "stop_sequence", "eos", "eos_token", "completed", "complete"}
    | {"tool_calls", "tool_call", "tool_use", "function_call"}
)
UNFINISHED = {
    "length": "its answer was cut off; SCRUBJAY_MODEL_MAX_TOKENS allows more",
    "content_filter": "the provider's filter refused to answer",
}
CUT_WORDS = frozenset({"length", "max_tokens", "model_length", "max_output_tokens", "continuation"})
NO_TAGS = ("\0no thinking\0", "\0no thinking\0")  # `bot.domain.model_text` alone decides what a thought is
# what the library raises over a body that is no answer; nothing of ours runs within its request
MALFORMED = (exceptions.UnexpectedModelBehavior, LookupError, TypeError, AttributeError, ValueError)
OPERATOR_ERRORS = (
    (exceptions.ModelAuthenticationError, "the key is refused; check SCRUBJAY_MODEL_KEY"),
    (exceptions.ModelNotFoundError, "there is no such model; check SCRUBJAY_MODEL"),
    (exceptions.ModelQuotaExceededError, "the account at the provider is exhausted"),
)  # mentions wait until the operator has fixed them


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """`name` is `provider:model`. `max_tokens` limits one answer, `timeout` a turn."""

    name: str
    url: str | None
    key: SecretStr | None
    max_tokens: int
    timeout: timedelta


class Model:
    """Holds nothing between turns, and tells the provider to store nothing."""

    name = "model"

    def __init__(self, options: ModelOptions) -> None:
        self._options = options
        self._model = _make_model(options)
        cast("dict[str, object]", self._model.profile)["thinking_tags"] = NO_TAGS

    async def start(self) -> None:
        """Open the connections that the turns share. Without this, each turn opens its own."""
        await self._model.__aenter__()

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        instructions, message = prompt.split(Trust.OPERATOR)
        conversation = _Conversation(
            self._model,
            self._options,
            [message, *chain.from_iterable(map(_image_content, images.attachments(prompt)))],
            instructions=instructions,
            specs=tools.specs,
            add_usage=tools.add_usage,
        )
        async with self._model:
            await loop.run(conversation, tools)

    async def forget(self) -> None:
        """Nothing is held about anyone."""

    async def health(self) -> str | None:
        """Ask the model for one word, which must be one that can be posted. This costs a few tokens."""
        conversation = _Conversation(self._model, self._options, ["Say: ok"])
        try:
            async with self._model:
                loop.require_sentence(await conversation.ask())
        except BrainError as error:
            return f"{self._options.name}: {error}"
        return None

    async def close(self) -> None:
        await self._model.__aexit__(None, None, None)


class _Conversation:
    """One turn's requests (`bot.brains.loop.Conversation`); `add_usage` is called after each."""

    def __init__(
        self,
        model: ProviderModel,
        options: ModelOptions,
        content: list[UserContent],
        *,
        instructions: str | None = None,
        specs: Iterable[ToolSpec] = (),
        add_usage: Callable[[Usage], None] = lambda _: None,
    ) -> None:
        add_usage(Usage(options.name))
        self._model = model
        self._options = options
        self._instructions = instructions
        self._specs = [_tool(spec) for spec in specs]
        self._add_usage = add_usage
        self._has_images = len(content) > 1
        self._until = asyncio.get_running_loop().time() + options.timeout.total_seconds()
        self._messages: list[ModelMessage] = [
            ModelRequest([UserPromptPart(content)], instructions=instructions)
        ]

    async def ask(self) -> Response:
        """One request. Raises BrainError."""
        response = await self._request()
        _require_whole(response)
        self._messages += [response] if response.parts else []
        calls = tuple(Call(call.tool_call_id, call.tool_name, call.args) for call in response.tool_calls)
        return Response(calls, response.text or "")

    def add_results(self, results: Sequence[tuple[Call, ToolResult]]) -> None:
        self._append(
            ToolReturnPart(call.name, result.text, call.id, outcome="success" if result.ok else "failed")
            for call, result in results
        )

    def add_message(self, text: str) -> None:
        self._append([UserPromptPart(text)])

    def _append(self, parts: Iterable[ModelRequestPart]) -> None:
        self._messages.append(ModelRequest(list(parts), instructions=self._instructions))

    async def _request(self) -> ModelResponse:
        """Send one request and return the answer, also if it was cut. Raises BrainError."""
        try:
            async with asyncio.timeout_at(self._until):
                response = await model_request(
                    self._model,
                    self._messages,
                    model_settings=_settings(self._options),
                    model_request_parameters=ModelRequestParameters(function_tools=self._specs),
                )
        except TimeoutError as error:
            raise BrainTimeout("it took too long") from error
        except (exceptions.ModelAPIError, exceptions.ContentFilterError) as error:
            raise _to_brain_error(error, has_images=self._has_images) from error
        except MALFORMED as error:
            raise TransientBrainError("the provider's answer cannot be read") from error
        self._add_usage(_usage(response, self._messages))
        return response


def _image_content(picture: images.Attachment) -> tuple[UserContent, ...]:
    return picture.label, BinaryContent(picture.data, media_type=picture.media_type)


def _tool(spec: ToolSpec) -> ToolDefinition:
    return ToolDefinition(
        name=spec.name, description=spec.description, parameters_json_schema=dict(spec.parameters)
    )


def _settings(options: ModelOptions) -> OpenAIChatModelSettings:
    """Settings for every provider; each takes those that it knows."""
    return OpenAIChatModelSettings(
        max_tokens=options.max_tokens,
        cache=True,
        max_retries=0,  # the guard's business
        openai_store=False,  # OpenAI's Responses API would keep the conversation for a month
    )


def _require_whole(response: ModelResponse) -> None:
    """Raise TransientBrainError unless the provider's own word says that the answer is whole."""
    word = str((response.provider_details or {}).get("finish_reason") or "").casefold()
    kind = "length" if word in CUT_WORDS else response.finish_reason or ""
    if kind in UNFINISHED:
        raise TransientBrainError(UNFINISHED[kind], post_suspected=True)
    if word not in WHOLE:
        known = f"ended with {word[:40]!r}" if word else "does not say how it ended"
        raise TransientBrainError(f"its answer {known}, so it may not be whole")


def _usage(response: ModelResponse, messages: Sequence[ModelMessage]) -> Usage:
    """The tokens that the provider counted, or about as many as the texts have."""
    usage = response.usage
    if are_counted(usage.input_tokens, usage.output_tokens):
        return Usage("", usage.input_tokens, usage.output_tokens, _cost(response))
    return Usage("", sum(map(_estimate, messages)), _estimate(response), None)


def _estimate(message: ModelMessage) -> int:
    texts = [getattr(part, "content", None) or getattr(part, "args", None) or "" for part in message.parts]
    instructions = getattr(message, "instructions", None) or ""
    shown = [each for text in texts for each in (text if isinstance(text, list) else [text])]
    return tokens(instructions) + sum(
        tokens(str(each)) for each in shown if not isinstance(each, BinaryContent)
    )


def _cost(response: ModelResponse) -> int | None:
    """In millionths of a US dollar, rounded up; None if the price is not known."""
    try:
        return math.ceil(response.cost().total_price * 1_000_000)
    except (LookupError, ValueError, AssertionError):
        return None


def _to_brain_error(error: exceptions.AgentRunError, *, has_images: bool) -> BrainError:
    """The error of ours that a provider's error means. It never has its text, which may quote the prompt.

    `has_images`: the request held pictures. A model that takes none may fail because of them; llama.cpp
    answers 500.
    """
    status = f" (HTTP {error.status_code})" if isinstance(error, exceptions.ModelHTTPError) else ""
    advice = next((words for kind, words in OPERATOR_ERRORS if isinstance(error, kind)), None)
    wait = bounded(getattr(error, "retry_after", None))
    match error:
        case exceptions.ModelRequestTimeout():
            return BrainTimeout("it took too long")
        case exceptions.ModelHTTPError(status_code=413):
            return TransientBrainError("the request is too large (HTTP 413)", post_suspected=True)
        case exceptions.ContentFilterError():
            return TransientBrainError(UNFINISHED["content_filter"], post_suspected=True)
        case exceptions.ModelRequestRejectedError() if advice is None:
            why = f"the request was rejected{status}"
            return TransientBrainError(
                f"{why}. {images.VISION_HINT}" if has_images else why, post_suspected=True
            )
        case exceptions.ModelServerError() if has_images:
            why = f"the provider fails at a request with pictures{status}"
            return TransientBrainError(f"{why}. {images.VISION_HINT}", retry_after=wait, post_suspected=True)
        case _:
            why = advice or f"the provider is in trouble: {type(error).__name__}"
            return TransientBrainError(why + status, retry_after=wait)


def _make_model(options: ModelOptions) -> ProviderModel:
    """Raises SettingsError for a provider or model name that the library does not know."""
    key = options.key.get_secret_value() if options.key else None
    provider, _, name = options.name.partition(":")
    try:
        if provider == COMPATIBLE:
            if options.url is None:
                raise SettingsError(f"SCRUBJAY_MODEL={options.name} needs SCRUBJAY_MODEL_URL.")
            compatible = OpenAICompatibleProvider(COMPATIBLE, base_url=options.url, api_key=key)
            return infer_model(f"openai-chat:{name}", lambda _: compatible)
        given = {"api_key": key, "base_url": options.url}
        wanted = {setting: value for setting, value in given.items() if value}
        return infer_model(options.name, lambda kind: infer_provider_class(kind)(**wanted))
    except (exceptions.UserError, ValueError, TypeError, ImportError) as error:
        how = "" if key else " Is SCRUBJAY_MODEL_KEY set?"
        raise SettingsError(f"SCRUBJAY_MODEL={options.name} cannot be used: {error}{how}") from error
