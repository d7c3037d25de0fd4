from __future__ import annotations

from bot.domain.commands import NOTICE
from bot.domain.mention import Command
from bot.wording.parse import parse


def test_the_notice_names_words_that_really_are_commands():
    assert "“stop”" in NOTICE
    assert "“forget me”" in NOTICE
    assert (parse("stop"), parse("forget me")) == (Command.STOP, Command.FORGET)


def test_the_notice_leaves_room_in_one_post():
    assert len(NOTICE) <= 160
