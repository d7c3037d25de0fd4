"""Texts as stems, and stems as the numbers that are stored and scored.

A word is stemmed by the language of its text; scripts that put no space between words are cut into pairs of
characters. A language's commonest words are left out: they stand in every text.
"""

from __future__ import annotations

import unicodedata
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import regex
import snowballstemmer

from memory.search.languages import COMMON, detect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30FC"
WORD = regex.compile(
    rf"[{UNSPACED}\p{{M}}]*[{UNSPACED}][{UNSPACED}\p{{M}}]*"
    rf"|[[\p{{L}}\p{{N}}\p{{M}}_]--[{UNSPACED}]]+(?:['][[\p{{L}}]--[{UNSPACED}]]+)*",
    regex.V1,
)
RUN = regex.compile(rf"[{UNSPACED}]")
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
MOST = 2**COUNT_BITS  # BM25 hardly tells 8 occurrences from 80
BITS = 21  # two million numbers: one word in a few hundred shares its own with another word of that person


@dataclass(frozen=True, slots=True)
class Words:
    """A text's language and its words, in order, folded but not stemmed."""

    lang: str | None
    words: tuple[str, ...]


def read(text: str, hint: str | None = None) -> Words:
    """The words of a text, alike in any case and composition, without the commonest of its language."""
    found = list(_words(unicodedata.normalize("NFKC", text).casefold().replace(APOSTROPHE, "'")))
    lang = detect(text, found, hint)
    common = COMMON.get(lang or "", frozenset())
    return Words(lang, tuple(word for word in found if word not in common))


def _words(text: str) -> Iterable[str]:
    for found in WORD.findall(text):
        if RUN.match(found) and len(found) > 1:
            yield from (first + second for first, second in pairwise(found))
        else:
            yield found


@lru_cache(maxsize=65536)
def number(word: str, lang: str | None) -> int:
    """The number of a word's stem in this language; without one, of the word itself."""
    name = STEMMERS.get(lang or "")
    stem = snowballstemmer.stemmer(name).stemWord(word) if name else word
    return zlib.crc32(stem.encode()) >> (32 - BITS)


def pack(words: Words) -> bytes:
    """Three bytes a stem: its number, and how often it stands there."""
    counts = Counter(number(word, words.lang) for word in words.words)
    packed = np.array([n << COUNT_BITS | min(count, MOST) - 1 for n, count in sorted(counts.items())], "<u4")
    return packed.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def unpack(blob: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Numbers and counts, of one blob or of many after each other."""
    three = np.frombuffer(blob, np.uint8).reshape(-1, 3).astype(np.uint32)
    packed = three[:, 0] | three[:, 1] << 8 | three[:, 2] << 16
    return (packed >> COUNT_BITS).astype(np.uint32), ((packed & (MOST - 1)) + 1).astype(np.uint32)
