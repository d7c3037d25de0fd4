"""How well each passage of a person answers a query: arithmetic over the arrays of one index. Pure.

The constants have reasons and round values, and no optimiser chose them. But variants were compared on the
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
NEIGHBOURS = (0.5, 0.25, 0.125)  # the share of its score that a passage adds to those 1, 2, 3 places away
POST = 40  # content words of a full post; a longer passage needs its neighbours less
DENSE = 0.4  # weight of the vectors; less than that of the words, which match more surely
NAMED = 0.15  # bonus for passages by a speaker whom the query names
OWN = 0.3  # bonus for the person's own words if nobody is named; the bot's words mostly repeat them
EMPTY = 0.01  # factor for what holds nothing to find
SHORT = 8  # content words; a longer question tells something of who asks it
SUPERSEDED = 0.3  # factor for a superseded note, unless the query asks about the past
YEAR_DIGITS, DAY_DIGITS, TINY = 4, 2, 1e-30
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query.

    `words` are its content words in order, `unnamed` those that are no part of a speaker's name, `named` the
    speakers it names (DIDs). `past`: it asks about what was true before.
    """

    words: tuple[str, ...]
    lang: str | None
    unnamed: tuple[str, ...]
    named: frozenset[str]
    past: bool


def parse_query(query: str, names: Mapping[str, str]) -> Query:
    """Parse a query. `names` maps each speaker's DID to a name."""
    found = read(query)
    words = tuple(dict.fromkeys(found.words))
    bare = {word: word.removesuffix("'s") for word in words}
    parts_of = {did: frozenset(read(name).words) for did, name in names.items()}
    name_words = frozenset().union(*parts_of.values())
    return Query(
        words=words,
        lang=found.lang,
        unnamed=tuple(word for word in words if bare[word] not in name_words),
        named=frozenset(did for did, parts in parts_of.items() if not parts.isdisjoint(bare.values())),
        past=bool(PAST.search(unicodedata.normalize("NFKC", query))),
    )


def score(index: PassageIndex, query: Query, vector: Vector | None, did: str, now: int) -> Floats:
    """The score of each passage, 0 for those that do not answer. `vector`: the query's, by the same encoder.

    What was said after `now` (microseconds since 1970) scores 0.
    """
    superseded = index.valid_to <= now
    words = _scaled(_with_neighbours(index, _lexical(index, query, superseded)))
    if vector is not None and index.norms.any():
        words = (1 - DENSE) * words + DENSE * _scaled(_with_neighbours(index, _dense(index, vector)))
    if query.named:
        prior = 1 + NAMED * np.isin(index.authors, list(query.named))
    else:
        prior = 1 + OWN * (index.authors == did)
    scores: Floats = words * prior * (index.at <= now)
    scores[_is_empty(index, query)] *= EMPTY
    return scores if query.past else np.where(superseded, SUPERSEDED * scores, scores)


def best(index: PassageIndex, scores: Floats, limit: int) -> NDArray[np.intp]:
    """The rows of the best passages, best first; among equal scores the newest first."""
    order = np.lexsort((-index.ids, -index.at, -np.round(scores, 9)))
    return order[scores[order] > 0][:limit]


def _lexical(index: PassageIndex, query: Query, superseded: NDArray[np.bool_]) -> Floats:
    """BM25 with this person's statistics.

    A word that is part of a date also matches the time of a passage. A query about the past also matches
    what is `superseded`, as if by one more word.
    """
    total = _bm25(index, superseded) if query.past else np.zeros(len(index))
    dated = any(word in MONTHS for word in query.words)
    for word in query.words:
        found = _occurrences(index, word, query.lang) + _in_date(index, word, dated=dated)
        total += _bm25(index, found)
    return total


def _bm25(index: PassageIndex, found: Floats | NDArray[np.bool_]) -> Floats:
    """What one word adds to the score of each passage, if it was `found` so often there."""
    matching = np.count_nonzero(found)
    if not matching:
        return np.zeros(len(index))
    rarity = np.log(1 + (len(index) - matching + 0.5) / (matching + 0.5))
    relative = index.lengths / max(index.lengths.mean(), 1)
    added: Floats = rarity * found * (K1 + 1) / (found + K1 * (1 - B + B * relative))
    return added


def _occurrences(index: PassageIndex, word: str, lang: str | None) -> Floats:
    """How often each passage has the word, stemmed by each language of the index."""
    found = np.zeros(len(index))
    for wanted in {number(word, each) for each in (*index.langs, lang)}:
        first, last = np.searchsorted(index.numbers, (wanted, wanted + 1))
        found[index.rows[first:last]] += index.counts[first:last]
    return found


def _is_empty(index: PassageIndex, query: Query) -> NDArray[np.bool_]:
    """What holds nothing to find: short questions, the query asked before, answers that know nothing."""
    known = {number(word, lang) for word in query.words for lang in (*index.langs, query.lang)}
    others = index.rows[~np.isin(index.numbers, list(known))]
    same = np.bincount(others, minlength=len(index)) == 0
    empty: NDArray[np.bool_] = index.unknowing | (index.questions & (same | (index.lengths <= SHORT)))
    return empty


def _in_date(index: PassageIndex, word: str, *, dated: bool) -> NDArray[np.bool_]:
    """The passages of this month, year, or (if the query names a month: `dated`) day of the month."""
    years, months, days = index.calendar
    if word in MONTHS:
        return np.equal(months, MONTHS[word])
    if word.isdecimal() and len(word) == YEAR_DIGITS:
        return np.equal(years, int(word))
    if word.isdecimal() and len(word) <= DAY_DIGITS and dated:
        return np.equal(days, int(word))
    return np.zeros(len(index), np.bool_)


def _dense(index: PassageIndex, vector: Vector) -> Floats:
    """Cosines above their median; 0 below it, where a vector says nothing and must not count against."""
    products = np.einsum("ij,j->i", index.vectors, vector)  # BLAS would wait for a free core
    known = index.norms > 0
    lengths = np.where(known, index.norms, 1) * max(float(np.linalg.norm(vector)), TINY)
    cosines: Floats = np.where(known, products / lengths, 0)
    return np.where(known, np.clip(cosines - np.median(cosines[known]), 0, None), 0)


def _with_neighbours(index: PassageIndex, scores: Floats) -> Floats:
    """Add to each passage part of the score of its neighbours in the thread.

    A reply rarely repeats what it answers. The notes of one chain are neighbours, too.
    """
    added = np.zeros(len(index))
    for step, part in enumerate(NEIGHBOURS, 1):
        same_thread = index.thread[step:] == index.thread[:-step]
        added[step:] += part * scores[:-step] * same_thread
        added[:-step] += part * scores[step:] * same_thread
    return scores + added * np.minimum(1, POST / np.maximum(index.lengths, 1))


def _scaled(scores: Floats) -> Floats:
    """The scores divided by the greatest of them."""
    most = scores.max(initial=0)
    return scores / most if most > 0 else scores
