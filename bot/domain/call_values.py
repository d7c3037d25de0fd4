"""A tool call as a value: the spellings of JSON that models use for it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.domain.data_text import literal

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME_KEYS = (
    "name", "tool", "tool_name", "function", "function_name", "action", "recipient_name", "toolName",
    "tool_use", "function_call", "method",
)  # fmt: skip
ARGUMENT_KEYS = (
    "arguments", "parameters", "args", "input", "action_input", "tool_input", "params", "kwargs", "parameter",
    "function_args", "tool_args", "tool_parameters", "argument", "toolInput", "inputs",
)  # fmt: skip
LIST_KEYS = (
    "tool_calls",
    "function_calls",
    "calls",
    "tool_uses",
    "actions",
    "toolCalls",
    "tools",
    "invocations",
)
CALL_KEYS = ("function", "function_call", "tool_call", "tool", "call", "functionCall", "toolCall", "tool_use")
OTHER_KEYS = frozenset(
    {"id", "type", "call_id", "tool_call_id", "index", "status", "thought", "thoughts", "reasoning", "role",
     "content", "rationale", "explanation", "comment", "caller", "tool_use_id"}
)  # fmt: skip
FINAL_ANSWER = "Final Answer"
MAX_DEPTH = 5
PREFIX = re.compile(r"^(?:functions|default_api|tools|function|tool|api)[.:/]")
MALFORMED = 0  # in the place of arguments that cannot be read
FENCE = re.compile(r"(?:```|~~~)[ \t]*[\w+.-]*[ \t]*\n?(?P<text>.*?)(?:```|~~~)?", re.DOTALL)
GEMMA_STRING = re.compile(r"(?P<key>\w+)\s*:\s*<\|\"\|>(?P<value>.*?)<\|\"\|>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TextCall:
    """A tool call. `arguments` are a mapping, or one string for the tool's one text."""

    name: str
    arguments: Mapping[str, object] | str = field(default_factory=dict)


class CallValues:
    """Reads the calls of tools of these names out of values."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def calls_in(self, values: Iterable[object]) -> list[TextCall] | None:
        found = list[TextCall]()
        for value in values:
            calls = self._in(value)
            if not calls:
                return None
            found += calls
        return found

    def _in(self, value: object, depth: int = 0) -> list[TextCall] | None:
        if isinstance(value, list) and depth < MAX_DEPTH:
            each = [self._in(one, depth + 1) for one in value]
            return [call for calls in each if calls for call in calls] if all(each) else None
        if not isinstance(value, Mapping) or depth >= MAX_DEPTH:
            return None
        for key in LIST_KEYS:
            if isinstance(held := value.get(key), list) and value.keys() - {key} <= OTHER_KEYS:
                return self._in(held, depth + 1)
        for key in CALL_KEYS:
            if isinstance(held := value.get(key), Mapping) and value.keys() - {key} <= OTHER_KEYS:
                return self._in(held, depth + 1)
        return all_of([self._named_call(value) or self._keyed_call(value)])

    def _named_call(self, value: Mapping[str, object]) -> TextCall | None:
        """`{"name": "reply", "arguments": {...}}`, in its many spellings."""
        for key in NAME_KEYS:
            if not isinstance(name := value.get(key), str):
                continue
            held = [one for one in ARGUMENT_KEYS if one in value]
            others = value.keys() - {key, *held} - OTHER_KEYS
            if len(held) > 1 or (held and others):
                return None
            given = (
                value[held[0]] if held else {one: value[one] for one in value.keys() - {key, "id", "type"}}
            )
            if name == FINAL_ANSWER and isinstance(given, str):
                return self.call("reply", given)
            return self.call(name, read_arguments(given) if isinstance(given, str) else given)
        return None

    def _keyed_call(self, value: Mapping[str, object]) -> TextCall | None:
        """`{"reply": {"text": "..."}}`."""
        if len(value) != 1:
            return None
        ((name, given),) = value.items()
        return self.call(name, given)

    def call(self, name: str, arguments: object) -> TextCall | None:
        name = PREFIX.sub("", name.strip()).removesuffix(".call")
        if name not in self._names:
            return None
        match arguments:
            case None:
                return TextCall(name)
            case str():
                return TextCall(name, arguments)
            case Mapping() if all(isinstance(key, str) for key in arguments):
                return TextCall(name, dict(arguments))
        return None


def all_of(calls: Iterable[TextCall | None]) -> list[TextCall] | None:
    """All these calls; None if there is none, or one could not be read."""
    found = list(calls)
    whole = [call for call in found if call is not None]
    return whole if whole and len(whole) == len(found) else None


def read_arguments(text: str) -> object:
    """JSON of arguments, perhaps encoded twice or in a fence. A cut JSON is MALFORMED, other text itself."""
    text = text.strip()
    if (fence := FENCE.fullmatch(text)) and text.startswith(("```", "~~~")):
        text = fence["text"].strip()
    if GEMMA_STRING.search(text):
        pairs = {one["key"]: one["value"] for one in GEMMA_STRING.finditer(text)}
        return pairs if not GEMMA_STRING.sub("", text).strip("{}, \n") else MALFORMED
    try:
        value = literal(text)
    except ValueError:
        return MALFORMED if text.startswith(("{", "[", '"')) else text
    return value if isinstance(value, Mapping | str) or value is None else text
