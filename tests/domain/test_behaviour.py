"""What a program's answers look like, and what people's do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.behaviour import Answer, is_automatic

AUTOMATIC = 4

LONG = "That is a fascinating point about the migration of birds, tell me more about it please {}"


def answers(count, text=LONG, **after):
    return [Answer(text.format("abcdefghij"[n] * 9), timedelta(**after)) for n in range(count)]


@pytest.mark.parametrize(
    ("given_", "automatic"),
    [
        (answers(AUTOMATIC, seconds=3), True),
        (answers(AUTOMATIC - 1, seconds=3), False),
        (answers(9, seconds=40), True),  # alike
        (answers(9, minutes=2), False),
        (answers(9, text="ok", seconds=1), False),  # a thumb is quick
        (
            [
                Answer(f"{'one two three four five'[:n]} and so on it goes", timedelta(minutes=1))
                for n in (3, 9)
            ],
            False,
        ),
        ([], False),
    ],
)
def test_who_answers_faster_than_anybody_writes_or_alike_is_a_program(given_, automatic):
    assert is_automatic(given_, AUTOMATIC) is automatic


def test_a_person_who_types_fast_is_none():
    texts = [
        "no way, I have never seen one of those in my garden",
        "it was about as big as a robin, maybe a bit bigger",
        "blue on top and grey below, with a white throat",
        "they bury acorns everywhere and dig up my tulips",
        "thanks, I will look for the nest tomorrow morning",
    ]
    assert not is_automatic([Answer(text, timedelta(seconds=5 + len(text) / 7)) for text in texts], AUTOMATIC)


@given(st.lists(st.builds(Answer, st.text(max_size=300), st.timedeltas(timedelta(0), timedelta(hours=1)))))
def test_a_further_answer_never_makes_a_person_of_a_program(given_):
    judged = [is_automatic(given_[:n], AUTOMATIC) for n in range(len(given_) + 1)]
    assert judged == sorted(judged)
