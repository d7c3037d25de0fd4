from __future__ import annotations

from bot.domain.commands import NOTICE, introduce
from bot.domain.mention import Command
from bot.wording.parse import parse


def test_the_first_reply_carries_the_notice_after_it():
    assert introduce("Hello.", NOTICE) == f"Hello.\n\n{NOTICE}"


def test_without_a_notice_the_reply_is_left_alone():
    assert introduce("Hello.", "") == "Hello."


def test_the_notice_names_words_that_really_are_commands():
    assert "“stop”" in NOTICE
    assert "“forget me”" in NOTICE
    assert (parse("stop"), parse("forget me")) == (Command.STOP, Command.FORGET)


def test_the_notice_leaves_room_in_one_post():
    assert len(NOTICE) <= 160
