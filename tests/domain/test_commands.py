from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.commands import ERASED_REPLY, NOTICE, parse
from bot.domain.mention import Command

STOP = [
    "stop", "STOP", "Stop!", "please stop", "stop please", "Stop, please.", "stop it", "stop replying",
    "stop talking to me", "leave me alone", "unsubscribe", "@jay.test stop", "stop @jay.test", "ok, stop now",
    "  stop 🛑 ", "stop?", "ＳＴＯＰ", "st\u200bop", "stop\n", "Don't reply to me", "don’t talk to me again",
    "stop replying to me!!", "do not answer me any more", "go away", ".@jay.test please leave me alone",
]  # fmt: skip
FORGET = [
    "forget me", "Forget me.", "please forget me", "forget everything about me", "delete my data", "erase me",
    "forget everything you know about me", "Forget what you know about me, please!", "erase all my data",
    "@jay.test forget me", "delete everything you have on me", "Forget me @jay.test", "wipe my memory",
]  # fmt: skip
START = [
    "start", "Start!", "resume", "you can talk to me again", "You may talk to me again, please.",
    "start replying to me again", "please resume", "@jay.test start",
]  # fmt: skip
NONE = [
    "", "don't stop believing", "stop by my place", "forget it", "never mind", "stop the war", "non-stop",
    "I can't stop", "please", "@jay.test", "start the car", "my data", "forget that I like tea",
    "forget me not", "never forget me", "she said stop", "stop @bob.test and talk", "resume my subscription",
    "restart", "erase", "forget me?", "start?", "delete", "please don't stop",
    "do not forget me", "stop start", "bus stop",
    "don't stop", "talk to me", "what do you know about me", "is it a stop word: stop",
]  # fmt: skip


SAYINGS = st.sampled_from(STOP + FORGET + START)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, Command.STOP) for text in STOP),
        *((text, Command.FORGET) for text in FORGET),
        *((text, Command.START) for text in START),
        *((text, None) for text in NONE),
    ],
)
def test_a_whole_message_is_the_command_or_none(text, expected):
    assert expected == parse(text)


@given(
    SAYINGS,
    st.sampled_from([str.upper, str.title, str.lower]),
    st.sampled_from(["!", "...", "  ", " 🙏", ""]),
)
def test_case_and_punctuation_do_not_change_a_command(text, case, tail):
    assert parse(text) == parse(case(text) + tail)


@given(SAYINGS, st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=9))
def test_a_command_inside_a_longer_message_is_none(text, word):
    assume(word not in {"please", "kindly", "thanks", "okay", "again", "that", "this", "data"})
    assert parse(f"{word} {word} {text}") is None


@given(st.text())
def test_any_text_at_all_is_a_command_or_none(text):
    assert parse(text) in {None, *Command}


def test_a_very_long_text_is_no_command():
    assert parse("please " * 500 + "stop") is None


def test_the_notice_names_words_that_really_are_commands():
    assert "“stop”" in NOTICE
    assert "“forget me”" in NOTICE
    assert (parse("stop"), parse("forget me")) == (Command.STOP, Command.FORGET)


def test_what_code_says_leaves_room_in_one_post():
    assert len(NOTICE) <= 160
    assert len(ERASED_REPLY) <= 300
