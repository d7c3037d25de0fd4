"""Which posts are commands, in every language."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.mention import Command
from bot.wording.parse import own_names, parse, understand

DATA = Path(__file__).parents[1] / "data"
TABLE, UNSEEN = (
    tomllib.loads((DATA / name).read_text("utf-8")) for name in ("wordings.toml", "wordings_unseen.toml")
)
ASKED_BACK = {"forget": {Command.FORGET, Command.MAY_FORGET}}
PLAIN = st.sampled_from(TABLE["en"]["stop"] + TABLE["en"]["forget"])
WISHES = [
    ("stop. I mean it", Command.STOP),
    ("please stop replying to me, you're annoying", Command.STOP),
    ("stop and forget me", Command.FORGET_AND_STOP),
    ("Forget me, and never remember me again", Command.FORGET_AND_REFUSE),
    ("not interested, stop", Command.STOP),
    ("I read your last three answers and they were wrong. Please stop replying to me.", Command.STOP),
    ("stop @jay.test please", Command.STOP),
    ("ＳＴＯＰ", Command.STOP),
    ("st\u200bop 🛑", Command.STOP),
    ("“stop”", Command.STOP),
    ("s-t-o-p", Command.STOP),
    ("vergiss alles über mich und hör auf", Command.FORGET_AND_STOP),
    ("I am leaving this place. Delete all my data.", Command.MAY_FORGET),
    ("forget me?", Command.MAY_FORGET),
    ("yes", Command.YES),
    ("nein", Command.NO),
]
TALK = [
    "", "please", "@jay.test", "never forget me 💙", "stop me if you've heard this one", "stop start",
    "He said: stop replying to me", "“stop” is a short word", "> stop\nwhy would anyone say that",
    "she told me, leave me alone", "stop replying to @bob.test", "non-stop", "start?",
    "don't stop. stop never.",
    "vergiss mich nie", "vergeet me nooit, jay 💙", "ne m'oublie jamais", "no me olvides nunca",
    "nunca me esqueças", "non dimenticarmi mai", "beni asla unutma", "ніколи не забувай мене",
    "私を忘れないで", "날 잊지 마", "อย่าลืมฉัน", "不要忘记我", "oh stop, really??", "ma smettila, davvero??",
    "my sister says forget everything about me", "restart", "the phrase is forget me",
]  # fmt: skip


def misunderstood(name, texts):
    """Those of these texts that are taken for something else, each with what it is taken for."""
    talk = {None, Command.YES, Command.NO}
    expected = talk if name == "nothing" else ASKED_BACK.get(name, {Command.__members__.get(name.upper())})
    return [(text, command) for text in texts if (command := parse(text)) not in expected]


@pytest.mark.parametrize(
    ("lang", "name"), [(lang, name) for lang, commands in TABLE.items() for name in commands]
)
def test_each_wording_is_its_command_and_talk_is_none(lang, name):
    assert misunderstood(name, TABLE[lang][name]) == []


@pytest.mark.parametrize("lang", UNSEEN)
def test_four_of_five_wordings_that_no_pattern_was_made_for_are_understood(lang):
    wishes = {name: texts for name, texts in UNSEEN[lang].items() if name != "nothing"}
    missed = [text for name, texts in wishes.items() for text in misunderstood(name, texts)]
    assert len(missed) <= 0.2 * sum(map(len, wishes.values())), missed


def test_of_talk_that_no_pattern_was_made_for_none_erases_or_ends_anything():
    taken = [taken for lang in UNSEEN for taken in misunderstood("nothing", UNSEEN[lang]["nothing"])]
    assert {command for _, command in taken} <= {Command.MAY_FORGET}  # which only asks back
    assert len(taken) <= 2


@pytest.mark.parametrize("name", ["stop", "forget", "memory", "nothing"])
def test_each_of_twelve_languages_has_twenty_wordings_of_what_matters_most(name):
    counts = {lang: len(TABLE[lang].get(name, ())) for lang in TABLE}
    assert len([lang for lang, count in counts.items() if count >= 20]) >= 12


@pytest.mark.parametrize(("text", "expected"), WISHES)
def test_a_plain_wish_counts_within_a_longer_post(text, expected):
    assert parse(text, own_names("jay.test")) is expected


@pytest.mark.parametrize("text", TALK)
def test_quotations_others_words_questions_and_jokes_are_no_command(text):
    assert parse(text, own_names("jay.test")) is None


@given(
    PLAIN, st.sampled_from([str.upper, str.title, str.lower]), st.sampled_from(["!", "...", "  ", " 🙏", ""])
)
def test_case_and_punctuation_do_not_change_a_command(text, case, tail):
    assert parse(text) == parse(case(text) + tail)


@given(PLAIN, st.text("bdfghjklmnpqvwxz", min_size=5, max_size=9))
def test_words_that_no_table_has_make_a_wish_to_forget_doubtful_at_least(text, word):
    assert parse(f"{word} {word} {text}") is not Command.FORGET


@given(st.text())
def test_any_text_at_all_is_a_command_or_none(text):
    assert parse(text) in {None, *Command}


def test_a_very_long_text_is_no_command():
    assert parse("please " * 500 + "stop") is None


@pytest.mark.parametrize(
    ("text", "command", "argument"),
    [
        ("correct: I live in Porto", Command.CORRECT, "I live in Porto"),
        ("@jay.test Correct: I live in Porto.", Command.CORRECT, "I live in Porto"),
        ("please forget my dog's name!", Command.FORGET_NOTE, "my dog's name"),
        ("forget n12", Command.FORGET_NOTE, "n12"),
        ("korrigiere: ich wohne in Köln", Command.CORRECT, "ich wohne in Köln"),
        ("corrige : j'habite à Lyon", Command.CORRECT, "j'habite à Lyon"),
        ("訂正：ポルトに住んでいる", Command.CORRECT, "ポルトに住んでいる"),
        ("köpeğimi unut", Command.FORGET_NOTE, "köpeğimi"),
    ],
)
def test_what_a_command_is_about_is_told_as_it_was_written(text, command, argument):
    understood = understand(text, own_names("jay.test"))
    assert (understood.command, understood.argument) == (command, argument)


def test_only_the_bots_own_handle_is_no_word():
    names = own_names("jay.test")
    assert parse("stop replying to @jay.test", names) is not Command.FORGET
    assert parse("please jay.test stop talking to me", names) is Command.STOP
    assert parse("stop tagging @bob.test", names) is None
