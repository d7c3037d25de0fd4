"""Any text is understood or not, without an error and in time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brains.rules.understanding import understand

LONG = [
    "a" * 3000, "I " * 1500, ", and" * 600, "please " * 400, "🐕" * 1000 + "a", "'s " * 999,
    "my " * 999 + "is called",
    "I like " + "now " * 700 + "x", "I am " + "really " * 400, "@" * 3000, '"' * 2999, "“a b c " * 400,
    "what do you know " * 170, "forget that " * 250, "hi there " * 300 + "x", "you're so " * 300,
    "know about me " * 210,
    "what know about " * 180 + "?",
    "\u200b" * 3000, "!" * 2999 + "a", "ha" * 1500, "A. " * 999, "forget everything " * 160,
    "\n" * 2999 + "x",
]  # fmt: skip


@given(st.text(max_size=400))
def test_any_text_is_heard(text):
    assert understand(text) == understand(text)


@pytest.mark.parametrize("text", LONG)
def test_a_long_text_is_heard_in_time(text):
    before = time.process_time()
    understand(text)
    assert time.process_time() - before < 0.5
