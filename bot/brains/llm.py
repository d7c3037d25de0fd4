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
    from collections.abc import Callable, Iterable
    from datetime import timedelta

    from pydantic import SecretStr
    from pydantic_ai.messages import ModelMessage, ModelRequestPart, ModelResponse, UserContent
    from pydantic_ai.models import Model as Asked

    from bot.domain.prompt import Prompt, ToolSpec
    from bot.ports import Toolbox

ROUNDS = 8  # requests of one turn; the toolbox limits its calls
MENDS = 2  # answers in plain text that cannot be posted
LAST = frozenset({"reply", "stay_silent"})
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
        turn = _Turn(self._model, self._options, tools.spend)
        async with self._model:
            await turn.run(prompt, tools)

    async def forget(self) -> None:
        """Nothing is held about anyone."""

    async def health(self) -> str | None:
        """Ask the model for a word; costs a few tokens."""
        turn = _Turn(self._model, replace(self._options, max_tokens=16), lambda _: None)
        try:
            async with self._model:
                await turn.ask([ModelRequest([UserPromptPart("Say: ok")])], ())
        except BrainError as error:
            return f"{self._options.name}: {error}"
        return None

    async def close(self) -> None:
        await self._model.__aexit__(None, None, None)


class _Turn:
    """One turn's requests; each is told to `spend` when its answer is there."""

    def __init__(self, model: Asked, options: ModelOptions, spend: Callable[[Usage], None]) -> None:
        spend(Usage(options.name))
        self._model = model
        self._options = options
        self._spend = spend
        self._shows = False
        self._until = asyncio.get_running_loop().time() + options.timeout.total_seconds()

    async def run(self, prompt: Prompt, tools: Toolbox) -> None:
        """Let the model speak and call tools until it has replied or chosen silence. Raises BrainError."""
        stable, moving = _halves(prompt)
        shown = images.attached(prompt)
        self._shows = bool(shown)
        said: list[UserContent] = [moving, *chain.from_iterable(map(_picture, shown))]
        messages: list[ModelMessage] = [ModelRequest([UserPromptPart(said)], instructions=stable)]
        settled, mends = False, 0
        for _ in range(ROUNDS):
            response = await self.ask(messages, tools.specs)
            if response.finish_reason in CUT:
                raise TransientBrainError(CUT[response.finish_reason], of_turn=True)
            answers, ended, refused = await (_run if response.tool_calls else _post)(response, tools)
            settled = settled or ended
            if settled and not refused:
                return
            mends += not response.tool_calls
            if mends > MENDS:
                raise TransientBrainError("it said nothing that can be posted", of_turn=True)
            messages += [response] if response.parts else []
            messages.append(ModelRequest(answers, instructions=stable))
        if not settled:
            raise TransientBrainError(f"it came to no end in {ROUNDS} rounds", of_turn=True)

    async def ask(self, messages: list[ModelMessage], specs: Iterable[ToolSpec]) -> ModelResponse:
        """One request. Raises BrainError."""
        try:
            async with asyncio.timeout_at(self._until):
                response = await model_request(
                    self._model,
                    messages,
                    model_settings=_settings(self._options),
                    model_request_parameters=ModelRequestParameters(function_tools=list(map(_tool, specs))),
                )
        except TimeoutError as error:
            raise TransientBrainError("it took too long") from error
        except (wrong.ModelAPIError, wrong.UnexpectedModelBehavior) as error:
            raise _told(error, shows=self._shows) from error
        self._spend(_usage(response))
        return response


async def _run(response: ModelResponse, tools: Toolbox) -> tuple[list[ModelRequestPart], bool, bool]:
    """Answer every call: what to tell the model, whether one was the last word, whether one was refused."""
    told: list[ModelRequestPart] = []
    ended = refused = False
    for call in response.tool_calls:
        answer = await tools.call(call.tool_name, call.args)
        ended = ended or (answer.ok and call.tool_name in LAST)
        refused = refused or not answer.ok
        told.append(
            ToolReturnPart(
                call.tool_name, answer.text, call.tool_call_id, outcome="success" if answer.ok else "failed"
            )
        )
    return told, ended, refused


async def _post(response: ModelResponse, tools: Toolbox) -> tuple[list[ModelRequestPart], bool, bool]:
    """Plain text is the reply."""
    answer = await tools.call("reply", {"text": response.text or ""})
    return [UserPromptPart(answer.text)], answer.ok, not answer.ok


def _halves(prompt: Prompt) -> tuple[str, str]:
    """What is the same in every turn, which a provider may keep in its cache, and the rest."""
    count = next((n for n, one in enumerate(prompt.sections) if one.trust is not Trust.OPERATOR), None)
    stable, moving = prompt.sections[:count], prompt.sections[count:]
    return replace(prompt, sections=stable).text(), replace(prompt, sections=moving).text()


def _picture(shown: images.Picture) -> tuple[UserContent, ...]:
    return shown.label, BinaryContent(shown.data, media_type=shown.kind)


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
            return TransientBrainError(f"{why}. {images.BLIND}" if shows else why, of_turn=True)
        case wrong.ModelServerError() if shows:
            why = f"the provider fails at a request with pictures{status}"
            return TransientBrainError(f"{why}. {images.BLIND}", retry_after=error.retry_after, of_turn=True)
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
