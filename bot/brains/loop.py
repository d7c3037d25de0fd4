"""The loop over tools, the same for every brain that asks a model.

The model calls tools and code runs each call, request by request. The loop ends when a reply or silence was
accepted and no call of that response was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.domain import outgoing
from bot.domain.prompt import ToolResult
from bot.errors import TransientBrainError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.ports import Toolbox

MAX_REQUESTS = 8  # requests of one turn; the toolbox limits its calls
MAX_CORRECTIONS = 2  # how often a model may correct text that cannot be posted, or calls that were cut
ENDING_TOOLS = frozenset({"reply", "stay_silent", "stop_talking"})
USE_REPLY = (
    "Nothing is posted yet: only what `reply` is called with will be. Call it with your whole answer, or "
    "call `stay_silent` if an answer would be noise."
)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. `arguments` are a mapping, or JSON as the model wrote it.

    `fault` says why it must not be run, in words for the model.
    """

    id: str
    name: str
    arguments: object
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What a model answered to one request.

    `text` stands outside of any call. If it is not `sayable`, only calls in it are heeded.
    """

    calls: tuple[Call, ...]
    text: str = ""
    sayable: bool = True


class Conversation(Protocol):
    """The conversation of one turn, in the form that the provider needs."""

    async def ask(self) -> Response:
        """Send one request with all messages so far. Raises BrainError, also for an answer that was cut."""
        ...

    def add_results(self, results: Sequence[tuple[Call, ToolResult]]) -> None:
        """Add the results of the calls to the next request."""
        ...

    def add_message(self, text: str) -> None:
        """Add a message to the model to the next request."""
        ...


async def run(conversation: Conversation, tools: Toolbox) -> None:
    """Let the model call tools until it has replied or chosen silence. Raises BrainError."""
    ended, corrections = False, 0
    for number in range(MAX_REQUESTS):
        if number:
            await tools.reserve()
        response = await conversation.ask()
        if response.calls:
            results = [(call, await _result(call, tools)) for call in response.calls]
            conversation.add_results(results)
            corrections += any(call.fault is not None for call in response.calls)
        else:
            results = await _from_text(response, tools)
            corrections += any(call.name in ENDING_TOOLS or not result.ok for call, result in results)
            conversation.add_message("\n".join(f"{call.name}: {result.text}" for call, result in results))
        ended = ended or any(result.ok and call.name in ENDING_TOOLS for call, result in results)
        all_ok = all(result.ok for _, result in results)
        if ended and all_ok:
            return
        if corrections > MAX_CORRECTIONS:
            raise TransientBrainError("it said nothing that can be posted", post_suspected=True)
    if not ended:
        raise TransientBrainError(f"it came to no end in {MAX_REQUESTS} requests", post_suspected=True)


def require_sentence(response: Response) -> str:
    """The sentence that this answer is. Raises TransientBrainError if it is none that can be posted."""
    match outgoing.read(response.text, ()):
        case outgoing.Sentence(text):
            return text
        case _:
            raise TransientBrainError("it says nothing that can be posted")


async def _result(call: Call, tools: Toolbox) -> ToolResult:
    return ToolResult(call.fault, ok=False) if call.fault else await tools.call(call.name, call.arguments)


async def _from_text(response: Response, tools: Toolbox) -> list[tuple[Call, ToolResult]]:
    """Run the calls that an answer without calls makes in its text; else take the text as the reply."""
    reading = outgoing.read(response.text, [spec.name for spec in tools.specs])
    match reading:
        case outgoing.Calls(found):
            calls = [Call("", one.name, one.arguments) for one in found]
            return [(call, await _result(call, tools)) for call in calls]
        case _:
            call = Call("", "reply", {"text": response.text}, None if response.sayable else USE_REPLY)
            return [(call, await _result(call, tools))]
