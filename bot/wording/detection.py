"""The language of a text, told by its letters. Pure: the model is a table in the installed library."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from bot.wording.languages import languages
from bot.wording.tokens import plain


def detect(text: str) -> str:
    """The language (ISO 639-1) in which this is most probably written, of those that have a file."""
    lang: str = _identifier().classify(plain(text))[0]
    return lang


@lru_cache(maxsize=1)
def _identifier() -> Any:
    import py3langid  # reads its table, 4 MB

    py3langid.set_languages(list(languages()))
    return py3langid
