"""The tools of one turn, called by name with the arguments that a model wrote.

A tool is one function with `@tool`, listed in its module's `TOOLS`. A new module is added to TOOLS here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bot.domain.prompt import Thought, ToolResult, Usage
from bot.errors import ToolRefused
from bot.tools import notes, speech
from bot.tools.overlay import Arguments, Overlay, Tool
from memory.errors import EditRefused

if TYPE_CHECKING:
    from datetime import datetime

    from bot.tools.overlay import Search
    from memory.model import Limits, Receipt, Recollection


TOOLS: Mapping[str, Tool[Any]] = MappingProxyType(
    {tool.spec.name: tool for tool in (*speech.TOOLS, *notes.TOOLS)}
)
MAX_CALLS = 12
WARN_CALLS_LEFT = 2  # from here on each result says how many calls are left
MAX_REPLY_GRAPHEMES = 4 * 300  # four posts


class Toolbox:
    """The tools of one turn about one person (`bot.ports.Toolbox`).

    `receipt` names the post that every new note comes from. `search` finds passages of this person. `limits`
    are memory's, with `per_exchange` lowered by the caller to what the day has left. After `calls` calls
    every tool refuses.
    """

    specs = tuple(tool.spec for tool in TOOLS.values())

    def __init__(
        self,
        recollection: Recollection,
        receipt: Receipt,
        now: datetime,
        *,
        limits: Limits,
        search: Search,
        reply_limit: int = MAX_REPLY_GRAPHEMES,
        calls: int = MAX_CALLS,
    ) -> None:
        self._overlay = Overlay(recollection, receipt, now, limits, reply_limit, search)
        self._calls_left = calls
        self._spent = Usage()

    async def call(self, name: str, arguments: object) -> ToolResult:
        """Run the tool. A bad call raises nothing: the result says how to correct it."""
        if not self._calls_left:
            return ToolResult("Not done: this turn has no calls left.", ok=False)
        self._calls_left -= 1
        try:
            text, ok = await self._run(name, arguments), True
        except (ToolRefused, EditRefused) as refused:
            text, ok = str(refused), False
        if self._calls_left <= WARN_CALLS_LEFT:
            text += f" ({self._calls_left} calls left in this turn.)"
        return ToolResult(text, ok)

    def add_usage(self, usage: Usage) -> None:
        self._spent += usage

    def thought(self) -> Thought:
        """What the turn has asked for: a reply or silence, and the edits."""
        overlay = self._overlay
        why = "" if overlay.reply is not None else overlay.silence or "said nothing"
        return Thought(overlay.reply, why, overlay.edits(), self._spent)

    async def _run(self, name: str, arguments: object) -> str:
        tool = TOOLS.get(name)
        if tool is None:
            raise ToolRefused(f"there is no such tool. There are: {', '.join(TOOLS)}.")
        return await tool.run(self._overlay, _parse(tool.arguments, arguments))


def _parse(model: type[Arguments], arguments: object) -> Arguments:
    """Raises ToolRefused, naming each field that is wrong."""
    try:
        match arguments:
            case None | "" | b"":
                return model.model_validate({})
            case str() | bytes():
                return model.model_validate_json(arguments)
            case Mapping():
                return model.model_validate(dict(arguments))
            case _:
                raise ToolRefused("the arguments are no JSON object.")
    except ValidationError as error:
        raise ToolRefused(f"{_describe_errors(error)}. Fields: {', '.join(model.model_fields)}.") from error


def _describe_errors(error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))[:60] or 'arguments'}: {one['msg']}" for one in errors[:5]
    )
