"""What the program itself answers, in the language of whoever asked. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.wording.languages import DEFAULT, languages

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def text(lang: str, answer: str, **values: object) -> str:
    """The answer of this name, in this language, with the values in it."""
    return languages()[lang].answers[answer].format(**values)


def language(declared: Sequence[str], understood: Collection[str], detected: str | None = None) -> str:
    """The language (ISO 639-1) to answer in.

    `declared` are the languages (BCP 47) that the post names, `understood` those in which its words are a
    command. Many apps declare the language of their menu, so the words count first, unless they are English,
    which people write in any language. Without both, the `detected` one counts.
    """
    known = languages()
    named = [code for tag in declared if (code := tag.split("-")[0].lower()) in known]
    if both := [code for code in named if code in understood]:
        return both[0]
    if understood and DEFAULT not in understood:
        return detected if detected is not None and detected in understood else min(understood)
    if named or understood:
        return next(iter(named), DEFAULT)
    return detected if detected is not None and detected in known else DEFAULT
