from __future__ import annotations

import pytest

from memory.rules.slots import slot


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lives in Bonn", "now lives in Oslo."),
        ("lives in Bonn", "wohnt in Berlin"),
        ("vive en Madrid", "mora em Lisboa"),
        ("東京に住んでいる", "大阪に住んでいます"),
        ("is called Ana", "goes by Annie"),
        ("is 34 years old", "is 35"),
        ("birthday: 3 May", "Birthday: 5 May"),
    ],
)
def test_what_a_person_has_one_of_fills_the_same_slot_in_any_language(one, other):
    assert slot(one) == slot(other) is not None


@pytest.mark.parametrize(
    "text",
    [
        "says: I like tea",
        "likes tea",
        "lives in fear of spiders",
        "lives in a boat",
        "lives in Bonn and Berlin",
        "also lives in Oslo",
        "used to live in Bonn",
        "no longer lives in Bonn",
        "has a dog",
        "works as a nurse",
        "is 34 years older than Ben",
        "https://example.org",
        "",
    ],
)
def test_what_may_stand_beside_another_fills_no_slot(text):
    assert slot(text) is None
