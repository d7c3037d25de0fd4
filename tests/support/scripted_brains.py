"""Every brain with the mind behind it, scripted and overheard where its provider speaks: at the wire.

A new brain joins with one line in MINDS: a context manager that yields a Mind. One that has no model to
script (`rules`) is given posts that lead it to the same cases, and stays out of the others for a stated
reason.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest

from bot.brains import make
from support.brain_script import Call, Cuts, Fails, Hangs, Says, Step, calls, replies, silent
from support.letta_brain import letta_mind
from support.model_brain import model_mind

NO_MODEL = "it asks no model, so there is none to fail"

if TYPE_CHECKING:
    from bot.ports import Brain

__all__ = [
    "MINDS",
    "NO_MODEL",
    "Call",
    "Cuts",
    "Fails",
    "Hangs",
    "Mind",
    "Says",
    "Step",
    "calls",
    "over_minds",
    "replies",
    "silent",
]


class Mind(Protocol):
    """`brain` asks its model over HTTP; the model does what `script` says.

    One step a model's request, tool continuations included; the last step for ever. `requests` is what the
    model was sent, request by request: every string of it, JSON's escapes undone, so that text can be looked
    for.
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


MINDS = {"letta": letta_mind, "model": model_mind, "rules": rules_mind}


def over_minds(**unfit: str):
    """Run the test over every brain but those named, each with the reason why the case cannot be its own."""
    assert all(unfit.values())
    assert set(unfit) <= set(MINDS)
    return pytest.mark.parametrize("mind", sorted(set(MINDS) - set(unfit)), indirect=True)
