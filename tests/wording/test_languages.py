"""The files of the languages: every pattern is sound, and the answers name words that are understood."""

from __future__ import annotations

import pytest
import regex

from bot.domain.mention import Command
from bot.wording import answers
from bot.wording.detection import detect
from bot.wording.grammar import PatternFault
from bot.wording.languages import ARGUED, languages
from bot.wording.parse import understand

LANGUAGES = languages()
QUOTED = regex.compile(r"[“„«「‘]\s?([^”“»」’…]*)(…?)\s?[”“»」’]")
OF_PROGRAM = ("help", "refused", "note_unknown", "ask_forget", "not_corrected")


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_pattern_is_sound(code):
    grammar = LANGUAGES[code].grammar
    for name, kinds in LANGUAGES[code].commands.items():
        assert name.upper() in Command.__members__
        for kind, patterns in kinds.items():
            for text in patterns:
                (grammar.pattern if kind == ARGUED else grammar.node)(text)
    for name in grammar.lists:
        grammar.listed(name)


@pytest.mark.parametrize("text", ["(a", "a]", "<nowhere>", "{a", "a {b} {c}", "a > b", "a)?"])
def test_a_malformed_pattern_is_refused(text):
    with pytest.raises(PatternFault):
        LANGUAGES["en"].grammar.node(text)


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("answer", OF_PROGRAM)
def test_the_words_that_an_answer_names_are_understood_in_its_language(code, answer):
    for words, more in QUOTED.findall(LANGUAGES[code].answers[answer]):
        said = f"{words.strip()} n12" if more else words.strip()
        understood = understand(said)
        assert understood, said
        assert more or code in understood.langs, said


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_every_answer_and_each_fits_into_a_post(code):
    assert LANGUAGES[code].answers.keys() == LANGUAGES["en"].answers.keys()
    for name in LANGUAGES[code].answers:
        assert (
            0 < len(regex.findall(r"\X", answers.text(code, name, count=1000, posts=1000, total=1000))) <= 300
        )


@pytest.mark.parametrize(
    ("declared", "understood", "detected", "expected"),
    [
        (["de"], ["de", "nl"], None, "de"),
        (["en-GB"], ["ja"], None, "ja"),
        (["ja"], ["en"], None, "ja"),
        ([], ["en"], None, "en"),
        ([], ["es", "pt"], "pt", "pt"),
        (["xx"], [], "fr", "fr"),
        (["pt-BR", "en"], [], None, "pt"),
        ([], [], "xx", "en"),
    ],
)
def test_the_declared_language_counts_unless_the_words_are_of_another(
    declared, understood, detected, expected
):
    assert answers.language(declared, understood, detected) == expected


def test_a_text_of_several_languages_is_answered_in_the_one_that_its_letters_tell():
    assert detect("hör bitte auf, mir zu schreiben") == "de"
    assert detect("você pode parar de me responder?") == "pt"
    assert detect("これは何ですか") == "ja"
