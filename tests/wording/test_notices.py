"""What a first reply tells: in each language it is short, and the words that it names are commands."""

from __future__ import annotations

import pytest
import regex

from bot.domain.mention import Command
from bot.wording import answers
from bot.wording.languages import languages
from bot.wording.parse import parse

QUOTED = regex.compile("[“„«‘「] ?([^”“»’」]+?) ?[”“»’」]")
NAMED = {
    "notice_ask": [Command.MEMORY, Command.STOP, Command.FORGET],
    "notice_opt_in": [Command.REMEMBER, Command.STOP],
    "notice_off": [Command.STOP],
}


@pytest.mark.parametrize("lang", sorted(languages()))
@pytest.mark.parametrize("name", NAMED)
def test_the_words_that_a_notice_names_are_commands(lang, name):
    named = [parse(words) for words in QUOTED.findall(answers.text(lang, name))]
    assert sorted(named, key=str) == sorted(NAMED[name], key=str)


@pytest.mark.parametrize("lang", sorted(languages()))
@pytest.mark.parametrize("name", NAMED)
def test_a_notice_leaves_room_in_a_post(lang, name):
    assert len(answers.text(lang, name)) <= 160
