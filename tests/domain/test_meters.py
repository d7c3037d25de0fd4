import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.meters import Said, measure


def voice(*texts, **fields):
    return measure([Said(text, **fields) for text in texts])


def test_of_no_answers_nothing_is_measured():
    assert measure([]) is None


def test_who_says_always_the_same_has_little_variety():
    assert voice("I like tea and rain.", "Birds remember where they hid it.").variety == 1.0
    assert voice(*["I like tea and rain."] * 10).variety == pytest.approx(0.1)


@pytest.mark.parametrize(
    "text",
    [
        "Yes, that is so.",
        "Oh, absolutely!",
        "You're right, it does.",
        "“Exactly” is the word.",
        "Genau, so ist es.",
        "Tienes razón.",
        "Bien sûr que oui.",
        "その通りです。",
    ],
)
def test_an_answer_that_begins_by_agreeing_is_counted(text):
    assert voice(text, "No, I see it otherwise.").agrees == 0.5


@pytest.mark.parametrize(
    "text", ["Yesterday it rained.", "Jakarta is far.", "I think that you are right in a way.", "No, yes."]
)
def test_other_answers_do_not_agree(text):
    assert voice(text).agrees == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Great question! It does.",
        "What a lovely idea.",
        "Oh, that's a really good point.",
        "I love that you ask.",
        "Thanks for telling me.",
        "Tolle Frage!",
        "¡Qué buena pregunta!",
        "Merci beaucoup.",
        "いい質問ですね。",
    ],
)
def test_an_answer_that_opens_with_praise_is_counted(text):
    assert voice(text, "It does, at night.").praises == 0.5


@pytest.mark.parametrize(
    "text", ["The question is great.", "Greater Manchester.", "Good morning.", "Lovely weather in Lisbon."]
)
def test_other_answers_do_not_praise(text):
    assert voice(text).praises == 0.0


def test_an_answer_that_has_a_word_of_a_note_uses_memory():
    known = "> lives in Lisbon\n> has a cat called Miso"
    filler = [Said(f"Something about number {number}.", "hm", known) for number in range(40)]
    uses = Said("How is the rain in Lisbon?", "good morning", known)
    repeats = Said("Lisbon is a city.", "what is Lisbon?", known)

    assert measure([*filler, uses]).remembers == pytest.approx(1 / 41)
    assert measure([*filler, repeats]).remembers == 0.0


def test_a_word_that_every_answer_has_tells_of_no_note():
    known = "> likes walking outside"
    assert voice(*[f"Walking is number {number}" for number in range(50)], known=known).remembers == 0.0


@given(st.lists(st.builds(Said, st.text(), st.text(), st.text()), min_size=1, max_size=20))
def test_shares_are_shares(answers):
    found = measure(answers)
    assert found.answers == len(answers)
    assert all(0 <= share <= 1 for share in (found.variety, found.agrees, found.praises, found.remembers))
