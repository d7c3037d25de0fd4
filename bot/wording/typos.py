"""Words that are one slip of the finger away from a word of the patterns. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MIN_CHARS = 6  # of what was written: shorter words have too many neighbours (reply, repay)


def known(words: Iterable[str]) -> Mapping[tuple[str, str], frozenset[str]]:
    """The words by their first and their last letter."""
    found = defaultdict(set)
    for word in words:
        found[word[0], word[-1]].add(word)
    return {ends: frozenset(those) for ends, those in found.items()}


def mended(word: str, words: Mapping[tuple[str, str], frozenset[str]]) -> str:
    """The one of the `known` words that this one was meant to be; itself if there is not exactly one.

    A letter may be missing, doubled, wrong, or swapped with the next, but not the first or the last.
    """
    near = words.get((word[:1], word[-1:]), frozenset())
    if len(word) < MIN_CHARS or word in near:
        return word
    meant = [other for other in near if abs(len(word) - len(other)) <= 1 and _is_slip(word, other)]
    return meant[0] if len(meant) == 1 else word


def _is_slip(word: str, other: str) -> bool:
    start = _common(word, other)
    end = min(_common(word[::-1], other[::-1]), len(word) - start, len(other) - start)
    left, right = word[start : len(word) - end], other[start : len(other) - end]
    return max(len(left), len(right)) <= 1 or left[:2] == right[::-1]


def _common(one: str, other: str) -> int:
    """How many letters at their start are the same."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
