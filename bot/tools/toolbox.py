"""What a brain may do in one turn: the tools, called by name with whatever a model wrote.

A tool is one function with `@tool` in a subject's file, named in that file's `TOOLS`; a new file is named
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bot.domain.prompt import ToolAnswer, TurnResult, Usage
from bot.errors import ToolRefused
from bot.tools import notes, speech
from bot.tools.overlay import Arguments, Overlay, Tool
from memory.errors import EditRefused

if TYPE_CHECKING:
    from datetime import datetime

    from bot.tools.overlay import Search
    from memory.model import Limits, Receipt
    from memory.recollection import Recollection


TOOLS: Mapping[str, Tool[Any]] = MappingProxyType(
    {tool.spec.name: tool for tool in (*speech.TOOLS, *notes.TOOLS)}
)
CALLS = 12
FEW = 2  # calls left, when the brain is told to come to an end
REPLY_GRAPHEMES = 4 * 300  # four posts


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
        reply_limit: int = REPLY_GRAPHEMES,
        calls: int = CALLS,
    ) -> None:
        self._turn = Overlay(recollection, receipt, now, limits, reply_limit, search)
        self._left = calls
        self._spent = Usage()

    async def call(self, name: str, arguments: object) -> ToolAnswer:
        """Run the tool. Bad calls raise nothing: they are answered with how to mend them."""
        if not self._left:
            return ToolAnswer("Not done: this turn has no calls left.", ok=False)
        self._left -= 1
        try:
            text, ok = await self._run(name, arguments), True
        except (ToolRefused, EditRefused) as refused:
            text, ok = str(refused), False
        if self._left <= FEW:
            text += f" ({self._left} calls left in this turn.)"
        return ToolAnswer(text, ok)

    def spend(self, usage: Usage) -> None:
        self._spent += usage

    def thought(self) -> TurnResult:
        """What the turn came to: a reply or silence, and the edits."""
        turn = self._turn
        why = "" if turn.reply is not None else turn.silence or "said nothing"
        return TurnResult(turn.reply, why, turn.edits(), self._spent)

    async def _run(self, name: str, arguments: object) -> str:
        tool = TOOLS.get(name)
        if tool is None:
            raise ToolRefused(f"there is no such tool. There are: {', '.join(TOOLS)}.")
        return await tool.run(self._turn, _parse(tool.arguments, arguments))


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
        raise ToolRefused(f"{_mend(error)}. Fields: {', '.join(model.model_fields)}.") from error


def _mend(error: ValidationError) -> str:
    wrong = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))[:60] or 'arguments'}: {one['msg']}" for one in wrong[:5]
    )
