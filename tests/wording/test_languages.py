"""The files of the languages: every pattern is sound, and the answers name words that are understood."""

from __future__ import annotations

import errno

import pytest
import regex

from bot.domain.mention import Command
from bot.wording import answers, detection
from bot.wording.detection import detect, written_in
from bot.wording.grammar import Grammar, PatternFault
from bot.wording.languages import ARGUED, languages
from bot.wording.parse import understand
from bot.wording.tokens import tokens

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


@pytest.mark.parametrize(
    ("text", "declared", "tags"),
    [
        ("Jag bor i Malmö och har två katter.", ("en",), ("sv",)),
        ("Das freut mich sehr, und ich merke es mir!", ("de-AT", "en"), ("de-AT",)),
        ("ok", ("pt-BR",), ("pt-BR",)),
        ("ok", (), ()),
        ("😂", ("ja", "en"), ("ja", "en")),
        ("", (), ()),
    ],
)
def test_a_post_is_tagged_with_the_language_of_its_text_as_far_as_that_is_plain(text, declared, tags):
    assert written_in(text, declared) == tags


@pytest.mark.parametrize(
    ("text", "is_matched"),
    [
        ("wipe my data", True),
        ("wipe just all my data", True),
        ("wipe one two three my data", True),
        ("wipe one two three four my data", False),
        ("wipe never my data", False),  # one of `blocks`
        ("wipe “all of” my data", False),
    ],
)
def test_a_gap_is_a_few_words_but_none_that_blocks(text, is_matched):
    grammar = Grammar({"blocks": ["never"]}, spaced=True, elides=False)
    line = grammar.line([token.text for token in tokens(text)])
    assert (len(line) in grammar.node("wipe ~ my data").ends(line, 0)) is is_matched


def test_a_table_that_cannot_be_unpacked_is_told_with_the_folder(monkeypatch, tmp_path):
    detection._identifier.cache_clear()
    monkeypatch.setattr("tempfile.TemporaryFile", full_disk)
    with pytest.raises(OSError, match=r"temporary files \(TMPDIR\): No space left"):
        detection.load()


def full_disk(**_):
    raise OSError(errno.ENOSPC, "No space left on device")
