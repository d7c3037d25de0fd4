"""Shingles: short runs of letters by which a text is recognised in another one. Pure.

Only letters and digits count, in one case, without accents: spaces, punctuation and line breaks hide nothing.
A note is stored by the hashes of every fourth run of 16 letters, so whatever repeats 19 letters of it shares
a hash with it. A shorter note is one hash.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import regex

from memory.identifiers import hash_64

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LENGTH, STRIDE = 16, 4
SHORTEST = 10  # letters of a note that is recognised; "likes tea" is nobody's own
CODE = regex.compile(r"(?=.*\d)(?=.*\p{L}).{6,64}")  # a word such as `canary7f3a` is one alone
LIKENESS = 5  # letters of a shingle by which two texts are compared
STEM, ENDING = 5, 3  # letters: forms of one word share at least the first, and differ by at most the second
MARKS = regex.compile(r"[\p{M}\p{Default_Ignorable_Code_Point}]")
SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}"
WORD = regex.compile(rf"[{SPACELESS}]|[\p{{L}}\p{{N}}--[{SPACELESS}]]+", regex.V1)
WIDE = regex.compile(rf"[{SPACELESS}]")
COMMON = frozenset(  # words that any note and any reply may have
    regex.findall(
        r"\w+",
        "a about also an and are as at be been being by called can cannot do does for from go goes had has"
        " have he her his in into is it its lives likes live like loves love me my no not now of often on or"
        " our out own owns plays she so some still studies than that the their them they this to too up very"
        " wants was we were when which who will with work works would you your yours",
    )
)


def words(text: str) -> tuple[str, ...]:
    """The words as they are compared. A letter of a script without spaces is a word, and counts twice."""
    plain = MARKS.sub("", unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text))).casefold()
    return tuple(word * 2 if WIDE.match(word) else word for word in WORD.findall(plain))


def letters(text: str) -> str:
    return "".join(words(text))


def of_note(text: str) -> frozenset[int]:
    """The hashes by which a note is stored."""
    run = letters(text)
    runs = {run[at : at + LENGTH] for at in range(0, len(run) - LENGTH + 1, STRIDE)}
    if SHORTEST <= len(run) < LENGTH:
        runs.add(run)
    return frozenset(hash_64(each) for each in (*runs, *_codes(text)))


def of_text(text: str, own: Iterable[str] = (), shortest: int = SHORTEST) -> frozenset[int]:
    """The hashes of all notes that may stand in this text.

    A run that has only common words, and words of `own` texts, is not among them: who is answered may be told
    their own words. Notes of fewer than `shortest` letters are left out.
    """
    said = list(own)
    known, own_codes = forms(said), {code for each in said for code in _codes(each)}
    parts = words(text)
    new = "".join(("0" if word in COMMON or is_known(word, known) else "1") * len(word) for word in parts)
    run = "".join(parts)
    found = (run[at:end] for at, end in _spans(parts, shortest) if "1" in new[at:end])
    codes = _codes(text) - own_codes
    return frozenset(hash_64(each) for each in (*found, *codes))


def forms(texts: Iterable[str]) -> frozenset[str]:
    """The beginnings by which other forms of the words in these texts are known."""
    return frozenset(start for text in texts for word in words(text) for start in _starts(word))


def _starts(word: str) -> Iterator[str]:
    """The word with no, one, two ... letters less. A word with digits has one form."""
    shortest = len(word) if any(map(str.isdigit, word)) else max(STEM, len(word) - ENDING)
    yield from (word[:end] for end in range(min(shortest, len(word)), len(word) + 1))


def is_known(word: str, known: frozenset[str]) -> bool:
    return not known.isdisjoint(_starts(word))


def without_known(text: str, own: Iterable[str]) -> str:
    """The letters of the words that are not among those of `own` texts."""
    known = forms(own)
    return "".join(word for word in words(text) if not is_known(word, known))


def likeness(one: str, other: str) -> float:
    """How much of the shingles of two runs of letters is common to both: 0 to 1."""
    a, b = _grams(one), _grams(other)
    return len(a & b) / len(a | b) if a and b else 0.0


def _grams(run: str) -> set[str]:
    return {run[at : at + LIKENESS] for at in range(len(run) - LIKENESS + 1)}


def _spans(parts: tuple[str, ...], shortest: int) -> Iterator[tuple[int, int]]:
    """Where a stored run may stand: of LENGTH letters anywhere, and shorter ones from word to word."""
    ends, total = [], 0
    for part in parts:
        total += len(part)
        ends.append(total)
    yield from ((at, at + LENGTH) for at in range(total - LENGTH + 1))
    for first, part in enumerate(parts):
        start = ends[first] - len(part)
        for end in ends[first : first + LENGTH]:
            if end - start >= LENGTH:
                break
            if end - start >= shortest:
                yield start, end


def _codes(text: str) -> set[str]:
    """The words with letters and digits."""
    return {code for each in text.split() if CODE.fullmatch(code := letters(each))}
