import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import numbering, outgoing


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("1/2 First this.\n\n2/2 Then that.", "First this.\n\nThen that."),
        ("First this. (1/2)\n\nThen that. (2/2)", "First this.\n\nThen that."),
        ("First this. (1/2) Then that. (2/2)", "First this. Then that."),
        ("First this. 1/2\nThen that. 2/2", "First this.\nThen that."),
        ("[1/3] First. [2/3] Then. [3/3] Last.", "First. Then. Last."),
        ("1/2: First this.\n2/2: Then that.", "First this.\nThen that."),
        ("(1/3) First this, and the model stopped.", "First this, and the model stopped."),
        ("🧵 1/3 First this, and it stopped.", "First this, and it stopped."),
        ("First this, and it stopped. 1/3 🧵", "First this, and it stopped."),
        ("1/2\n\nFirst this.\n\n2/2\n\nThen that.", "First this.\n\nThen that."),
    ],
)
def test_the_numbers_of_a_thread_are_left_out(text, left):
    found = numbering.without(text)
    assert "\n".join(line for line in found.split("\n") if line) == "\n".join(filter(None, left.split("\n")))
    assert outgoing.read(text, ()) == outgoing.Sentence(found)


@pytest.mark.parametrize(
    "text",
    [
        "1/2 cup of sugar, and 3/4 of flour.",
        "1/3 of all people say so.",
        "It is 24/7, as on 1/2 and on 2/2.",
        "Take 1/2\nor 3/4",
        "(2/2) alone",
        "(1/2) and (1/2)",
        "see example.org/1/2",
        "No number at all.",
        "1/2 and in brackets (2/3)",
    ],
)
def test_other_numbers_stay(text):
    assert numbering.without(text) == text


@given(st.text(st.sampled_from("12345/()[] \n🧵ab."), max_size=60))
def test_only_digits_brackets_and_blanks_are_ever_left_out(text):
    def words(text):
        return [char for char in text if char in "ab"]

    assert words(numbering.without(text)) == words(text)
