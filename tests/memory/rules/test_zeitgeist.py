from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.memory_people import note

from memory.rules.consolidation import duplicate
from memory.rules.zeitgeist import PEOPLE_AT_LEAST, shared

SAYINGS = st.sampled_from(["likes tea", "Likes tea.", "LIKES TEA", "rides a bicycle", "loves Maria", "x"])
SAID = st.lists(st.tuples(st.sampled_from("abcde"), SAYINGS | st.text(max_size=4)), max_size=30)


@given(SAID)
def test_nothing_is_common_that_fewer_than_three_people_say(said):
    for text, people in shared(said):
        sayers = {who for who, words in said if duplicate([note(1, words)], text)}
        assert len(sayers) == people >= PEOPLE_AT_LEAST


@pytest.mark.parametrize(
    "text",
    ["loves Maria", "is called ana: ana", "follows @ana.test", "lives in Bonn", "see example.org", "is 30",
     "田中さんが好き", "reads ana-banana"],
)  # fmt: skip
def test_a_statement_that_might_name_somebody_is_never_shared(text):
    said = [(who, text) for who in "abcd"]
    assert shared(said, names=["Ana-Banana"]) == ()


def test_the_most_common_comes_first():
    said = [(who, "likes tea") for who in "abc"] + [(who, "rides a bicycle") for who in "abcd"]
    assert shared(said) == (("rides a bicycle", 4), ("likes tea", 3))
