from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.factory import ANA, BEN, NOW

from bot.domain import bursts
from bot.domain.mention import StrongRef

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1/3 So I was thinking", (1, 3)),
        ("So I was thinking 1/3", (1, 3)),
        ("(2/3) and then", (2, 3)),
        ("[2/2] and then", (2, 2)),
        ("and then (2/3)", (2, 3)),
        ("1/3: So I was", (1, 3)),
        ("1 / 3 So I was", (1, 3)),
        ("So I was thinking 🧵1/12", (1, 12)),
        ("So I was thinking\n\n1/3 🧵", (1, 3)),
        ("1/1 alone", None),
        ("4/3 of it", None),
        ("0/3 of it", None),
        ("1/99 of them", None),
        ("I ate 1/2 of the cake", None),
        ("on 3/12 we met again", None),
        ("2024/12", None),
        ("24/7", None),
        ("see example.org/1/3", None),
        ("half: 1/2.5", None),
        ("the plugin on 04/28", None),
        ("my deadline is at 5/10", (5, 10)),
        ("", None),
    ],
)
def test_a_part_of_a_series_says_which_one_it_is(text, place):
    assert bursts.part_of_series(text) == place


def test_a_series_goes_on_until_its_last_part():
    assert bursts.is_unfinished("1/2 first")
    assert not bursts.is_unfinished("2/2 last")
    assert not bursts.is_unfinished("no series")


@pytest.mark.parametrize(
    ("text", "before", "follows"),
    [
        ("2/3 b", "1/3 a", True),
        ("3/3 c", "1/3 a", False),
        ("2/4 b", "1/3 a", False),
        ("2/3 b", "a", False),
        ("b", "1/3 a", False),
    ],
)
def test_the_next_part_follows_the_one_before(text, before, follows):
    assert bursts.follows(text, before) is follows


@given(st.text())
def test_any_text_can_be_looked_at(text):
    place = bursts.part_of_series(text)
    assert place is None or 1 <= place[0] <= place[1] <= bursts.MOST_PARTS


@pytest.mark.parametrize(
    ("first", "last", "unfinished", "heated", "merges"),
    [
        (90, 90, False, False, True),
        (91, 10, False, False, False),
        (200, 90, True, False, True),
        (200, 91, True, False, False),
        (3000, 2000, False, True, True),
    ],
)
def test_what_was_said_within_a_minute_and_a_half_is_one_burst(first, last, unfinished, heated, merges):
    ends = bursts.merges(NOW - first * SECOND, NOW - last * SECOND, NOW, unfinished=unfinished, heated=heated)
    assert ends is merges


def test_only_its_author_can_continue_a_series():
    post, first = (StrongRef(f"at://{did}/app.bsky.feed.post/3222222222222", "bafy") for did in (BEN, ANA))
    record = {"text": "2/3 and then", "reply": {"root": first.to_json(), "parent": first.to_json()}}

    assert not bursts.may_continue(post, BEN, record)
    assert bursts.may_continue(post, ANA, record)


@pytest.mark.parametrize("text", [None, 7, "no part", "1/3 the first"])
def test_what_is_no_later_part_continues_nothing(text):
    first = StrongRef(f"at://{ANA}/app.bsky.feed.post/3222222222222", "bafy")
    record = {"text": text, "reply": {"root": first.to_json(), "parent": first.to_json()}}
    assert not bursts.may_continue(first, ANA, record)
