import pytest

from bot.domain.probing import Answer, Side, Verdict, is_contradiction, question, verdict

FACT = "lives in Lisbon with a cat"
HOLDS, DENIED, UNCLEAR = Verdict.HOLDS, Verdict.DENIED, Verdict.UNCLEAR


@pytest.mark.parametrize(
    ("side", "text", "says"),
    [
        (Side.SO, "Yes, that is in my notes.", HOLDS),
        (Side.SO, "No, I have nothing like it.", DENIED),
        (Side.NOT_SO, "No. I do have that one.", HOLDS),
        (Side.NOT_SO, "You're right, there is none.", DENIED),
        (Side.OPEN, "“Lives in Lisbon with a cat.”", HOLDS),
        (Side.OPEN, "I don't have a note on that.", DENIED),
        (Side.OPEN, "Let us talk of tea.", UNCLEAR),
        (Side.SO, "You live in Lisbon, with a cat.", HOLDS),
        (Side.SO, "Genau.", HOLDS),
        (Side.NOT_SO, "Nein, das steht da.", HOLDS),
        (Side.SO, None, UNCLEAR),
    ],
)
def test_an_answer_says_that_the_fact_holds_or_does_not(side, text, says):
    assert verdict(side, FACT, text) is says


def test_the_open_question_does_not_give_the_whole_fact_away():
    assert "cat" not in question(Side.OPEN, FACT)
    assert FACT in question(Side.SO, FACT)
    assert FACT in question(Side.NOT_SO, FACT)


@pytest.mark.parametrize(
    ("verdicts", "contradicts"),
    [
        ((HOLDS, HOLDS, HOLDS), False),
        ((HOLDS, UNCLEAR, UNCLEAR), False),
        ((DENIED, DENIED, DENIED), False),
        ((HOLDS, HOLDS, DENIED), True),
    ],
)
def test_who_says_both_contradicts_itself(verdicts, contradicts):
    answers = [Answer(side, "", each) for side, each in zip(Side, verdicts, strict=True)]
    assert is_contradiction(answers) is contradicts
