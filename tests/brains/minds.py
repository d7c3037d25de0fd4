"""Every brain with the mind behind it, scripted and overheard where its provider speaks: at the wire.

A new brain joins with one line in MINDS: a context manager that yields a Mind. One that has no model to
script (`rules`) is given posts that lead it to the same cases, and stays out of the others for a stated reason.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import pytest

from bot.brains import make

if TYPE_CHECKING:
    from bot.ports import Brain


@dataclass(frozen=True)
class Call:
    """The model calls a tool; `arguments` is JSON, or the text that it took for JSON."""

    name: str
    arguments: dict[str, object] | str


@dataclass(frozen=True)
class Says:
    """What the model says at one request: tool calls, text, or nothing.

    `finish` as OpenAI names it: "stop" (also with calls), "length" (cut short) or "content_filter".
    """

    calls: tuple[Call, ...] = ()
    text: str = ""
    finish: str = "stop"


@dataclass(frozen=True)
class Fails:
    """The server answers with this status, and perhaps when to come back (seconds)."""

    status: int
    retry_after: int | None = None


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


class Mind(Protocol):
    """`brain` asks its model over HTTP; the model does what `script` says.

    One step a model's request, tool continuations included; the last step for ever. `requests` is what the
    model was sent, request by request: every string of it, JSON's escapes undone, so that text can be looked for.
    """

    brain: Brain
    requests: list[str]

    def script(self, *steps: Step) -> None: ...


class Unscripted:
    """A brain without a model."""

    def __init__(self, brain: Brain) -> None:
        self.brain = brain
        self.requests: list[str] = []

    def script(self, *steps: Step) -> None:
        """It follows nobody's script: the post alone decides."""


@contextmanager
def rules_mind():
    yield Unscripted(make("rules"))


MINDS = {"rules": rules_mind}


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


def over_minds(**unfit: str):
    """Run the test over every brain but those named, each with the reason why the case cannot be its own."""
    assert all(reason for reason in unfit.values())
    assert set(unfit) <= set(MINDS)
    return pytest.mark.parametrize("name", sorted(set(MINDS) - set(unfit)))
