"""The tools of one turn, called by name with the arguments that a model wrote.

A tool is one function with `@tool`, listed in its module's `TOOLS`. A new module is added to TOOLS here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bot.domain.data_text import decoded
from bot.domain.gate import Gate
from bot.domain.prompt import ToolResult, TurnResult, Usage
from bot.errors import ToolRefused
from bot.tools import consent, notes, speech
from bot.tools.overlay import Arguments, Overlay, Tool
from memory.errors import EditRefused

if TYPE_CHECKING:
    from datetime import datetime

    from bot.tools.overlay import IsOthers, Search
    from memory.model import Limits, Receipt
    from memory.recollection import Recollection


TOOLS: Mapping[str, Tool[Any]] = MappingProxyType(
    {tool.spec.name: tool for tool in (*speech.TOOLS, *notes.TOOLS, *consent.TOOLS)}
)
MAX_CALLS = 12
WARN_CALLS_LEFT = 2  # from here on each result says how many calls are left
MAX_REPLY_GRAPHEMES = 4 * 300  # four posts
TIMES_ENCODED = 3  # a JSON object that was encoded twice is decoded so often at most


class Toolbox:
    """The tools of one turn about one person (`bot.ports.Toolbox`).

    `receipt` names the post that every new note comes from. `search` finds passages of this person. `limits`
    are memory's, with `per_exchange` lowered by the caller to what the day has left. `gate` judges what is
    said; `is_others` tells whether a text repeats a note of somebody else. After `calls` calls every tool
    refuses.
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
        gate: Gate = Gate(),  # noqa: B008 - frozen
        is_others: IsOthers | None = None,
    ) -> None:
        names = tuple(TOOLS)
        self._overlay = Overlay(
            recollection, receipt, now, limits, reply_limit, search, names, gate, is_others
        )
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

    async def reserve(self, *, again: bool = False) -> None:
        """Nothing is reserved here: the bot's worker does."""

    def add_usage(self, usage: Usage) -> None:
        self._spent += usage

    def thought(self) -> TurnResult:
        """What the turn has asked for: a reply or silence, and the edits."""
        overlay = self._overlay
        why = "" if overlay.reply is not None else overlay.silence or "said nothing"
        edits = overlay.edits()
        return TurnResult(overlay.reply, why, edits, self._spent, overlay.stopped, overlay.refused)

    async def _run(self, name: str, arguments: object) -> str:
        tool = TOOLS.get(name)
        if tool is None:
            raise ToolRefused(f"there is no such tool. There are: {', '.join(TOOLS)}.")
        return await tool.run(self._overlay, _parse(tool.arguments, arguments))


def _parse(model: type[Arguments], arguments: object) -> Arguments:
    """Raises ToolRefused, naming each field that is wrong."""
    try:
        return model.model_validate(_fields(model, arguments))
    except ValidationError as error:
        raise ToolRefused(f"{_describe_errors(error)}. Fields: {', '.join(model.model_fields)}.") from error


def _fields(model: type[Arguments], arguments: object) -> dict[str, object]:
    """The fields that a model meant, where that is certain. Raises ToolRefused.

    JSON may hold raw line breaks, and be encoded twice. A bare text is meant for the one text of a tool.
    """
    names = ", ".join(model.model_fields)
    match _decoded(arguments):
        case None | "":
            return {}
        case Mapping() as fields:
            return {str(name): value for name, value in fields.items()}
        case str(text) if (field := _only_text(model)) and not text.lstrip().startswith(("{", "[", '"')):
            return {field: text}
        case str():
            raise ToolRefused(f"Invalid JSON in the arguments. Fields: {names}.")
        case _:
            raise ToolRefused(f"the arguments are no JSON object. Fields: {names}.")


def _decoded(arguments: object) -> object:
    """The value of JSON, encoded once or twice; other text as it is."""
    text = arguments.decode(errors="surrogateescape") if isinstance(arguments, bytes) else arguments
    value = decoded(text, TIMES_ENCODED, partial(json.loads, strict=False))
    return value if isinstance(value, Mapping | str | list) or value is None else arguments


def _only_text(model: type[Arguments]) -> str | None:
    """The name of the tool's one field, if that is a required text."""
    if not model.model_fields:
        return None
    (name, *others), field = model.model_fields, next(iter(model.model_fields.values()))
    return name if not others and field.is_required() and field.annotation is str else None


def _describe_errors(error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))[:60] or 'arguments'}: {one['msg']}" for one in errors[:5]
    )
