"""The language of a text, told by its letters. Pure: the model is a table in the installed library."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bot.wording.languages import languages
from bot.wording.tokens import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

SURE = 0.7  # of what the library finds probable


def detect(text: str) -> str:
    """The language (ISO 639-1) in which this is most probably written, of those that have a file."""
    known = languages()
    return next(lang for lang, _ in _ranked(text) if lang in known)


def written_in(text: str, declared: Sequence[str]) -> tuple[str, ...]:
    """The tags (BCP 47) of a post of this text. `declared` are those of the post that it answers.

    These count where the text does not tell: many a text is too short.
    """
    lang, share = _ranked(text)[0]
    if share < SURE:
        return tuple(declared)
    return next(((tag,) for tag in declared if tag.split("-")[0].lower() == lang), (lang,))


def _ranked(text: str) -> list[tuple[str, float]]:
    """All languages that the library knows (ISO 639), with their probabilities, the most probable first."""
    ranked: list[tuple[str, float]] = _identifier().rank(plain(text))
    return ranked


def load() -> None:
    """Load the table, as the first use would. Raises OSError: it is unpacked into a temporary file."""
    try:
        _identifier()
    except OSError as error:
        told = "the table of languages cannot be unpacked in the folder for temporary files (TMPDIR)"
        raise OSError(error.errno, f"{told}: {error.strerror or error}") from error


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # reads its table, 4 MB

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
