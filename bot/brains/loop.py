"""The loop over tools, the same for every brain that asks a model.

Request by request the model calls tools and code answers each call, until a reply or silence was accepted and
no call was refused. What ends a turn, and what a failure means for the mention, is decided here alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.domain.prompt import ToolResult
from bot.errors import TransientBrainError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.ports import Toolbox

ROUNDS = 8  # requests of one turn; the toolbox limits its calls
MENDS = 2  # answers without a call that cannot be posted
LAST_WORDS = frozenset({"reply", "stay_silent"})
NOT_ENDED = (
    "Nothing is posted yet: only what `reply` is called with will be. Call it with your whole answer, or "
    "call `stay_silent` if an answer would be noise."
)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. `arguments` are a mapping, or JSON as the model wrote it."""

    id: str
    name: str
    arguments: object


@dataclass(frozen=True, slots=True)
class Round:
    """What a model answered to one request.

    `text` is what it said outside of any call; None where that must not be posted.
    """

    calls: tuple[Call, ...]
    text: str | None


class Conversation(Protocol):
    """One turn's conversation with a model, as its provider wants it."""

    async def ask(self) -> Round:
        """One request with all that was told so far. Raises BrainError, also for an answer that was cut."""
        ...

    def answer(self, answers: Sequence[tuple[Call, ToolResult]]) -> None:
        """Tell the model what its calls came to, in the next request."""
        ...

    def say(self, text: str) -> None:
        """Tell the model this, in the next request."""
        ...


async def run(conversation: Conversation, tools: Toolbox) -> None:
    """Let the model call tools until it has replied or chosen silence. Raises BrainError."""
    ended, mends = False, 0
    for _ in range(ROUNDS):
        came = await conversation.ask()
        if came.calls:
            answers = [(call, await tools.call(call.name, call.arguments)) for call in came.calls]
            ended = ended or any(answer.ok and call.name in LAST_WORDS for call, answer in answers)
            mended = all(answer.ok for _, answer in answers)
            conversation.answer(answers)
        else:
            mends += 1
            told = await _text(came.text, tools)
            ended, mended = ended or told.ok, told.ok
            conversation.say(told.text)
        if ended and mended:
            return
        if mends > MENDS:
            raise TransientBrainError("it said nothing that can be posted", post_suspected=True)
    if not ended:
        raise TransientBrainError(f"it came to no end in {ROUNDS} rounds", post_suspected=True)


async def _text(text: str | None, tools: Toolbox) -> ToolResult:
    """Plain text is the reply, where it may be."""
    return ToolResult(NOT_ENDED, ok=False) if text is None else await tools.call("reply", {"text": text})
