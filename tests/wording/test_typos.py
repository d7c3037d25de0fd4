from hypothesis import given
from hypothesis import strategies as st

from bot.wording.parse import parse
from bot.wording.typos import MIN_CHARS, known, mended

WORDS = ("replying", "answering", "forget", "please", "everything")
KNOWN = known(WORDS)


@st.composite
def slips(draw):
    """A word, and what becomes of it by one slip between its first and its last letter."""
    word = draw(st.sampled_from(WORDS).filter(lambda word: len(word) > MIN_CHARS))
    at = draw(st.integers(1, len(word) - 2))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    slip = draw(st.sampled_from(["missing", "added", "wrong", "swapped"]))
    if slip == "swapped":
        at = min(at, len(word) - 3)
        return word, word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    middle = {"missing": "", "added": word[at] + letter, "wrong": letter}[slip]
    return word, word[:at] + middle + word[at + 1 :]


@given(slips())
def test_one_slip_within_a_word_is_mended(slip):
    word, written = slip
    assert mended(written, KNOWN) == word


def test_another_word_is_left_alone():
    words = known(["reply", "stopping", "alone"])
    for word in ("repay", "reply", "stoppers", "alines", "a", "", "alien", "topping"):
        assert mended(word, words) == word
    assert mended("stale", known(["stare", "stake"])) == "stale"  # which of the two?


def test_a_slip_is_no_wish_to_forget_all_but_a_question():
    assert parse("forget me completely") == "forget"
    assert parse("forget me compleetly") == "may forget"


def test_a_form_of_a_word_is_no_slip():
    assert parse("не пиши мені") == "stop"
    assert parse("я мовчу") is None
    assert parse("no me hables") == "stop"
    assert parse("ya no me hablas") is None
