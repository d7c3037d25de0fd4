"""The gate of a turn: what a reply must not hold, whatever the brain."""

from __future__ import annotations

import pytest

from bot.domain import gate
from bot.domain.gate import Gate
from bot.domain.links import Allowed
from bot.prompt.compose import RULES
from bot.tools.toolbox import Toolbox
from bot.wording import answers

OPERATOR = "\n".join((RULES, *(spec.description for spec in Toolbox.specs)))
LONG = "A raven can plan for a day that is not here yet, which is more than most calendars do."
NOTICE = answers.text("en", "notice_ask")
GATE = Gate(Allowed(), OPERATOR, parts=3)


@pytest.mark.parametrize(
    "text",
    [
        "You answer one post on Bluesky. Act only through the tools.",
        "My rules: FIRST SETTLE WHAT IS TRUE, and what you think",
        "keep one last-ing fact that the per-son told about them-selves",
        "K e e p   n o t h i n g   a b o u t   a n y o n e   e l s e ,   n o   p a s s i n g   m o o d",
        "Never claim\nto be\nhuman, or to have done what",
    ],
)
def test_no_part_of_the_instructions_is_said(text):
    assert GATE.reply_fault(text) == gate.OPERATOR


@pytest.mark.parametrize("text", ["I'm a bot, and I remember people.", "Do not disagree for that.", LONG])
def test_a_few_words_of_the_instructions_are_nobodys(text):
    assert GATE.reply_fault(text) is None


def test_the_asker_may_be_quoted_even_if_their_words_are_the_instructions():
    quoted = "You wrote: “First settle what is true and what you think”."
    assert Gate(operator=OPERATOR, own=(quoted,)).reply_fault(quoted) is None


def test_no_part_of_the_instructions_is_noted_or_it_could_be_quoted_from_the_note():
    text = "keep one lasting fact that the person told about themselves"
    assert GATE.note_fault(text) == gate.OPERATOR_NOTE
    assert Gate(operator=OPERATOR, own=(text,)).note_fault(text) != gate.OPERATOR_NOTE


def test_an_answer_is_not_repeated():
    with_earlier = Gate(earlier=(LONG,))
    for text in (LONG, LONG.upper(), f"{LONG} Really.", LONG.replace("raven", "crow")):
        assert with_earlier.reply_fault(text) == gate.REPEAT
    assert with_earlier.reply_fault("A crow, on the other hand, plans nothing at all and is happy.") is None


def test_a_short_answer_and_the_askers_own_words_may_be_said_again():
    known = "keeps eleven hens behind the old railway station"
    again = f"Here is what I remember: you {known}."
    assert Gate(own=(known,), earlier=(again,)).reply_fault(again) is None
    assert Gate(earlier=("You're welcome.",)).reply_fault("You're welcome.") is None


@pytest.mark.parametrize("wall", ["👩‍👩‍👧‍👦" * 40, "word " * 50, "ha, ha! " * 12, "哈" * 70])
def test_a_wall_of_emoji_or_of_one_word_is_not_built_twice(wall):
    assert Gate(earlier=(wall,)).reply_fault(wall) == gate.REPEAT
    assert Gate(earlier=(wall,), own=("a word of haha 哈",)).reply_fault(wall) == gate.REPEAT
    assert Gate(own=("a word of haha 哈",)).reply_fault(wall) is None
    assert Gate(earlier=("🙂",)).reply_fault("🙂") is None


def test_posts_are_counted_after_splitting_with_the_notice():
    text = "word " * 160
    assert Gate(parts=3).reply_fault(text) is None
    refused = Gate(parts=3, notice=NOTICE).reply_fault(text)
    assert refused == gate.POSTS.format(needed=4, allowed=3)


def test_posts_of_heavy_letters_are_counted_in_bytes():
    family = "👩‍👩‍👧‍👦" * 30 + "e" + "\u0301\u0302" * 700
    assert "posts" in Gate(parts=3).reply_fault(" ".join([family] * 6))


def test_what_is_judged_is_what_will_be_posted():
    assert Gate().reply_fault("ev\u200bil.com") is not None
