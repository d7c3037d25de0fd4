"""A long text becomes several messages, none too long for the lexicon, and none of it is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.direct_messages import MAX_MESSAGES, MAX_OF_EXPORT, cut, exact, fits, listed

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
ZALGO = "a" + "\u0301" * 9000
TEXTS = st.lists(st.sampled_from([*'abc "\\{}', "é", "日", FAMILY, "\u0301"]), min_size=1, max_size=400).map(
    lambda letters: "".join(letters) * 9
)


def more(count, total):
    return f"{count} of {total}"


def joined(messages):
    """What the introduction tells people to do."""
    return "".join(message.partition("\n")[2] for message in messages[1:])


@given(TEXTS | st.just(ZALGO) | st.just(FAMILY * 3000) | st.just(" " * 5000) | st.just("x" * 20_000))
def test_messages_without_their_first_lines_joined_are_the_text(text):
    messages = exact(lambda count: f"{count} follow", text, more)
    assert joined(messages) == text
    assert messages[0] == f"{len(messages) - 1} follow"
    assert all(map(fits, messages))


@given(st.dictionaries(st.text(), st.text(), max_size=20))
def test_json_is_the_same_json_again(value):
    assert json.loads(joined(exact(str, json.dumps(value), more))) == value


def test_no_message_begins_or_ends_with_a_space_that_an_app_could_strip():
    pieces = cut("word " * 2000)
    assert [piece for piece in pieces[:-1] if piece != piece.strip()] == []


def test_what_is_beyond_the_bound_is_said_in_the_last_message():
    messages = exact(str, "x" * 300_000, more)
    assert (len(messages), messages[-1]) == (MAX_OF_EXPORT, "198 of 304")
    assert messages[0] == "304"
    assert all(map(fits, messages))


@given(st.lists(st.text(st.sampled_from("ab é日"), min_size=1, max_size=300).map(str.strip).filter(bool)))
def test_a_list_keeps_each_line_whole_and_in_order(lines):
    messages = listed("Notes:", lines, more)
    shown = [line for message in messages for line in message.split("\n")]
    assert [line for line in shown if "/" not in line] == ["Notes:", *lines]
    assert all(map(fits, messages))


def test_one_message_has_no_number_and_several_have():
    assert listed("Notes:", ["a", "b"], more) == ("Notes:\na\nb",)
    assert [message[:4] for message in listed("Notes:", ["a" * 900, "b" * 900], more)] == ["1/2\n", "2/2\n"]


@pytest.mark.parametrize("line", ["x" * 3000, ZALGO, FAMILY * 900])
def test_a_line_that_is_too_long_is_cut(line):
    messages = listed("Notes:", [line], more)
    assert all(map(fits, messages))
    text = "".join(message.partition("\n")[2] for message in messages)
    assert text.removeprefix("Notes:") == line


def test_a_list_is_bounded_too():
    messages = listed("Notes:", ["a" * 900] * 100, more)
    assert (len(messages), messages[-1]) == (MAX_MESSAGES, "29 of 100")
