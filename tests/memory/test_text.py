from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.text import visible


@pytest.mark.parametrize(
    "text",
    [
        "می‌خواهم",
        "👩‍👩‍👧‍👦",
        "❤️ 1️⃣ 🏳️‍🌈",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "क्‍ष",
        "½ ﾃｽﾄ １",
    ],
)
def test_what_emoji_persian_hindi_and_japanese_need_stays_visible(text: str):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("a\u200bb\u2060c\ufeffd\u00ade", "abcde"),
        ("\u202eevil\u202c \u2067x\u2069", "evil x"),
        ("a\u200db\u200c c", "ab c"),
        ("x\ufe0f\U000e0141", "x"),
        ("❤\ufe0f\ufe0f\ufe0f", "❤\ufe0f"),
        ("hi\U000e0068\U000e0069", "hi"),
        ("\x00a\x1b[31mb\ud800", "a[31mb"),
        ("a\r\nb\u2028c\td", "a\nb\nc d"),
        ("e\u0301", "é"),
    ],
)
def test_hidden_characters_go(written: str, seen: str):
    assert visible(written) == seen


@given(
    st.text(
        st.characters() | st.sampled_from("a❤ن\ud800\u200c\u200d\ufe0f\u0301\u202e\U000e0041"), max_size=30
    )
)
def test_cleaning_twice_is_cleaning_once(text: str):
    assert visible(visible(text)) == visible(text)
    visible(text).encode()
