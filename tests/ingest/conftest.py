"""A harness, and a mention that was answered."""

from __future__ import annotations

import pytest
from support.factory import ANA
from support.harness import REMEMBER, REPLY, Harness, ScriptedBrain


@pytest.fixture
def harness(db, tmp_path):
    return Harness(db, tmp_path, ScriptedBrain(REMEMBER, REPLY))


@pytest.fixture
def answered(harness):
    """A mention of Ana's that was answered and remembered, ten minutes ago."""
    ref = harness.say(ANA, "I live in Lisbon")
    harness.work()
    harness.clock.forward(minutes=10)
    return ref
