"""What the operator may make of a draft."""

from __future__ import annotations

import pytest

from bot.domain.approval import edited


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello.", ("Hello.",)),
        ("  Hello.\n\n", ("Hello.",)),
        ("One.\n---\nTwo.\n", ("One.", "Two.")),
        ("A --- dash\nand a line", ("A --- dash\nand a line",)),
        ("x" * 300, ("x" * 300,)),
        ("\N{FAMILY}" * 300, ("\N{FAMILY}" * 300,)),
    ],
)
def test_the_posts_are_what_stands_between_the_lines(text, parts):
    assert edited(text, 3) == parts


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "without a text"),
        ("One.\n---\n \n---\nThree.", "without a text"),
        ("1\n---\n2\n---\n3\n---\n4", "4 posts"),
        ("One.\n---\n" + "x" * 301, "Post 2 has 301 characters"),
        ("e" + "\u0301\u0302" * 800, "in 3200 bytes"),
    ],
)
def test_what_cannot_be_posted_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        edited(text, 3)


def test_the_notice_must_stay_under_the_first_post():
    assert edited("Hi.\n\nI remember.\n---\nMore.", 3, "I remember.") == ("Hi.\n\nI remember.", "More.")
    with pytest.raises(ValueError, match=r"I remember\."):
        edited("Hi.\n---\nI remember.", 3, "I remember.")
