"""Every brain with the model behind it, scripted and overheard where its provider speaks: at the wire.

A new brain joins with one line in RIGS: a context manager that yields a Rig. One that has no model to
script (`rules`) is given posts that lead it to the same cases, and stays out of the others for a stated
reason.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest

from bot.brains import make
from support.brain_script import Call, Cuts, Fails, Hangs, Says, Step, calls, replies, silent
from support.letta_brain import letta_rig
from support.model_brain import model_rig

NO_MODEL = "it asks no model, so there is none to fail"

if TYPE_CHECKING:
    from bot.ports import Brain

__all__ = [
    "NO_MODEL",
    "RIGS",
    "Call",
    "Cuts",
    "Fails",
    "Hangs",
    "Rig",
    "Says",
    "Step",
    "calls",
    "over_brains",
    "replies",
    "silent",
]


class Rig(Protocol):
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
def rules_rig():
    yield Unscripted(make("rules"))


RIGS = {"letta": letta_rig, "model": model_rig, "rules": rules_rig}


def over_brains(**unfit: str):
    """Run the test over every brain but those named, each with the reason why the case cannot be its own."""
    assert all(unfit.values())
    assert set(unfit) <= set(RIGS)
    return pytest.mark.parametrize("rig", sorted(set(RIGS) - set(unfit)), indirect=True)
