"""The `model` brain: any provider's model, through pydantic-ai.

That library is asked for one request at a time (`pydantic_ai.direct`); the loop over tools is ours, because
what ends a turn, and what a failure means for the mention, is ours to say. It was chosen for what it tells of
each answer, the same for every provider: why it ended, what it cost, which kind of error it was, and when
to come back. It also marks what a provider's cache should keep, and mends tool calls that are no JSON before
they are sent back. The providers' own clients would each need all that anew.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from bot.brains import loop
from bot.brains.loop import Call, Round
from bot.domain.prompt import Trust, Usage
from bot.errors import BrainError, SettingsError, TransientBrainError
from bot.prompt import images

try:
    from pydantic_ai import exceptions as wrong
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
    from pydantic_ai.models import Model as Asked

    from bot.domain.prompt import Prompt, ToolAnswer, ToolSpec
    from bot.ports import Toolbox

COMPATIBLE = "openai-compatible"
CUT = {
    "length": "its answer was cut off; SCRUBJAY_MODEL_MAX_TOKENS allows more",
    "content_filter": "the provider's filter refused to answer",
    "error": "its answer broke off",
}
MENDABLE = (
    (wrong.ModelAuthenticationError, "the key is refused; check SCRUBJAY_MODEL_KEY"),
    (wrong.ModelNotFoundError, "there is no such model; check SCRUBJAY_MODEL"),
    (wrong.ModelQuotaExceededError, "the account at the provider is exhausted"),
)  # by the operator: mentions wait for it


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """`name` is `provider:model`. `max_tokens` limits one answer, `timeout` a turn."""

    name: str
    url: str | None
    key: SecretStr | None
    max_tokens: int
    timeout: timedelta


class Model:
    """Holds nothing between turns: neither a conversation nor, at the provider, a stored one."""

    name = "model"

    def __init__(self, options: ModelOptions) -> None:
        self._options = options
        self._model = _find(options)

    async def start(self) -> None:
        """Open the connections that turns share; without it, each opens its own."""
        await self._model.__aenter__()

    async def think(self, prompt: Prompt, tools: Toolbox) -> None:
        stable, moving = prompt.split(Trust.OPERATOR)
        conversation = _Conversation(
            self._model,
            self._options,
            [moving, *chain.from_iterable(map(_picture, images.attachments(prompt)))],
            system=stable,
            specs=tools.specs,
            spend=tools.spend,
        )
        async with self._model:
            await loop.run(conversation, tools)

    async def forget(self) -> None:
        """Nothing is held about anyone."""

    async def health(self) -> str | None:
        """Ask the model for a word; costs a few tokens."""
        conversation = _Conversation(self._model, replace(self._options, max_tokens=16), ["Say: ok"])
        try:
            async with self._model:
                await conversation.request()
        except BrainError as error:
            return f"{self._options.name}: {error}"
        return None

    async def close(self) -> None:
        await self._model.__aexit__(None, None, None)


class _Conversation:
    """One turn's requests (`bot.brains.loop.Conversation`); `spend` is told of each when it is answered."""

    def __init__(
        self,
        model: Asked,
        options: ModelOptions,
        said: list[UserContent],
        *,
        system: str | None = None,
        specs: Iterable[ToolSpec] = (),
        spend: Callable[[Usage], None] = lambda _: None,
    ) -> None:
        spend(Usage(options.name))
        self._model = model
        self._options = options
        self._system = system
        self._specs = [_tool(spec) for spec in specs]
        self._spend = spend
        self._shows = len(said) > 1
        self._until = asyncio.get_running_loop().time() + options.timeout.total_seconds()
        self._messages: list[ModelMessage] = [ModelRequest([UserPromptPart(said)], instructions=system)]

    async def ask(self) -> Round:
        """One request. Raises BrainError."""
        response = await self.request()
        if response.finish_reason in CUT:
            raise TransientBrainError(CUT[response.finish_reason], of_turn=True)
        self._messages += [response] if response.parts else []
        calls = tuple(Call(call.tool_call_id, call.tool_name, call.args) for call in response.tool_calls)
        return Round(calls, response.text or "")

    def answer(self, answers: Sequence[tuple[Call, ToolAnswer]]) -> None:
        self._tell(
            ToolReturnPart(call.name, answer.text, call.id, outcome="success" if answer.ok else "failed")
            for call, answer in answers
        )

    def say(self, text: str) -> None:
        self._tell([UserPromptPart(text)])

    def _tell(self, parts: Iterable[ModelRequestPart]) -> None:
        self._messages.append(ModelRequest(list(parts), instructions=self._system))

    async def request(self) -> ModelResponse:
        """One request, whatever its answer may be. Raises BrainError."""
        try:
            async with asyncio.timeout_at(self._until):
                response = await model_request(
                    self._model,
                    self._messages,
                    model_settings=_settings(self._options),
                    model_request_parameters=ModelRequestParameters(function_tools=self._specs),
                )
        except TimeoutError as error:
            raise TransientBrainError("it took too long") from error
        except (wrong.ModelAPIError, wrong.UnexpectedModelBehavior) as error:
            raise _told(error, shows=self._shows) from error
        self._spend(_usage(response))
        return response


def _picture(shown: images.Attachment) -> tuple[UserContent, ...]:
    return shown.label, BinaryContent(shown.data, media_type=shown.media_type)


def _tool(spec: ToolSpec) -> ToolDefinition:
    return ToolDefinition(
        name=spec.name, description=spec.description, parameters_json_schema=dict(spec.parameters)
    )


def _settings(options: ModelOptions) -> OpenAIChatModelSettings:
    """For every provider: each takes what it knows."""
    return OpenAIChatModelSettings(
        max_tokens=options.max_tokens,
        cache=True,
        max_retries=0,  # the guard's business
        openai_store=False,  # OpenAI's Responses API would keep the conversation for a month
    )


def _usage(response: ModelResponse) -> Usage:
    usage = response.usage
    return Usage("", usage.input_tokens, usage.output_tokens, _cost(response))


def _cost(response: ModelResponse) -> int | None:
    """In millionths of a US dollar, rounded up; None if nobody knows the price."""
    try:
        return math.ceil(response.cost().total_price * 1_000_000)
    except (LookupError, ValueError, AssertionError):
        return None


def _told(error: wrong.AgentRunError, *, shows: bool) -> BrainError:
    """What the provider's error means for the mention. Never its text, which may quote the prompt.

    `shows`: the request held pictures. A model that sees none may fail over them, llama.cpp's with a 500.
    """
    status = f" (HTTP {error.status_code})" if isinstance(error, wrong.ModelHTTPError) else ""
    mend = next((words for kind, words in MENDABLE if isinstance(error, kind)), None)
    match error:
        case wrong.ContentFilterError():
            return TransientBrainError(CUT["content_filter"], of_turn=True)
        case wrong.ModelRequestRejectedError() if mend is None:
            why = f"the request was rejected{status}"
            return TransientBrainError(f"{why}. {images.VISION_HINT}" if shows else why, of_turn=True)
        case wrong.ModelServerError() if shows:
            why = f"the provider fails at a request with pictures{status}"
            return TransientBrainError(
                f"{why}. {images.VISION_HINT}", retry_after=error.retry_after, of_turn=True
            )
        case wrong.ModelAPIError():
            why = mend or f"the provider is in trouble: {type(error).__name__}"
            return TransientBrainError(why + status, retry_after=error.retry_after)
        case _:
            return TransientBrainError("the provider's answer makes no sense")


def _find(options: ModelOptions) -> Asked:
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
    except (wrong.UserError, ValueError, TypeError, ImportError) as error:
        how = "" if key else " Is SCRUBJAY_MODEL_KEY set?"
        raise SettingsError(f"SCRUBJAY_MODEL={options.name} cannot be used: {error}{how}") from error
