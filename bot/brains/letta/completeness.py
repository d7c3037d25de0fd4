"""How a whole tool call is told from one that was cut off. Pure.

Letta 0.16.8 repairs the JSON of a call that was cut off, and hands it on as if it were whole
(`_fix_truncated_json_response` in its llm_client_base.py). So every tool gets one more required argument, the
last. A model writes it last, and a call that was cut off lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.domain.data_text import decoded

if TYPE_CHECKING:
    from bot.brains.loop import Call
    from bot.domain.prompt import ToolResult, ToolSpec, Usage
    from bot.ports import Toolbox

COMPLETE = "complete"
DESCRIPTION = "Always true, and always the last argument: it shows that the call is whole."
NOT_WHOLE = (
    "Not done: the call is not whole, because its last argument `complete` is not true. Call the tool again "
    "with all its arguments, and `complete: true` as the last one."
)
TIMES_ENCODED = 2


def client_tool(spec: ToolSpec) -> Any:
    """The tool as Letta is told of it."""
    schema = dict(spec.parameters)
    schema["properties"] = {
        **schema.get("properties", {}),
        COMPLETE: {"type": "boolean", "description": DESCRIPTION},
    }
    schema["required"] = [*schema.get("required", ()), COMPLETE]
    return {"name": spec.name, "description": spec.description, "parameters": schema}


def checked(call: Call) -> Call:
    """The call without the argument that Letta's tools have, or with a fault if it may have been cut off."""
    arguments = decoded(call.arguments, TIMES_ENCODED)
    if not isinstance(arguments, Mapping) or not arguments:
        return replace(call, fault=NOT_WHOLE)
    *others, last = arguments
    if last != COMPLETE or arguments[last] is not True:
        return replace(call, fault=NOT_WHOLE)
    return replace(call, arguments={name: arguments[name] for name in others})


class ClientTools:
    """The turn's tools (`bot.ports.Toolbox`). A call in text is whole, and may have the argument too."""

    def __init__(self, tools: Toolbox) -> None:
        self.specs: tuple[ToolSpec, ...] = tools.specs
        self._tools = tools

    async def call(self, name: str, arguments: object) -> ToolResult:
        if isinstance(arguments, Mapping):
            arguments = {key: value for key, value in arguments.items() if key != COMPLETE}
        return await self._tools.call(name, arguments)

    async def reserve(self, *, again: bool = False) -> None:
        await self._tools.reserve(again=again)

    def add_usage(self, usage: Usage) -> None:
        self._tools.add_usage(usage)
