"""What a scripted model does, one step a request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Call:
    """The model calls a tool; `arguments` is JSON, or the text that it took for JSON."""

    name: str
    arguments: dict[str, object] | str

    def json(self, parameters: dict | None = None) -> str:
        """As a model writes it for a tool of these parameters: `complete` last, if that is required."""
        if isinstance(self.arguments, str):
            return self.arguments
        last = {"complete": True} if "complete" in (parameters or {}).get("required", ()) else {}
        return json.dumps({**self.arguments, **last})


@dataclass(frozen=True)
class Says:
    """What the model says at one request: tool calls, text, or nothing.

    `finish` as OpenAI names it: "stop" (also with calls), "length" (cut short) or "content_filter".
    `always`: a model behind Letta says so also to a probe, which it answers well otherwise.
    """

    calls: tuple[Call, ...] = ()
    text: str = ""
    finish: str = "stop"
    always: bool = False


@dataclass(frozen=True)
class Fails:
    """The server answers with this status, and perhaps when to come back (seconds)."""

    status: int
    retry_after: int | str | None = None


@dataclass(frozen=True)
class Hangs:
    """The server takes the request and never answers."""


@dataclass(frozen=True)
class Cuts:
    """The connection ends in the middle of an answer that would have been a good one."""


Step: TypeAlias = Says | Fails | Hangs | Cuts


def calls(name: str, arguments: dict[str, object] | str) -> Says:
    return Says((Call(name, arguments),))


def replies(text: str) -> Says:
    return calls("reply", {"text": text})


def silent(reason: str) -> Says:
    return calls("stay_silent", {"reason": reason})


def answers_probes(step: object) -> bool:
    """Whether a model behind Letta, whose next step this is, answers a probe as it should."""
    return callable(step) or (isinstance(step, Says) and not step.always)


def strings(value: object) -> str:
    """Every string in a JSON value, keys too, one a line."""
    match value:
        case str():
            return value
        case dict():
            return "\n".join(f"{key}\n{strings(held)}" for key, held in value.items())
        case list():
            return "\n".join(map(strings, value))
        case _:
            return ""
