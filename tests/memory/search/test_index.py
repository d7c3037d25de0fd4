"""An index that is extended is the one that would be built."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memory.search.index import IndexCache, build, extended
from memory.search.stems import pack, read

TEXTS = ("where does Ana live?", "I do not know", "in Lisbon", "Lisbon", "where?", "", "who knows?")
ENCODER = "e"
rows = st.lists(
    st.tuples(
        st.integers(0, 2),  # thread
        st.integers(0, 5),  # at
        st.sampled_from(TEXTS),
        st.sampled_from((None, b"\x01\x02", b"\x7f\x00")),
        st.sampled_from((None, 3)),  # valid_to
    ),
    max_size=12,
)


def row(number: int, thread: int, at: int, text: str, emb: bytes | None, valid_to: int | None):
    words = read(text, None)
    made = {"id": number, "author": f"did:plc:{number % 2}", "thread": thread, "at": at, "valid_to": valid_to}
    made |= {"is_question": text.endswith("?"), "lang": words.lang, "stems": pack(words)}
    return SimpleNamespace(**made, emb=emb, emb_model=emb and ENCODER)


@given(rows, rows)
def test_an_index_that_is_extended_is_the_one_that_would_be_built(old, new):
    made = [row(number, *each) for number, each in enumerate([*old, *new], 1)]
    before, after = made[: len(old)], made[len(old) :]
    whole, grown = build(made, ENCODER), extended(build(before, ENCODER), build(after, ENCODER))
    for field in fields(whole):
        one, other = getattr(whole, field.name), getattr(grown, field.name)
        if field.name in {"numbers", "rows", "counts"}:
            continue
        assert np.array_equal(one, other), field.name
    assert postings(whole) == postings(grown)
    assert np.array_equal(grown.numbers, np.sort(whole.numbers))


def postings(index) -> list[tuple[int, int, int]]:
    return sorted(zip(index.numbers.tolist(), index.rows.tolist(), index.counts.tolist(), strict=True))


def test_a_cache_keeps_within_its_rows_the_indexes_that_were_used_last():
    cache, asked = IndexCache(most_rows=3), []

    def load(after: int):
        asked.append(after)
        return build(
            [row(number, 0, number, "Lisbon", None, None) for number in (1, 2) if number > after], ENCODER
        )

    for did in ("a", "b", "b", "a"):
        cache.get(did, 1, load)
    assert asked == [0, 0, 2, 0]
