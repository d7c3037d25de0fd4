"""Which of a person's passages answer a question: pure, over the arrays of one shelf.

The constants have reasons and round values, and no optimiser chose them; but variants were compared on the
two files that docs/memory.md names, so the scores there are development scores.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from memory.search.languages import MONTHS, PAST
from memory.search.stems import number, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from memory.search.index import Floats, PassageIndex

    Vector: TypeAlias = NDArray[np.float32]

K1, B = 1.2, 0.75  # Okapi BM25 as published
LENT = (0.5, 0.25, 0.125)  # what a neighbour 1, 2, 3 passages away lends: half as much at each step
POST = 40  # content words that a post holds; what is longer stands by itself, and borrows less
DENSE = 0.4  # the vectors' part of the score: less than the words', which are surer of what they match
NAMED = 0.15  # for what a person said, asked about by name
OWN = 0.3  # for what the person said, when nobody is named: the bot's own words only echo theirs
SUPERSEDED = 0.3  # what is left of the score of a note that was replaced, unless the past is asked for
YEAR_DIGITS, LONGEST_DAY, TINY = 4, 2, 1e-30
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Question:
    """A query, read: its content words in order, those that name no participant, and who is named (DIDs)."""

    words: tuple[str, ...]
    lang: str | None
    unnamed: tuple[str, ...]
    named: frozenset[str]
    past: bool


def ask(query: str, names: Mapping[str, str]) -> Question:
    """Read a query. `names` tells how each author (DID) is called; no part of a name is what is meant."""
    found = read(query)
    words = tuple(dict.fromkeys(found.words))
    bare = {word: word.removesuffix("'s") for word in words}
    called = {did: frozenset(read(name).words) for did, name in names.items()}
    everyone = frozenset().union(*called.values())
    return Question(
        words=words,
        lang=found.lang,
        unnamed=tuple(word for word in words if bare[word] not in everyone),
        named=frozenset(did for did, parts in called.items() if not parts.isdisjoint(bare.values())),
        past=bool(PAST.search(unicodedata.normalize("NFKC", query))),
    )


def score(shelf: PassageIndex, question: Question, vector: Vector | None, did: str, now: int) -> Floats:
    """How well each passage answers, 0 for those that do not. `vector`: the question's, by the shelf's model.

    What was said after `now` (microseconds) is not there yet.
    """
    over = shelf.closed <= now
    words = _scaled(_lend(shelf, _lexical(shelf, question, over)))
    if vector is not None and shelf.norms.any():
        words = (1 - DENSE) * words + DENSE * _scaled(_lend(shelf, _dense(shelf, vector)))
    if question.named:
        prior = 1 + NAMED * np.isin(shelf.authors, list(question.named))
    else:
        prior = 1 + OWN * (shelf.authors == did)
    scores: Floats = words * prior * (shelf.at <= now)
    return scores if question.past else np.where(over, SUPERSEDED * scores, scores)


def best(shelf: PassageIndex, scores: Floats, limit: int) -> NDArray[np.intp]:
    """The rows of the best passages, best first; of equals the newest first."""
    order = np.lexsort((-shelf.ids, -shelf.at, -np.round(scores, 9)))
    return order[scores[order] > 0][:limit]


def _lexical(shelf: PassageIndex, question: Question, over: NDArray[np.bool_]) -> Floats:
    """BM25 with this person's statistics.

    A word that tells a date matches when a passage was said, too; one that asks for the past, what is `over`.
    """
    total = _weighed(shelf, over) if question.past else np.zeros(len(shelf))
    dated = any(word in MONTHS for word in question.words)
    for word in question.words:
        found = _occurrences(shelf, word, question.lang) + _said_then(shelf, word, dated=dated)
        total += _weighed(shelf, found)
    return total


def _weighed(shelf: PassageIndex, found: Floats | NDArray[np.bool_]) -> Floats:
    """What a word that was `found` so often in each passage adds to its score."""
    holding = np.count_nonzero(found)
    if not holding:
        return np.zeros(len(shelf))
    rarity = np.log(1 + (len(shelf) - holding + 0.5) / (holding + 0.5))
    relative = shelf.lengths / max(shelf.lengths.mean(), 1)
    weighed: Floats = rarity * found * (K1 + 1) / (found + K1 * (1 - B + B * relative))
    return weighed


def _occurrences(shelf: PassageIndex, word: str, lang: str | None) -> Floats:
    """How often each passage holds the word, as each of the shelf's languages would stem it."""
    found = np.zeros(len(shelf))
    for wanted in {number(word, each) for each in (*shelf.langs, lang)}:
        first, last = np.searchsorted(shelf.numbers, (wanted, wanted + 1))
        found[shelf.rows[first:last]] += shelf.counts[first:last]
    return found


def _said_then(shelf: PassageIndex, word: str, *, dated: bool) -> NDArray[np.bool_]:
    """Which passages were said in this month, year, or (beside a month) on this day."""
    years, months, days = shelf.calendar
    if word in MONTHS:
        return np.equal(months, MONTHS[word])
    if word.isdecimal() and len(word) == YEAR_DIGITS:
        return np.equal(years, int(word))
    if word.isdecimal() and len(word) <= LONGEST_DAY and dated:
        return np.equal(days, int(word))
    return np.zeros(len(shelf), np.bool_)


def _dense(shelf: PassageIndex, vector: Vector) -> Floats:
    """Cosines above their median: below it a vector tells nothing, and must not count against a passage."""
    products = np.einsum("ij,j->i", shelf.vectors, vector)  # in this thread: BLAS would wait for a free core
    known = shelf.norms > 0
    lengths = np.where(known, shelf.norms, 1) * max(float(np.linalg.norm(vector)), TINY)
    cosines: Floats = np.where(known, products / lengths, 0)
    return np.where(known, np.clip(cosines - np.median(cosines[known]), 0, None), 0)


def _lend(shelf: PassageIndex, scores: Floats) -> Floats:
    """Neighbours in a thread lend part of their score: a reply rarely repeats what it answers.

    So do a note and what it replaced.
    """
    lent = np.zeros(len(shelf))
    for step, part in enumerate(LENT, 1):
        together = shelf.thread[step:] == shelf.thread[:-step]
        lent[step:] += part * scores[:-step] * together
        lent[:-step] += part * scores[step:] * together
    return scores + lent * np.minimum(1, POST / np.maximum(shelf.lengths, 1))


def _scaled(scores: Floats) -> Floats:
    """From 0 to 1: min-max, where the least is 0."""
    most = scores.max(initial=0)
    return scores / most if most > 0 else scores
