from __future__ import annotations

from contextlib import suppress
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import factory
from bot.errors import SettingsError
from bot.prompt.persona import advice, digest, parse
from memory.text import tokens

HEADER = "---\nname: Jay\nversion: 2\nlanguages: en, pt-BR\n---\n"
BODY = "A bird.\n\n## Voice\ndry\n\n## Boundaries\nnone\n"


def problems(text):
    with pytest.raises(SettingsError) as caught:
        parse(text, "jay.md")
    assert all(problem.startswith("jay.md: ") for problem in caught.value.args)
    return [problem.removeprefix("jay.md: ") for problem in caught.value.args]


def test_a_persona_is_its_header_and_its_prose():
    persona = parse(HEADER + BODY)
    assert (persona.name, persona.version, persona.languages) == ("Jay", "2", ("en", "pt-BR"))
    assert persona.text() == (
        "Your name is Jay.\nYou write in: en, pt-BR; to others in en.\n\n" + BODY.strip()
    )


def test_any_language_needs_no_word_in_the_prompt():
    assert (
        parse("---\nname: Jay\nlanguages: any\n---\n" + BODY)
        .text()
        .startswith("Your name is Jay.\n\nA bird.")
    )


@pytest.mark.parametrize("text", ["", "A bird.", "---\nname: Jay\n", "name: Jay\n---\n" + BODY])
def test_without_a_header_it_is_told_how_to_begin(text):
    assert "Begin with a line ---" in problems(text)[0]


def test_every_problem_is_told_at_once_with_its_line():
    found = problems(
        "---\nnmae: Jay\nversion: 1\nversion: 2\nlanguages: English!\n---\n# Voice\n> hi\n## Voice\n"
    )
    assert found == [
        "line 2 of the header should be one of name, version, languages, a colon, a value.",
        "line 4: version stands twice in the header.",
        "the header has no name. Example: name: Scrubjay",
        "languages should be `any`, or codes with commas between. Example: languages: en, pt-BR",
        "line 7 is a heading of the first level, which are the prompt's own. Write `##`.",
        "line 8 begins with `>`, which in a prompt marks what strangers wrote.",
        "the section `## Voice` is empty.",
        "there is no section `## Boundaries`.",
    ]


def test_a_persona_that_would_eat_the_prompt_is_refused():
    assert "4000 are allowed" in problems(HEADER + BODY + "x" * 20_000)[0]


@given(st.text())
def test_no_text_does_more_than_be_refused(text):
    for one in (text, f"---\n{text}\n---\n{text}"):
        with suppress(SettingsError):
            parse(one)


def test_what_a_good_persona_has_is_advised_not_demanded():
    assert advice(parse(HEADER + BODY)) == tuple(
        f"there is no section `## {name}`" for name in ("Interests", "Honesty", "Memory", "Examples")
    )


def test_the_digest_names_a_text_whatever_blanks_surround_it():
    assert digest("A bird.") == digest(" A bird.\n") != digest("A bird!")


def test_the_shipped_persona_is_sound_says_that_it_is_a_bot_and_takes_a_tenth_of_a_prompt():
    persona = parse(resources.files("bot.prompt").joinpath("persona.md").read_text("utf-8"))
    assert advice(persona) == ()
    assert "You are a bot" in persona.body
    assert tokens(persona.text()) < 1200


def test_the_operators_own_file_takes_the_place_of_the_shipped_one(tmp_path):
    mine = tmp_path / "mine.md"
    mine.write_text(HEADER + BODY, "utf-8")
    assert factory.read_persona(mine).name == "Jay"
    assert factory.read_persona(None).name == "Scrubjay"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_persona_that_cannot_be_read_is_one_clear_message(tmp_path, content):
    if content is not None:
        (tmp_path / "mine.md").write_bytes(content)
    with pytest.raises(SettingsError, match=r"mine\.md cannot be read"):
        factory.read_persona(tmp_path / "mine.md")
