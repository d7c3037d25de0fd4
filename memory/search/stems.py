"""Texts as content words, words as stems, stems as the numbers that are stored and scored.

A word is stemmed by the language of its text. Scripts without spaces between words are cut into pairs of
characters. The stop words of a language (its most frequent words) are left out.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import regex
import snowballstemmer

from memory.search.languages import NOT_KNOWING, STOP_WORDS, detect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30FC"
WORD = regex.compile(
    rf"[{UNSPACED}\p{{M}}]*[{UNSPACED}][{UNSPACED}\p{{M}}]*"
    rf"|[[\p{{L}}\p{{N}}\p{{M}}_]--[{UNSPACED}]]+(?:['][[\p{{L}}]--[{UNSPACED}]]+)*",
    regex.V1,
)
UNSPACED_RUN = regex.compile(rf"[{UNSPACED}]")
STEMMERS: Mapping[str, str] = MappingProxyType(
    {
        "ar": "arabic",
        "ca": "catalan",
        "cs": "czech",
        "da": "danish",
        "de": "german",
        "el": "greek",
        "en": "english",
        "es": "spanish",
        "et": "estonian",
        "eu": "basque",
        "fa": "persian",
        "fi": "finnish",
        "fr": "french",
        "ga": "irish",
        "hi": "hindi",
        "hu": "hungarian",
        "hy": "armenian",
        "id": "indonesian",
        "it": "italian",
        "lt": "lithuanian",
        "nl": "dutch",
        "no": "norwegian",
        "pl": "polish",
        "pt": "portuguese",
        "ro": "romanian",
        "ru": "russian",
        "sr": "serbian",
        "sv": "swedish",
        "ta": "tamil",
        "tr": "turkish",
    }
)
APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
COUNT_BITS = 3
MOST_COUNTED = 2**COUNT_BITS  # for BM25, 8 occurrences and 80 are nearly the same
STEM_BITS = 21  # two million numbers: among a person's words, one in a few hundred collides with another


@dataclass(frozen=True, slots=True)
class Words:
    """The language of a text and its content words, in order, casefolded but not stemmed."""

    lang: str | None
    words: tuple[str, ...]


def read(text: str, hint: str | None = None) -> Words:
    """The content words of a text: without stop words; case and composition do not count.

    `hint` is the language that the text declares.
    """
    found = list(_words(unicodedata.normalize("NFKC", text).casefold().replace(APOSTROPHE, "'")))
    lang = detect(text, found, hint)
    stop_words = STOP_WORDS.get(lang or "", frozenset())
    return Words(lang, tuple(word for word in found if word not in stop_words))


def _words(text: str) -> Iterable[str]:
    for found in WORD.findall(text):
        if UNSPACED_RUN.match(found) and len(found) > 1:
            yield from (first + second for first, second in pairwise(found))
        else:
            yield found


@lru_cache(maxsize=65536)
def number(word: str, lang: str | None) -> int:
    """The number of the word's stem in this language; without a stemmer, of the word itself."""
    name = STEMMERS.get(lang or "")
    stem = snowballstemmer.stemmer(name).stemWord(word) if name else word
    return zlib.crc32(stem.encode()) >> (32 - STEM_BITS)


@cache
def not_knowing() -> frozenset[int]:
    """The numbers of words that tell only that something is not known."""
    return frozenset(
        number(word, lang)
        for lang, text in NOT_KNOWING.items()
        for word in _words(unicodedata.normalize("NFKC", text).casefold())
    )


def pack(words: Words) -> bytes:
    """Three bytes for each stem: its number, and how often it occurs."""
    counts = Counter(number(word, words.lang) for word in words.words)
    packed = np.array(
        [n << COUNT_BITS | min(count, MOST_COUNTED) - 1 for n, count in sorted(counts.items())], "<u4"
    )
    return packed.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def unpack(blob: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """The numbers and counts in a blob, or in many that were joined."""
    three = np.frombuffer(blob, np.uint8).reshape(-1, 3).astype(np.uint32)
    packed = three[:, 0] | three[:, 1] << 8 | three[:, 2] << 16
    return (packed >> COUNT_BITS).astype(np.uint32), ((packed & (MOST_COUNTED - 1)) + 1).astype(np.uint32)
